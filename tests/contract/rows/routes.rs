//! Contract 1: which requests are routes, what their names mean, and which targets are refused.

use super::{Row, Who, both, hold, product};
use edgebase_tests::{encode, unique};
use serde_json::json;

#[tokio::test]
async fn the_nine_operations_answer_under_both_prefixes() {
    for t in both() {
        let t = format!("{t}/routes");
        let id = unique("r");
        let filter = encode(&json!([["id", "==", id]]).to_string());
        hold(
            &product(),
            vec![
                Row::post("1.1", &t, json!({"id": id, "title": "one"}), 201),
                Row::get("1.1", format!("{t}?filter={filter}"), 200).count(1),
                Row::get("1.1", format!("{t}/count?filter={filter}"), 200).is(json!({"total": 1})),
                Row::get("1.1", format!("{t}/search?search=one&filter={filter}"), 200).count(1),
                Row::get("1.1", format!("{t}/{id}"), 200).has(json!({"id": id, "title": "one"})),
                Row::patch("1.1", format!("{t}/{id}"), json!({"title": "two"}), 200)
                    .has(json!({"title": "two"})),
                Row::post("1.1", format!("{t}?upsert=true"), json!({"id": id, "title": "six"}), 200)
                    .has(json!({"id": id, "action": "updated"})),
                Row::post("1.1", format!("{t}/batch"), json!({"updates": []}), 200)
                    .is(json!({"updated": []})),
                Row::post(
                    "1.1",
                    format!("{t}/batch-by-filter"),
                    json!({"action": "update", "filter": [["id", "==", id]], "update": {"views": 1}}),
                    200,
                )
                .is(json!({"processed": 1, "succeeded": 1})),
                Row::delete("1.1", format!("{t}/{id}"), 200).is(json!({"deleted": true})),
            ],
        )
        .await;
    }
}

#[tokio::test]
async fn what_is_no_route_is_404_with_the_path() {
    let mut rows = Vec::new();
    for t in both() {
        let t = format!("{t}/routes");
        for (method, path) in [
            ("PUT", format!("{t}/x")),
            ("PUT", t.clone()),
            ("PATCH", t.clone()),
            ("DELETE", t.clone()),
            ("GET", format!("{t}/")),
            ("POST", format!("{t}/")),
            ("POST", format!("{t}/x")),
            ("GET", format!("{t}/x/y")),
            ("GET", format!("{t}/x/")),
            ("POST", format!("{t}/batch/x")),
        ] {
            let said = format!("Path '{path}' was not found on this EdgeBase server.");
            rows.push(Row::new("1.1", method, path, 404).is(json!({"code": 404, "message": said})));
        }
        rows.push(Row::new("1.1", "HEAD", t.clone(), 405).empty());
        rows.push(Row::new("1.1", "HEAD", format!("{t}/x"), 405).empty());
        rows.push(
            Row::get("1.1", format!("{t}?expand=parent,nope&limit=0"), 200)
                .has(json!({"items": []})),
        );
        // The Python SDK announces JSON on every request.
        rows.push(
            Row::get("1.1", format!("{t}?limit=0"), 200).with("content-type", "application/json"),
        );
        for keyword in ["count", "search"] {
            rows.push(Row::get("1.1", format!("{t}/{keyword}"), 200).lacks(&["title"]));
            rows.push(Row::delete("1.1", format!("{t}/{keyword}"), 404));
        }
    }
    for (method, path) in [
        ("GET", "/api/sql"),
        ("GET", "/api/db/space//tables/routes"),
        ("GET", "/api/db//tables/routes"),
        ("GET", "/api/db/app/tables/"),
        ("GET", "/api/db/app/tables"),
        ("POST", "/api/health"),
        ("GET", "/api/nope"),
        ("GET", "/nope"),
    ] {
        let said = format!("Path '{path}' was not found on this EdgeBase server.");
        rows.push(Row::new("1.1", method, path, 404).says(said));
    }
    for (method, path) in [
        ("GET", "/api/db/subscribe"),
        ("GET", "/api/db/connect-check"),
        ("POST", "/api/db/broadcast"),
    ] {
        rows.push(
            Row::new("1.1", method, path, 404)
                .begins("Live subscriptions are not part of this server")
                .choice("live subscriptions and broadcast are not served"),
        );
    }
    let internal = "Access denied. Internal endpoints are not publicly accessible.";
    for path in ["/internal/x", "/internal", "/internal/a/b"] {
        rows.push(Row::get("1.1", path, 403).is(json!({"code": 403, "message": internal})));
        rows.push(Row::post("1.1", path, json!({}), 403).says(internal).by(Who::Service));
    }
    rows.push(Row::get("1.1", "/", 200).has(json!({"name": "EdgeBase API"})));
    for path in ["/", "/api/health", "/api/config", "/openapi.json"] {
        rows.push(Row::new("1.1", "HEAD", path, 200).empty());
    }
    // Single-instance routes are tried first, so an instance called `tables` cannot be addressed.
    rows.push(
        Row::get("1.1", "/api/db/space/tables/tables/routes", 400)
            .says("instanceId is required for dynamic namespace 'space'"),
    );
    hold(&product(), rows).await;
}

