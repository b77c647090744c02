//! Does release mode deny whatever no rule allows, and tell good tokens and keys from bad ones?

use edgebase_tests::token::{now, sign};
use edgebase_tests::{Product, unique};
use jsonwebtoken::Algorithm;
use serde_json::json;
use std::sync::Arc;

const OPEN: &str = "/api/db/app/tables/open";

fn product() -> Arc<Product> {
    Product::shared("release.ts")
}

#[tokio::test]
async fn a_bad_token_is_401_on_every_api_path() {
    let product = product();
    let secret = &product.jwt_secret;
    let claims = |more: serde_json::Value| {
        let mut claims = json!({"sub": "u", "iss": "edgebase:user", "exp": now() + 60});
        claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        claims
    };
    let hs256 = |claims| sign(secret, Algorithm::HS256, &claims);
    let none = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ1IiwiaXNzIjoiZWRnZWJhc2U6dXNlciJ9.";
    for (token, message, word) in [
        ("abc".into(), "Invalid token.", "TOKEN_INVALID"),
        (none.into(), "Invalid token.", "TOKEN_INVALID"),
        (sign("other", Algorithm::HS256, &claims(json!({}))), "Invalid token.", "TOKEN_INVALID"),
        (hs256(claims(json!({"iss": "somebody"}))), "Invalid token.", "TOKEN_INVALID"),
        (hs256(claims(json!({"type": "refresh"}))), "Invalid token.", "TOKEN_INVALID"),
        (hs256(claims(json!({"nbf": now() + 600}))), "Invalid token.", "TOKEN_INVALID"),
        (hs256(claims(json!({"exp": now() - 1}))), "Token expired.", "TOKEN_EXPIRED"),
    ] {
        let client = product.anonymous().bearer(&token);
        for path in [OPEN, "/api/db/nope/tables/x", "/api/health", "/api/config", "/api/nope"] {
            let answer = client.get(path).await;
            assert_eq!((answer.status, answer.message()), (401, message), "{path} {token}");
            assert_eq!(answer.body["error"], word);
        }
    }
    for algorithm in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
        let token = sign(secret, algorithm, &claims(json!({})));
        product.anonymous().bearer(&token).get(OPEN).await.expect(200);
    }
    // The scheme is one in any case (RFC 9110, 11.1), where the original knows `Bearer` only.
    for scheme in ["bearer", "BEARER", "bEaReR", "Bearer "] {
        let with =
            |token: &str| product.anonymous().with("authorization", &format!("{scheme} {token}"));
        let answer = with("abc").get(OPEN).await;
        answer.refused(401, "Invalid token.");
        assert_eq!(
            answer.headers["www-authenticate"],
            r#"Bearer realm="edgebase", error="invalid_token""#
        );
        let token = sign(secret, Algorithm::HS256, &claims(json!({})));
        with(&token).get(OPEN).await.expect(200);
    }
    // Only spaces stand behind the scheme (RFC 9110, 11.4): with a tab it is no valid token, and its
    // caller not nobody.
    let token = sign(secret, Algorithm::HS256, &claims(json!({})));
    for value in
        [format!("Bearer\t{token}"), format!("bearer \t{token}"), format!("Bearer\t {token}")]
    {
        let client = product.anonymous().with("authorization", &value);
        client.get(OPEN).await.refused(401, "Invalid token.");
    }
    // Any other scheme is nobody, and nobody is not refused by itself.
    product.anonymous().with("authorization", "Basic abc").get(OPEN).await.expect(200);
}

#[tokio::test]
async fn a_token_that_expires_is_refused_from_then_on() {
    let product = product();
    let claims = json!({"sub": "u", "iss": "edgebase:user", "exp": now() + 2});
    let client = product.anonymous().bearer(&sign(&product.jwt_secret, Algorithm::HS256, &claims));
    client.get(OPEN).await.expect(200);
    tokio::time::sleep(std::time::Duration::from_millis(3_100)).await;
    client.get(OPEN).await.refused(401, "Token expired.");
}

