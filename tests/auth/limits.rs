//! Is a caller who asks too often held back, and nobody else? Contract section 19; the config
//! allows 20 requests a minute to the routes of tables.

use super::limited;
use edgebase_tests::{Answer, Client};
use serde_json::json;

const OPEN: &str = "/api/db/app/tables/open";

/// Somebody at an address that no other test uses.
fn at(address: &str) -> Client {
    limited().anonymous().with("x-forwarded-for", address)
}

async fn exhaust(client: &Client) -> Answer {
    for n in 0..20 {
        let answer = client.get(OPEN).await;
        assert_ne!(answer.status, 429, "request {n}: {}", answer.text);
    }
    client.get(OPEN).await
}

#[tokio::test]
async fn the_request_after_the_last_one_of_a_window_is_429_and_says_when_to_come_back() {
    let client = at("192.0.2.1");
    let answer = exhaust(&client).await;
    assert_eq!(
        (answer.status, &answer.body),
        (
            429,
            &json!({"code": 429, "message": "Too many requests. Please try again later.", "group": "db"})
        )
    );
    let wait: u64 = answer.headers["retry-after"].parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    assert!(!answer.headers.keys().any(|name| name.starts_with("x-ratelimit")));
    // Every route of tables, whatever is asked; and still, without a break.
    for path in ["/api/db/nope/tables/x", "/api/db/app", "/api/db/"] {
        assert_eq!(client.get(path).await.status, 429, "{path}");
    }
    // Only those: the rest belongs to the group `global`, which has far more.
    for path in [
        "/api/health",
        "/api/config",
        "/openapi.json",
        "/",
        "/api/db/subscribe",
        "/api/db/connect-check",
    ] {
        assert_ne!(client.get(path).await.status, 429, "{path}");
    }
    let sql = json!({"namespace": "app", "sql": "SELECT 1"});
    assert_eq!(client.post("/api/sql", &sql).await.status, 403);
    assert_eq!(client.send("OPTIONS", OPEN, None).await.status, 204);
    // And only this caller.
    at("192.0.2.2").get(OPEN).await.expect(200);
}

#[tokio::test]
async fn a_valid_key_is_not_counted_and_an_invalid_one_is() {
    let client = at("192.0.2.3");
    assert_eq!(exhaust(&client).await.status, 429);
    let service = &limited().service_key;
    client.with("x-edgebase-service-key", service).get(OPEN).await.expect(200);
    client.bearer(service).get(OPEN).await.expect(200);
    // Its scope is not looked at: it is the key that is known.
    let scoped = client.with("x-edgebase-service-key", "jb_sql_secret");
    assert_eq!(scoped.get(OPEN).await.status, 401);
    // Nor its tenant, unlike its other constraints.
    let tenant = client.with("x-edgebase-service-key", "acme secret");
    assert_eq!(tenant.get(OPEN).await.status, 401);
    for text in [
        "",
        "wrong",
        "past secret",
        "production secret",
        "office secret",
        "plain secret",
        "off secret",
    ] {
        let answer = client.with("x-edgebase-service-key", text).get(OPEN).await;
        assert_eq!(answer.status, 429, "{text}");
    }
    // Neither does a user's token help.
    let token = edgebase_tests::token::user(&limited().jwt_secret, "u", &json!({}));
    assert_eq!(client.bearer(&token).get(OPEN).await.status, 429);
}

#[tokio::test]
async fn callers_without_an_address_share_one_window() {
    let nobody = limited().anonymous();
    for n in 0..20 {
        nobody.with("x-forwarded-for", &format!("unknown-{n}")).get(OPEN).await;
    }
    assert_eq!(nobody.get(OPEN).await.status, 429);
    assert_eq!(nobody.with("x-forwarded-for", "").get(OPEN).await.status, 429);
    at("192.0.2.4").get(OPEN).await.expect(200);
}

#[tokio::test]
async fn an_ipv6_subscriber_cannot_change_addresses_within_its_network() {
    for n in 0..20 {
        at(&format!("2001:db8:5:5::{n:x}")).get(OPEN).await.expect(200);
    }
    assert_eq!(at("2001:db8:5:5:ffff::1").get(OPEN).await.status, 429);
    at("2001:db8:5:6::1").get(OPEN).await.expect(200);
}