#[tokio::test]
async fn every_segment_is_percent_decoded() {
    let run = unique("d");
    let mut rows = Vec::new();
    for id in [
        "a/b",
        "with space",
        "ünï😀",
        " padded ",
        "UPPER",
        "upper",
        &"x".repeat(301),
        &"ä".repeat(301),
    ] {
        let path = format!("/api/db/space/{}/tables/routes", encode(id));
        rows.push(
            Row::post("1.2", &path, json!({"id": run, "title": "in"}), 201)
                .choice("an id is at most 1,024 bytes"),
        );
        rows.push(Row::get("1.2", &path, 200).items("id", vec![json!(run)]));
    }
    let odd = encode("odd name/ä");
    for t in both() {
        rows.push(Row::post("1.2", format!("{t}/{odd}"), json!({"id": run, "title": "t"}), 201));
        rows.push(Row::get(
            "1.2",
            format!("{t}/{odd}/%{:02x}{}", run.as_bytes()[0], &run[1..]),
            200,
        ));
    }
    rows.push(Row::get("1.2", "/api/db/%61pp/tables/ro%75tes?limit=0", 200));
    rows.push(
        Row::get("1.2", "/api/db/app/tables/routes/%FF", 400)
            .choice("bytes that are no UTF-8 are refused"),
    );
    hold(&product(), rows).await;
}

#[tokio::test]
async fn targets_are_refused_in_the_contracts_words() {
    let mut rows = Vec::new();
    let long = "x".repeat(1_025);
    for (path, status, said) in [
        ("/api/db/nope/tables/t", 404, "Database 'nope' not found in config"),
        ("/api/db/nope/x/tables/t", 404, "Database 'nope' not found in config"),
        (
            "/api/db/space/tables/routes",
            400,
            "instanceId is required for dynamic namespace 'space'",
        ),
        ("/api/db/ruled/tables/t", 400, "instanceId is required for dynamic namespace 'ruled'"),
        (
            "/api/db/app/x/tables/routes",
            400,
            "instanceId is not allowed for single-instance namespace 'app'",
        ),
        ("/api/db/space/%20/tables/routes", 400, "instanceId must not be empty"),
        ("/api/db/space/a:b/tables/routes", 400, "instanceId must not contain ':'"),
        ("/api/db/space/a%3Ab/tables/routes", 400, "instanceId must not contain ':'"),
        ("/api/db/app/tables/nope", 404, "Table 'nope' not found in database 'app'."),
        ("/api/db/space/x/tables/nope", 404, "Table 'nope' not found in database 'space'."),
        // The order of contract 3: the target before the table.
        (
            "/api/db/app/x/tables/nope",
            400,
            "instanceId is not allowed for single-instance namespace 'app'",
        ),
    ] {
        for who in [Who::Nobody, Who::User("u"), Who::Service] {
            rows.push(Row::get("1.3", path, status).says(said).by(who.clone()));
            rows.push(Row::post("1.3", path, json!({}), status).says(said).by(who.clone()));
            rows.push(Row::get("1.3", format!("{path}/count"), status).says(said).by(who));
        }
    }
    for (id, said) in [
        (long.as_str(), "instanceId must be at most 1024 bytes long"),
        ("a%0Ab", "instanceId must not contain control characters"),
    ] {
        rows.push(
            Row::get("1.3", format!("/api/db/space/{id}/tables/routes"), 400)
                .says(said)
                .choice("an id has at most 1,024 bytes and no control characters"),
        );
    }
    for (target, status, said) in [
        (json!({"namespace": "nope"}), 404, "Namespace 'nope' not found in config"),
        (json!({"namespace": "space"}), 400, "id is required for dynamic namespace 'space'"),
        (
            json!({"namespace": "app", "id": "x"}),
            400,
            "id is not allowed for single-instance namespace 'app'",
        ),
        (json!({"namespace": "space", "id": " "}), 400, "id must not be empty"),
        (json!({"namespace": "space", "id": "a:b"}), 400, "id must not contain ':' (§2)"),
    ] {
        let mut body = target.clone();
        body["sql"] = json!("SELECT 1");
        rows.push(Row::post("1.3", "/api/sql", body.clone(), status).says(said).by(Who::Service));
        for who in [Who::Nobody, Who::User("u")] {
            rows.push(
                Row::post("1.3", "/api/sql", body.clone(), 403)
                    .by(who)
                    .choice("the key is looked at before the body, so nobody else learns of it"),
            );
        }
    }
    hold(&product(), rows).await;
}