#[tokio::test]
async fn what_is_not_configured_or_has_no_rules_is_denied() {
    let product = product();
    let hint = "Add access.* rules or disable release mode for local-only development.";
    for client in [product.anonymous(), product.user("u")] {
        client.get("/api/db/nope/tables/x").await.refused(
            403,
            "Access denied. Namespace 'nope' is not configured. Check the API path or add this namespace to config.databases.",
        );
        client
            .get("/api/db/app/tables/nope")
            .await
            .refused(403, "Access denied. Table 'nope' is not configured. Check the API path or add this table, with access rules, to the config.");
        client.get("/api/db/app/tables/unruled").await.refused(
            403,
            &format!("Access denied. No access rules are defined for table 'unruled'. {hint}"),
        );
        client
            .post("/api/db/app/tables/readonly", &json!({"title": "x"}))
            .await
            .refused(403, "Access denied. No 'insert' rule defined for 'readonly'.");
    }
    let service = product.service();
    service.get("/api/db/nope/tables/x").await.expect(404);
    let made =
        service.post("/api/db/app/tables/readonly", &json!({"title": "x"})).await.expect(201);
    let record = format!("/api/db/app/tables/readonly/{}", made["id"].as_str().unwrap());
    let user = product.user("u");
    user.get(&record).await.expect(200);
    assert_eq!(user.patch(&record, &json!({"title": "y"})).await.status, 403, "no update rule");
    assert_eq!(user.delete(&record).await.status, 403, "no delete rule");
    let everything = json!({"action": "delete", "filter": [["title", "!=", ""]]});
    let answer = user.post("/api/db/app/tables/readonly/batch-by-filter", &everything).await;
    assert_eq!(answer.status, 403, "{}", answer.text);
    assert_eq!(
        user.post("/api/db/app/tables/readonly/batch", &json!({"deletes": [made["id"]]}))
            .await
            .status,
        403
    );
    assert_eq!(user.get(&record).await.expect(200), made);
}

#[tokio::test]
async fn rules_see_the_stored_row_and_not_what_is_sent_or_asked_for() {
    let product = product();
    let (owner, thief) = (unique("owner"), unique("thief"));
    let row = json!({"title": "x", "ownerId": owner});
    let made = product.user(&owner).post(OPEN, &row).await.expect(201);
    let record = format!("{OPEN}/{}", made["id"].as_str().unwrap());
    let takeover = json!({"ownerId": thief});
    product.user(&thief).patch(&record, &takeover).await.expect(403);
    let batch = json!({"updates": [{"id": made["id"], "data": takeover}]});
    product.user(&thief).post(&format!("{OPEN}/batch"), &batch).await.expect(403);
    let mut upsert = takeover.clone();
    upsert["id"] = made["id"].clone();
    product.user(&thief).post(&format!("{OPEN}?upsert=true"), &upsert).await.expect(403);
    assert_eq!(product.user(&owner).get(&record).await.expect(200), made);
    // A literal false holds for the owner, too.
    product.user(&owner).delete(&record).await.expect(403);
    product.user(&owner).patch(&record, &json!({"title": "y"})).await.expect(200);
}

#[tokio::test]
async fn a_rule_that_loops_or_throws_denies_in_time_and_the_server_goes_on() {
    let product = product();
    let slow = "/api/db/app/tables/slow";
    let made = product.service().post(slow, &json!({"title": "x"})).await.expect(201);
    let record = format!("{slow}/{}", made["id"].as_str().unwrap());
    let user = product.user("u");
    user.post(slow, &json!({"title": "y"})).await.expect(403);
    let begun = std::time::Instant::now();
    for _ in 0..5 {
        user.get(&record).await.expect(403);
        let list = user.get(slow).await;
        assert!(matches!(list.status, 403 | 503), "{}", list.text);
    }
    assert!(begun.elapsed().as_secs() < 10, "{:?}", begun.elapsed());
    user.get(OPEN).await.expect(200);
}

#[tokio::test]
async fn a_scoped_key_does_what_its_scope_says() {
    let product = product();
    let key = |text: &str| product.anonymous().with("x-edgebase-service-key", text);
    let reader = key("jb_reader_a1b2c3");
    reader.get(OPEN).await.expect(200);
    reader
        .post(OPEN, &json!({"title": "x"}))
        .await
        .refused(401, "Invalid X-EdgeBase-Service-Key for scope 'db:table:open:write'.");
    reader.get("/api/db/app/tables/readonly").await.expect(401);
    for bad in ["", "bad", "jb_reader_a1b2c4", "jb_other_a1b2c3", "jb_reader"] {
        key(bad)
            .get(OPEN)
            .await
            .refused(401, "Invalid X-EdgeBase-Service-Key for scope 'db:table:open:read'.");
    }
    // As a bearer value it is a key, too; a wrong one is a bad token.
    product.anonymous().bearer("jb_reader_a1b2c3").get(OPEN).await.expect(200);
    product
        .anonymous()
        .bearer(&product.service_key)
        .get("/api/db/app/tables/unruled")
        .await
        .expect(200);
}

#[tokio::test]
async fn an_instance_needs_a_user_and_then_serves() {
    let product = product();
    let room = unique("room");
    let path = format!("/api/db/room/{room}/tables/messages");
    product
        .anonymous()
        .post(&path, &json!({"text": "x"}))
        .await
        .refused(403, &format!("Access denied. You do not have access to room:{room}."));
    let user = product.user("u");
    user.post(&path, &json!({"text": "hi"})).await.expect(201);
    assert_eq!(user.get(&format!("{path}/count")).await.expect(200), json!({"total": 1}));
}
