//! What does the server say of itself? Contract section 17.

use super::{direct, trusting};
use edgebase_tests::{Client, Product, fixture};
use serde_json::{Value, json};

fn somebody() -> Client {
    trusting().anonymous().with("x-forwarded-for", "192.0.2.200")
}

#[tokio::test]
async fn health_and_config_and_the_front_page_are_public() {
    let health = somebody().get("/api/health").await.expect(200);
    assert_eq!((&health["status"], &health["version"]), (&json!("ok"), &json!("0.1.0")));
    let time = health["timestamp"].as_str().unwrap();
    assert!(time.ends_with('Z') && time.len() == "2026-01-01T00:00:00.000Z".len(), "{time}");

    let config = somebody().get("/api/config").await;
    assert_eq!(config.headers["cache-control"], "public, max-age=60, s-maxage=60");
    assert_eq!(config.expect(200), json!({"captcha": {"siteKey": "site-key"}}));
    assert_eq!(direct().anonymous().get("/api/config").await.expect(200), json!({"captcha": null}));

    let front = somebody().get("/").await.expect(200);
    assert_eq!(front, json!({"name": "EdgeBase API", "docs": "/openapi.json", "admin": null}));
    // A bad key is not looked at where none is asked for; a bad token is, in release mode.
    let bad = somebody().with("x-edgebase-service-key", "bad");
    bad.get("/api/health").await.expect(200);
    somebody().bearer("bad").get("/api/health").await.refused(401, "Invalid token.");
    somebody().bearer("bad").get("/").await.expect(200);
}

#[tokio::test]
async fn the_schema_is_closed_open_or_for_callers_who_are_known() {
    let tables = json!({"tables": {
        "open": {"namespace": "app", "fts": true},
        "closed": {"namespace": "app", "fts": false},
        "messages": {"namespace": "room", "fts": false},
    }});
    assert_eq!(somebody().get("/api/schema").await.expect(200), tables);

    let who = "Authentication required to read the schema endpoint.";
    let nobody = direct().anonymous();
    nobody.get("/api/schema").await.refused(401, who);
    assert_eq!(direct().user("u").get("/api/schema").await.expect(200), tables);
    for text in ["dashboard secret", "jb_schema_secret", "jb_any_secret", "jb_segments_secret"] {
        let client = nobody.with("x-edgebase-service-key", text);
        assert_eq!(client.get("/api/schema").await.expect(200), tables, "{text}");
    }
    for text in ["", "wrong", "jb_both_secret", "past secret", "acme secret"] {
        let client = nobody.with("x-edgebase-service-key", text);
        client
            .get("/api/schema")
            .await
            .refused(401, "Invalid X-EdgeBase-Service-Key for schema reads.");
    }
    let closed = Product::shared("release.ts");
    for client in [closed.anonymous(), closed.user("u"), closed.service()] {
        client.get("/api/schema").await.refused(404, "Schema endpoint is disabled.");
    }
}