#[tokio::test]
async fn a_rule_about_instances_makes_a_block_dynamic() {
    let id = unique("i");
    let rows = vec![
        Row::post("6.2", format!("/api/db/ruled/{id}/tables/t"), json!({"n": 1}), 201),
        Row::get("8.2", "/api/db/ruled/private/tables/t", 403)
            .is(json!({"code": 403, "message": "Access denied. You do not have access to ruled:private."})),
        Row::get("8.2", "/api/db/ruled/private%20a%2Fb/tables/t", 403)
            .says("Access denied. You do not have access to ruled:private a/b."),
        Row::get("8.2", "/api/db/ruled/private/tables/t", 200).by(Who::Service),
        // Without canCreate nobody but a service key creates.
        Row::get("9", format!("/api/db/closed/{id}/tables/t"), 403).is(
            json!({"code": 403, "message": "DB creation not allowed.", "error": "CANNOT_CREATE_DB"}),
        ),
        Row::post("9", format!("/api/db/closed/{id}/tables/t"), json!({}), 403),
        Row::post("9", format!("/api/db/closed/{id}/tables/t"), json!({"n": 1}), 201).by(Who::Service),
        Row::get("9", format!("/api/db/closed/{id}/tables/t"), 200).count(1),
        // A read creates nothing and answers as from an empty database.
        Row::get("9", format!("/api/db/space/{id}/tables/routes"), 200).is(json!({
            "items": [], "total": 0, "hasMore": false, "cursor": null, "page": 1, "perPage": 100
        })),
        Row::get("9", format!("/api/db/space/{id}/tables/routes/count"), 200).is(json!({"total": 0})),
        Row::get("9", format!("/api/db/space/{id}/tables/routes/x"), 404)
            .says("Record 'x' not found in 'routes'."),
        Row::get("9", format!("/api/db/space/{id}/export"), 404)
            .by(Who::Service)
            .choice("reads do not create the instance, so there is nothing to export"),
        Row::patch("9", format!("/api/db/space/{id}/tables/routes/x"), json!({"views": 1}), 404),
        Row::delete("9", format!("/api/db/space/{id}/tables/routes/x"), 404),
        Row::post("9", "/api/sql", json!({"namespace": "space", "id": id, "sql": "SELECT 1 AS a"}), 200)
            .by(Who::Service),
        Row::get("9", format!("/api/db/space/{id}/export"), 200)
            .by(Who::Service)
            .choice("raw SQL always creates"),
    ];
    hold(&product(), rows).await;
}
