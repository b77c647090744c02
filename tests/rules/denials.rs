//! Which rule said no, and to whom: told by `edgebase dev`, never by `edgebase serve`.

use crate::{FIXTURE, app, product};
use edgebase_tests::{Answer, Client, Product, Serving, Settings, fixture, token, unique};
use jsonwebtoken::Algorithm;
use serde_json::json;

const HEADER: &str = "x-edgebase-denied-by";

/// Requests that are denied, each with the header that a development server answers.
async fn denied(service: &Client, anonymous: &Client, user: &Client) -> Vec<(Answer, String)> {
    let mark = unique("m");
    let (owned, texts, id) = (app("owned"), app("texts"), unique("w"));
    let made = service.post(&owned, &json!({"title": mark, "ownerId": "somebody"})).await;
    let record = format!("{owned}/{}", made.expect(201)["id"].as_str().unwrap());
    let text = service.post(&texts, &json!({"title": mark, "ownerId": "somebody"})).await;
    let text = format!("{texts}/{}", text.expect(201)["id"].as_str().unwrap());
    let falsy = |rule: &str| format!("{rule}; cause=\"the rule returned a falsy value\"");
    let access = |rule: &str| format!("databases.app.tables.{rule}");
    let filter = json!([["title", "==", mark]]);
    let bulk = json!({"action": "delete", "filter": filter});
    let inside = |block: &str| format!("/api/db/{block}/{id}/tables/docs");
    let batch = json!({"updates": [{"id": record.rsplit('/').next(), "data": {"n": 1}}]});
    vec![
        (user.get(&inside("workspace")).await, falsy("databases.workspace.access.access")),
        (user.get(&inside("studio")).await, falsy("databases.studio.access.access")),
        (
            anonymous.get(&inside("workspace")).await,
            "databases.workspace.access.access; cause=\"the rule threw: cannot read property 'id' of null or undefined\"".into(),
        ),
        (
            user.post(&inside("sealed"), &json!({"title": "x"})).await,
            "databases.sealed.access.canCreate; cause=\"there is no such rule\"".into(),
        ),
        (
            user.delete(&format!("/api/db/sealed/{id}")).await,
            "databases.sealed.access.delete; cause=\"there is no such rule\"".into(),
        ),
        (
            user.delete(&format!("/api/db/workspace/{id}")).await,
            falsy("databases.workspace.access.delete"),
        ),
        (anonymous.post(&owned, &json!({"title": "x"})).await, falsy(&access("owned.access.insert"))),
        (user.get(&record).await, falsy(&access("owned.access.read"))),
        (
            anonymous.query(&texts, &[("filter", &filter.to_string())]).await,
            format!("{}; cause=\"the rule is 'auth != null'\"", access("texts.access.read")),
        ),
        (
            anonymous.query(&format!("{texts}/count"), &[("filter", &filter.to_string())]).await,
            format!("{}; cause=\"the rule is 'auth != null'\"", access("texts.access.read")),
        ),
        (user.patch(&record, &json!({"n": 1})).await, falsy(&access("owned.access.update"))),
        (user.delete(&record).await, falsy(&access("owned.access.delete"))),
        (user.post(&format!("{owned}/batch"), &batch).await, falsy(&access("owned.access.update"))),
        (
            user.post(&format!("{texts}/batch-by-filter"), &bulk).await,
            format!("{}; cause=\"the rule is false\"", access("texts.access.delete")),
        ),
        (
            anonymous.get(&text).await,
            format!("{}; cause=\"the rule is 'auth != null'\"", access("texts.access.read")),
        ),
        (
            user.patch(&text, &json!({"n": 1})).await,
            format!(
                "{}; cause=\"the rule is 'auth.id == resource.ownerId'\"",
                access("texts.access.update")
            ),
        ),
        (
            user.delete(&text).await,
            format!("{}; cause=\"the rule is false\"", access("texts.access.delete")),
        ),
        (
            user.post(&texts, &json!({"title": "x"})).await,
            format!("{}; cause=\"the rule is 'auth == null'\"", access("texts.access.insert")),
        ),
        (
            anonymous.get("/api/db/shared/tables/members").await,
            "databases.shared.tables.members.access.read; cause=\"the rule is false\"".into(),
        ),
    ]
}

async fn denied_by(product: &Product) -> Vec<(Answer, String)> {
    denied(&product.service(), &product.anonymous(), &product.user(&unique("u"))).await
}

#[tokio::test]
async fn in_development_a_refusal_names_its_rule() {
    let product = product();
    for (answer, wanted) in denied_by(&product).await {
        assert_eq!(answer.status, 403, "{wanted}: {}", answer.text);
        assert_eq!(answer.headers.get(HEADER), Some(&wanted), "{}", answer.text);
    }
    // What is allowed, missing or malformed names nothing.
    let user = product.user("u");
    for (answer, status) in [
        (user.get(&app("many")).await, 200),
        (user.get(&app("nothing")).await, 404),
        (user.query(&app("many"), &[("limit", "x")]).await, 400),
    ] {
        assert_eq!((answer.status, answer.headers.get(HEADER)), (status, None), "{}", answer.text);
    }
}