#[tokio::test]
async fn the_openapi_document_names_the_origin_that_was_used_and_the_contracts_operations() {
    let document = somebody().get("/openapi.json").await.expect(200);
    assert_eq!(
        (&document["openapi"], &document["info"]["title"]),
        (&json!("3.1.0"), &json!("EdgeBase API"))
    );
    assert_eq!(document["info"]["version"], "0.1.0");
    assert_eq!(document["servers"][0]["url"], trusting().url.as_str());
    let schemes = &document["components"]["securitySchemes"];
    assert_eq!(schemes["serviceKeyAuth"]["name"], "X-EdgeBase-Service-Key");
    assert!(schemes["userBearerAuth"].is_object() && schemes["adminBearerAuth"].is_object());
    let ids: Vec<&str> = document["paths"]
        .as_object()
        .unwrap()
        .values()
        .flat_map(|path| path.as_object().unwrap().values())
        .filter_map(|operation| operation["operationId"].as_str())
        .collect();
    for id in [
        "dbSingleListRecords",
        "dbListRecords",
        "dbSingleCountRecords",
        "dbCountRecords",
        "dbSingleSearchRecords",
        "dbSearchRecords",
        "dbSingleGetRecord",
        "dbGetRecord",
        "dbSingleInsertRecord",
        "dbInsertRecord",
        "dbSingleBatchRecords",
        "dbBatchRecords",
        "dbSingleBatchByFilter",
        "dbBatchByFilter",
        "dbSingleUpdateRecord",
        "dbUpdateRecord",
        "dbSingleDeleteRecord",
        "dbDeleteRecord",
        "executeSql",
        "getHealth",
        "getSchema",
        "getConfig",
        "listInstances",
        "deleteInstance",
        "exportInstance",
    ] {
        assert!(ids.contains(&id), "{id}");
    }
    let origin = async |client: Client| {
        client.get("/openapi.json").await.expect(200)["servers"][0]["url"].clone()
    };
    let host = |base: Client| base.with("host", "api.example.com");
    assert_eq!(origin(host(somebody())).await, "http://api.example.com");
    let proto = |base: Client| host(base).with("x-forwarded-proto", "https");
    assert_eq!(origin(proto(somebody())).await, "https://api.example.com");
    assert_eq!(origin(proto(direct().anonymous())).await, "http://api.example.com");
    let odd = somebody().with("host", "x/\"><script>");
    assert!(!odd.get("/openapi.json").await.text.contains("<script"));
}

#[tokio::test]
async fn what_is_not_served_says_so() {
    for (method, path) in [
        ("GET", "/api/db/subscribe"),
        ("GET", "/api/db/connect-check"),
        ("POST", "/api/db/broadcast"),
    ] {
        let body = (method == "POST").then(|| ("application/json", b"{}".to_vec()));
        for client in [somebody(), direct().service()] {
            let answer = client.send(method, path, body.clone()).await;
            assert_eq!((answer.status, &answer.body["slug"]), (404, &json!("not-found")));
            assert!(answer.message().starts_with("Live subscriptions are not part of this server"));
        }
    }
    for (method, path) in
        [("POST", "/api/health"), ("GET", "/api/sql"), ("GET", "/api/"), ("GET", "/api/db")]
    {
        let answer = somebody().send(method, path, None).await;
        answer.refused(404, &format!("Path '{path}' was not found on this EdgeBase server."));
    }
    somebody()
        .get("/internal/anything")
        .await
        .refused(403, "Access denied. Internal endpoints are not publicly accessible.");
}

#[tokio::test]
async fn a_config_that_trusts_wrongly_does_not_start() {
    let folder = std::env::temp_dir().join(format!("edgebase-bad-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let check = |text: &str| {
        let path = folder.join("edgebase.config.ts");
        std::fs::write(&path, format!("export default {text};\n")).unwrap();
        let output = std::process::Command::new(edgebase_tests::binary())
            .args(["check", "--config"])
            .arg(&path)
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        (output.status.success(), text)
    };
    std::fs::copy(fixture("keys/README.md"), folder.join("broken.json")).unwrap();
    let entry = |entry: Value| json!({"databases": {}, "auth": {"tokens": [entry]}}).to_string();
    for (config, words) in [
        (entry(json!({"issuer": "i", "jwks": "broken.json"})), "broken.json"),
        (entry(json!({"issuer": "i", "jwks": "absent.json"})), "absent.json"),
        (entry(json!({"issuer": "i", "jwks": "http://example.com/keys"})), "auth.tokens.0.jwks"),
        (entry(json!({"issuer": "i", "jwks": "https://x/", "audiences": "a"})), "audiences"),
    ] {
        let (ok, text) = check(&config);
        assert!(!ok && text.contains(words), "{config}: {text}");
    }
    let (ok, text) = check(&entry(json!({"issuer": "i", "secret": "X", "audience": "a"})));
    assert!(ok && text.contains("tokens of i (secret X), audience a"), "{text}");
    let _ = std::fs::remove_dir_all(&folder);
}
