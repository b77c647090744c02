//! Contract 3: which of several mistakes is told.

use super::{Row, Who, hold, product};
use edgebase_tests::{Product, unique};
use serde_json::json;

#[tokio::test]
async fn in_development_the_first_mistake_on_the_way_is_told() {
    let absent = format!("/api/db/space/{}/tables", unique("forbidden"));
    let create =
        json!({"code": 403, "message": "DB creation not allowed.", "error": "CANNOT_CREATE_DB"});
    let mut rows = vec![
        // A bad key comes before a place that does not exist.
        Row::get("3", "/api/db/nope/tables/x", 401).with("x-edgebase-service-key", "bad"),
        // The target, then the table, then the body.
        Row::post("3", "/api/db/app/x/tables/nope", json!({"title": 1}), 400)
            .says("instanceId is not allowed for single-instance namespace 'app'"),
        Row::post("3", "/api/db/app/tables/nope", json!([]), 404)
            .says("Table 'nope' not found in database 'app'."),
        Row::get("3", "/api/db/app/tables/nope?limit=x", 404),
        // The body, then the record.
        Row::patch("3", "/api/db/app/tables/writes/nope", json!({"title": 1}), 400),
        Row::patch("3", "/api/db/app/tables/writes/nope", json!({"title": "fine"}), 404),
        // The rule about the instance comes before its target is looked at.
        Row::get("3", "/api/db/ruled/private:x/tables/t", 403),
        Row::get("3", "/api/db/ruled/x:y/tables/t", 400).says("instanceId must not contain ':'"),
    ];
    // Creation comes before the table and the body.
    for row in [
        Row::get("3", format!("{absent}/nope"), 403),
        Row::get("3", format!("{absent}/routes?limit=x"), 403),
        Row::get("3", format!("{absent}/routes"), 403),
        Row::post("3", format!("{absent}/routes"), json!({"title": 1}), 403),
        Row::post("3", format!("{absent}/routes"), json!({"title": "fine"}), 403),
        Row::new("3", "POST", format!("{absent}/routes"), 403).sends("text/plain", "x"),
    ] {
        rows.push(row.is(create.clone()));
    }
    rows.push(Row::get("3", format!("{absent}/routes"), 200).by(Who::Service));
    hold(&product(), rows).await;
}

#[tokio::test]
async fn in_release_strangers_learn_nothing_of_what_there_is() {
    let product = Product::shared("rows_release.ts");
    let hint = "Add access.* rules or disable release mode for local-only development.";
    let nowhere = "Access denied. Namespace 'nope' is not configured. Check the API path or add this namespace to config.databases.";
    let unknown = "Access denied. Table 'nope' is not configured. Check the API path or add this table, with access rules, to the config.";
    let unruled = format!("Access denied. No access rules are defined for table 'none'. {hint}");
    let mut rows = Vec::new();
    for who in [Who::Nobody, Who::User("u")] {
        for (path, said) in [
            ("/api/db/nope/tables/x", nowhere),
            ("/api/db/nope/x/tables/x", nowhere),
            ("/api/db/app/tables/nope", unknown),
            ("/api/db/app/x/tables/nope", unknown),
            ("/api/db/room/x/tables/nope", unknown),
            ("/api/db/app/tables/none", unruled.as_str()),
        ] {
            let body = json!({"code": 403, "message": said});
            rows.push(Row::get("8.1", path, 403).by(who.clone()).is(body.clone()));
            rows.push(Row::post("8.1", path, json!([]), 403).by(who.clone()).is(body.clone()));
            rows.push(
                Row::get("8.1", format!("{path}?limit=x"), 403).by(who.clone()).is(body.clone()),
            );
            rows.push(Row::delete("8.1", format!("{path}/x"), 403).by(who.clone()).is(body));
        }
    }
    for (path, status) in [
        ("/api/db/nope/tables/x", 404),
        ("/api/db/app/tables/nope", 404),
        ("/api/db/app/tables/none", 200),
        ("/api/db/app/x/tables/none", 400),
        ("/api/db/room/tables/messages", 400),
    ] {
        rows.push(Row::get("3", path, status).by(Who::Service));
    }
    for path in [
        "/api/health",
        "/api/config",
        "/api/nope",
        "/api/db/nope/tables/x",
        "/api/db/app/tables/none",
    ] {
        rows.push(
            Row::get("4.3", path, 401)
                .by(Who::Nobody)
                .with("authorization", "Bearer abc")
                .is(json!({"code": 401, "message": "Invalid token.", "error": "TOKEN_INVALID"})),
        );
    }
    rows.push(
        Row::get("4.3", "/openapi.json", 200).by(Who::Nobody).with("authorization", "Bearer abc"),
    );
    rows.push(
        Row::get("5.5", "/api/db/nope/tables/x", 401)
            .by(Who::Nobody)
            .with("x-edgebase-service-key", "bad")
            .says("Invalid X-EdgeBase-Service-Key for scope 'db:table:x:read'."),
    );
    // The insert rule comes before the target and the body.
    let denied = "Access denied. The 'insert' access rule for table 'never' rejected this request.";
    rows.push(Row::post("3", "/api/db/app/x/tables/never", json!({"title": 1}), 403).says(denied));
    rows.push(Row::post("3", "/api/db/app/tables/never", json!([]), 403).says(denied));
    hold(&product, rows).await;
}