#[tokio::test]
async fn in_development_the_refusal_of_a_hook_names_it() {
    let (product, path) = (product(), app("hooked"));
    let user = product.user("u");
    let hook = |name: &str, cause: &str| {
        format!("databases.app.tables.hooked.handlers.hooks.{name}; cause=\"{cause}\"")
    };
    let says = |note: &str| json!({"title": "says", "note": note});
    let kept = user.post(&path, &json!({"title": "kept"})).await.expect(201);
    let kept = format!("{path}/{}", kept["id"].as_str().unwrap());
    for (answer, status, wanted) in [
        (user.post(&path, &says("forbidden")).await, 403, "the hook threw: forbidden"),
        (user.post(&path, &says("too \"odd\"\n")).await, 400, "the hook threw: too \\\"odd\\\" "),
        (user.post(&path, &json!({"title": "typed"})).await, 418, "the hook threw: I am a teapot"),
        (user.post(&path, &json!({"title": "hangs"})).await, 503, "the hook was not done in time"),
    ] {
        assert_eq!(answer.status, status, "{}", answer.text);
        let header = answer.headers.get(HEADER);
        assert_eq!(header, Some(&hook("beforeInsert", wanted)), "{}", answer.text);
    }
    let answer = user.delete(&kept).await;
    let wanted = hook("beforeDelete", "the hook threw: Forbidden to delete");
    assert_eq!(answer.headers.get(HEADER), Some(&wanted), "{}", answer.text);
    // What a typed error says about fields is not lost.
    let typed = user.post(&path, &json!({"title": "typed"})).await;
    assert_eq!(typed.body["data"]["title"]["message"], "tea", "{}", typed.text);
    assert_eq!(typed.body["slug"], "teapot");
}

#[tokio::test]
async fn in_development_a_refusal_says_that_the_token_did_not_count() {
    let product = product();
    let claims = json!({"sub": "u", "iss": "edgebase:user", "exp": token::now() - 60});
    let expired = token::sign(&product.jwt_secret, Algorithm::HS256, &claims);
    let anonymous = product.anonymous();
    let path = app("owned");
    let refused =
        "databases.app.tables.owned.access.insert; cause=\"the rule returned a falsy value\"";
    for (client, caller) in [
        (anonymous.bearer(&expired), "; caller=\"nobody: token expired\""),
        (anonymous.bearer("nonsense"), "; caller=\"nobody: token invalid\""),
        (anonymous.clone(), ""),
    ] {
        let answer = client.with("origin", "http://localhost:5173").post(&path, &json!({})).await;
        assert_eq!(answer.status, 403, "{}", answer.text);
        assert_eq!(answer.headers.get(HEADER), Some(&format!("{refused}{caller}")));
        // A page may read it.
        let exposed = answer.headers["access-control-expose-headers"].to_lowercase();
        assert!(exposed.split(", ").any(|name| name == HEADER), "{exposed}");
    }
}

#[tokio::test]
async fn in_development_a_config_in_release_mode_is_explained_and_serve_explains_nothing() {
    let release = ("EDGEBASE_PUBLIC_RELEASE", "yes");
    let settings =
        Settings { environment: vec![(release.0.into(), release.1.into())], ..Settings::default() };
    let product = Product::start_with(&fixture(FIXTURE), settings);
    for (answer, wanted) in denied_by(&product).await {
        assert_eq!(answer.status, 403, "{wanted}: {}", answer.text);
        assert_eq!(answer.headers.get(HEADER), Some(&wanted), "{}", answer.text);
    }
    let absent = "databases.app.tables.partly.access.insert; cause=\"there is no such rule\"";
    let answer = product.user("u").post(&app("partly"), &json!({"title": "x"})).await;
    assert_eq!(answer.headers.get(HEADER).map(String::as_str), Some(absent));
    let secrets =
        [("JWT_USER_SECRET", &*product.jwt_secret), ("SERVICE_KEY", &*product.service_key)];
    let open = Serving::start(&fixture(FIXTURE), &product.proxy_url, &secrets).unwrap();
    let anonymous = Client::anonymous(&open.url);
    let user = token::user(&product.jwt_secret, &unique("u"), &json!({}));
    let service = anonymous.with("x-edgebase-service-key", &product.service_key);
    for (answer, rule) in denied(&service, &anonymous, &anonymous.bearer(&user)).await {
        assert_eq!((answer.status, answer.headers.get(HEADER)), (403, None), "{rule}");
    }
    let secrets = [secrets[0], secrets[1], release];
    let serving = Serving::start(&fixture(FIXTURE), &product.proxy_url, &secrets).unwrap();
    let anonymous = Client::anonymous(&serving.url);
    let service = anonymous.with("x-edgebase-service-key", &product.service_key);
    let user = anonymous.bearer(&token::user(&product.jwt_secret, "u", &json!({})));
    let mut denied = denied(&service, &anonymous, &user).await;
    // In release mode a missing rule denies.
    let partly = app("partly");
    let made = service.post(&partly, &json!({"title": "x"})).await.expect(201);
    let record = format!("{partly}/{}", made["id"].as_str().unwrap());
    let everything =
        json!({"action": "update", "filter": [["title", "!=", ""]], "update": {"n": 1}});
    for answer in [
        user.post(&partly, &json!({"title": "x"})).await,
        user.post(&format!("{partly}?upsert=true"), &json!({"title": "x"})).await,
        user.patch(&record, &json!({"n": 1})).await,
        user.delete(&record).await,
        user.post(&format!("{partly}/batch"), &json!({"deletes": [made["id"]]})).await,
        user.post(&format!("{partly}/batch-by-filter"), &everything).await,
        user.get("/api/db/app/tables/nothing").await,
        user.get("/api/db/nothing/tables/x").await,
    ] {
        denied.push((answer, String::new()));
    }
    for (answer, rule) in denied {
        assert_eq!(answer.status, 403, "{rule}: {}", answer.text);
        assert_eq!(answer.headers.get(HEADER), None, "{rule}");
        assert!(!answer.text.contains("falsy"), "{}", answer.text);
    }
    assert_eq!(user.get(&record).await.expect(200), made);
}
