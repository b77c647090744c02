//! Contract 8: what rules refuse, in which words, and the holes of the original that are closed.

use super::{Row, Who, hold, prepare};
use edgebase_tests::{Product, unique};
use serde_json::{Value, json};
use std::sync::Arc;

const T: &str = "/api/db/app/tables";

fn product() -> Arc<Product> {
    Product::shared("rows_release.ts")
}

async fn fill(table: &str, records: &[Value]) {
    prepare(&product(), &format!("{T}/{table}"), records).await;
}

fn missing(operation: &str, table: &str) -> Value {
    json!({"code": 403, "message": format!("Access denied. No '{operation}' rule defined for '{table}'.")})
}

fn rejected(what: &str, table: &str) -> Value {
    let said = format!(
        "Access denied. The '{what}' access rule for table '{table}' rejected this request."
    );
    json!({"code": 403, "message": said})
}

fn blocked(operation: &str, id: &str, table: &str) -> Value {
    let said =
        format!("Access denied: '{operation}' rule blocked record \"{id}\" in table \"{table}\".");
    json!({"code": 403, "message": said, "slug": "forbidden"})
}

#[tokio::test]
async fn in_release_a_missing_rule_denies_every_operation() {
    let choice = "every missing rule denies in release mode, as the documentation says";
    let mut rows = Vec::new();
    for table in ["empty", "readonly"] {
        let id = unique("m");
        fill(table, &[json!({"id": id, "title": "x"})]).await;
        let t = format!("{T}/{table}");
        let record = format!("{t}/{id}");
        let all = json!([["id", "==", id]]);
        rows.extend([
            Row::post("8.1", &t, json!({}), 403).is(missing("insert", table)),
            Row::post("8.1", format!("{t}/batch"), json!({"inserts": [{}]}), 403).is(missing("insert", table)),
            Row::post("8.1", format!("{t}?upsert=true"), json!({}), 403)
                .is(json!({"code": 403, "message": format!("Access denied. No insert or update rules for '{table}'.")})),
            Row::patch("8.1", &record, json!({"n": 1}), 403).is(blocked("update", &id, table)).choice(choice),
            Row::delete("8.1", &record, 403).is(blocked("delete", &id, table)).choice(choice),
            Row::post("8.3", format!("{t}/batch-by-filter"), json!({"action": "delete", "filter": all}), 403)
                .is(missing("delete", table)),
            Row::post("8.3", format!("{t}/batch-by-filter"), json!({"action": "update", "filter": all, "update": {"n": 1}}), 403)
                .is(missing("update", table)),
            // The body is looked at before a rule about rows.
            Row::post("3", format!("{t}/batch-by-filter"), json!({"action": "drop"}), 400),
            Row::patch("3", &record, json!({"n": "x"}), 400),
            Row::delete("3", format!("{t}/nope"), 404),
        ]);
        if table == "empty" {
            for suffix in ["", "/count", "/search?search=x"] {
                rows.push(
                    Row::get("8.1", format!("{t}{suffix}"), 403)
                        .is(missing("read", table))
                        .choice(choice),
                );
            }
            rows.push(Row::get("8.1", &record, 403).is(blocked("read", &id, table)).choice(choice));
        } else {
            rows.push(Row::get("8.1", &record, 200).has(json!({"title": "x"})));
            rows.push(Row::get("8.1", format!("{t}/count"), 200));
        }
        rows.push(
            Row::get("8.1", &record, 200).has(json!({"title": "x", "n": 0})).by(Who::Service),
        );
    }
    rows.push(
        Row::get("8.1", "/api/db/sealed/x/tables/t", 403).has(json!({"error": "CANNOT_CREATE_DB"})),
    );
    hold(&product(), rows).await;
}

#[tokio::test]
async fn a_rule_that_says_no_denies_literally_by_function_and_by_failing() {
    let mut rows = Vec::new();
    for table in ["never", "refused", "thrown"] {
        let id = unique("n");
        fill(table, &[json!({"id": id, "title": "x"})]).await;
        let t = format!("{T}/{table}");
        let record = format!("{t}/{id}");
        let all = json!([["id", "==", id]]);
        let bulk = |action: &str| json!({"action": action, "filter": all, "update": {"n": 1}});
        rows.extend([
            Row::post("8.3", &t, json!({}), 403).is(rejected("insert", table)),
            Row::post("8.3", &t, json!([]), 403).is(rejected("insert", table)),
            Row::get("8.3", &record, 403).is(blocked("read", &id, table)),
            Row::patch("8.3", &record, json!({"n": 1}), 403).is(blocked("update", &id, table)),
            Row::post("8.3", format!("{t}/batch"), json!({"inserts": [{}]}), 403)
                .is(rejected("batch insert", table)),
            Row::post("8.3", format!("{t}?upsert=true"), json!({"title": "new"}), 403)
                .is(rejected("upsert", table)),
            Row::post("8.3", format!("{t}?upsert=true"), json!({"id": id, "n": 1}), 403),
            Row::post(
                "8.3",
                format!("{t}/batch"),
                json!({"updates": [{"id": id, "data": {"n": 1}}]}),
                403,
            ),
            Row::get("3", format!("{t}/nope"), 404),
            Row::delete("3", format!("{t}/nope"), 404),
        ]);
        let bulk_said = match table {
            "never" => "Access denied: 'update' rule blocked batch-by-filter on table \"never\"."
                .to_owned(),
            _ => format!(
                "Access denied: 'update' rule blocked all matched rows in table \"{table}\"."
            ),
        };
        rows.push(
            Row::post("8.3", format!("{t}/batch-by-filter"), bulk("update"), 403)
                .is(json!({"code": 403, "message": bulk_said, "slug": "forbidden"})),
        );
        for (name, suffix) in [("list", ""), ("count", "/count"), ("search", "/search?search=x")] {
            let row = Row::get("8.3", format!("{t}{suffix}"), 403);
            rows.push(match (table, name) {
                ("never", _) => row.is(rejected(name, table)),
                (_, "count") => row.choice("count obeys the read rule"),
                (_, _) => row
                    .begins("Access denied: 'read' rule blocked row \"")
                    .has(json!({"slug": "forbidden"})),
            });
        }
        if table != "thrown" {
            rows.push(Row::delete("8.3", &record, 403).is(blocked("delete", &id, table)));
        }
        rows.push(Row::get("8.3", &record, 200).has(json!({"n": 0})).by(Who::Service));
    }
    hold(&product(), rows).await;
}

#[tokio::test]
async fn any_truthy_result_allows_and_any_falsy_one_denies() {
    let t = format!("{T}/truthy");
    let id = unique("t");
    let rows = vec![
        Row::post("8.3", &t, json!({"id": id}), 201),
        Row::get("8.3", format!("{t}/{id}"), 200),
        Row::get("8.3", &t, 200),
        Row::patch("8.3", format!("{t}/{id}"), json!({"n": 2}), 200),
        Row::delete("8.3", format!("{t}/{id}"), 403),
    ];
    hold(&product(), rows).await;
}

#[tokio::test]
async fn a_read_is_all_or_nothing() {
    let t = format!("{T}/owned");
    let (mine, theirs, mark) = (unique("a"), unique("b"), unique("mark"));
    let row = |id: &str, owner: &str| json!({"id": id, "ownerId": owner, "title": mark});
    fill("owned", &[row(&mine, "owner"), row(&theirs, "other")]).await;
    let all = json!([["title", "==", mark]]).to_string();
    let own = json!([["title", "==", mark], ["ownerId", "==", "owner"]]).to_string();
    let other = json!([["title", "==", mark], ["ownerId", "==", "other"]]).to_string();
    let by = |suffix: &str, query: &[(&str, &str)], status| {
        Row::query("8.3", &format!("{t}{suffix}"), query, status).by(Who::User("owner"))
    };
    let said = format!("Access denied: 'read' rule blocked row \"{theirs}\" in table \"owned\".");
    let named = json!({"code": 403, "message": said, "slug": "forbidden"});
    let mut rows = vec![
        by("", &[("filter", &own)], 200).items("id", vec![json!(mine)]).has(json!({"total": 1})),
        by("", &[("filter", &own), ("limit", "0")], 200).has(json!({"total": 1})),
        by("/count", &[("filter", &own)], 200).is(json!({"total": 1})),
        // The title is the same everywhere, so the search is the filter's.
        by("/search", &[("filter", &own), ("search", &mark)], 200).has(json!({"total": 1})),
    ];
    for suffix in ["", "/count"] {
        rows.push(by(suffix, &[("filter", &all)], 403).is(named.clone()));
        rows.push(by(suffix, &[("filter", &other)], 403).is(named.clone()));
    }
    rows.push(by("/search", &[("filter", &all), ("search", &mark)], 403).is(named.clone()));
    // A number of rows says something about rows that are not shown.
    for query in [("limit", "0"), ("limit", "1"), ("offset", "2")] {
        rows.push(
            by("", &[("filter", &all), ("sort", "id"), query], 200)
                .has(json!({"total": null}))
                .choice("a `total` is null when the rule refuses one of the rows that it counts"),
        );
    }
    rows.push(
        by("", &[("filter", &all), ("limit", "1"), ("includeTotal", "0"), ("sort", "id")], 200)
            .items("id", vec![json!(mine)])
            .has(json!({"total": null, "hasMore": true}))
            .choice("the rule is asked about the page alone where no total is wanted"),
    );
    rows.push(
        by("", &[("filter", &all), ("fields", "title")], 403)
            .is(named.clone())
            .choice("rules see whole rows"),
    );
    // Nobody's id is not the owner of rows without one.
    rows.push(Row::query("8.4", &t, &[("filter", &all), ("fields", "title")], 403).by(Who::Nobody));
    rows.push(
        Row::query("8.4", &format!("{t}/{mine}"), &[("fields", "title")], 403).by(Who::Nobody),
    );
    rows.push(Row::query("8.3", &t, &[("filter", &all)], 200).count(2).by(Who::Service));
    hold(&product(), rows).await;
}

#[tokio::test]
async fn a_rule_that_looks_at_no_row_counts_any_number() {
    let t = format!("{T}/members");
    fill("members", &[json!({"title": "x"})]).await;
    let denied = rejected("count", "members");
    let rows = vec![
        Row::get("8.3", &t, 200),
        Row::get("8.3", format!("{t}/count"), 200),
        Row::get("8.3", format!("{t}/count"), 403).by(Who::Nobody).is(denied),
        Row::get("8.3", &t, 403)
            .by(Who::Nobody)
            .begins("Access denied: 'read' rule blocked row \""),
        Row::get("8.3", format!("{t}?limit=0"), 403)
            .by(Who::Nobody)
            .is(rejected("list", "members")),
        Row::get("8.3", format!("{t}?offset=99999"), 403)
            .by(Who::Nobody)
            .is(rejected("list", "members")),
        Row::query("8.3", &t, &[("filter", r#"[["title","==","nothing"]]"#)], 200)
            .by(Who::Nobody)
            .count(0),
    ];
    hold(&product(), rows).await;
}

#[tokio::test]
async fn writes_answer_to_the_rule_of_the_row_they_meet() {
    let t = format!("{T}/owned");
    let (mine, theirs) = (unique("a"), unique("b"));
    let row = |id: &str, owner: &str| json!({"id": id, "ownerId": owner, "title": "w"});
    fill("owned", &[row(&mine, "owner"), row(&theirs, "other")]).await;
    let both = json!([["id", "in", [mine, theirs]]]);
    let by = |row: Row| row.by(Who::User("owner"));
    let update = |id: &str| json!({"updates": [{"id": id, "data": {"n": 5}}]});
    let bulk = |filter: &Value| json!({"action": "update", "filter": filter, "update": {"n": 9}});
    let blocked_all = |operation: &str| {
        json!({"code": 403, "slug": "forbidden",
               "message": format!("Access denied: '{operation}' rule blocked all matched rows in table \"owned\".")})
    };
    let rows = vec![
        by(Row::patch("8.3", format!("{t}/{theirs}"), json!({"n": 1}), 403))
            .is(blocked("update", &theirs, "owned")),
        // The stored row counts, not what is sent.
        by(Row::patch("8.3", format!("{t}/{theirs}"), json!({"ownerId": "owner"}), 403)),
        by(Row::delete("8.3", format!("{t}/{theirs}"), 403))
            .is(blocked("delete", &theirs, "owned")),
        by(Row::post("8.4", format!("{t}?upsert=true"), json!({"id": theirs, "n": 1}), 403))
            .is(blocked("update", &theirs, "owned"))
            .choice("an upsert that meets a row needs update on it"),
        by(Row::post(
            "8.4",
            format!("{t}/batch?upsert=true"),
            json!({"inserts": [{"id": theirs, "n": 1}]}),
            403,
        )),
        by(Row::post("8.3", format!("{t}/batch"), update(&theirs), 403))
            .is(blocked("update", &theirs, "owned")),
        by(Row::post("8.3", format!("{t}/batch"), json!({"deletes": [theirs]}), 403))
            .is(blocked("delete", &theirs, "owned")),
        // One refusal rolls all of a batch back.
        by(Row::post(
            "8.3",
            format!("{t}/batch"),
            json!({"updates": [{"id": mine, "data": {"n": 7}}], "deletes": [theirs]}),
            403,
        )),
        by(Row::get("8.3", format!("{t}/{mine}"), 200)).has(json!({"n": 0})),
        by(Row::post("8.3", format!("{t}/batch"), update(&mine), 200)).has(json!({})),
        by(Row::get("8.3", format!("{t}/{mine}"), 200)).has(json!({"n": 5})),
        // By filter, rows that the rule refuses are left alone.
        by(Row::post("8.3", format!("{t}/batch-by-filter"), bulk(&both), 200))
            .is(json!({"processed": 1, "succeeded": 1})),
        Row::get("8.3", format!("{t}/{theirs}"), 200).by(Who::Service).has(json!({"n": 0})),
        by(Row::post(
            "8.3",
            format!("{t}/batch-by-filter"),
            bulk(&json!([["id", "==", theirs]])),
            403,
        ))
        .is(blocked_all("update")),
        by(Row::post(
            "8.3",
            format!("{t}/batch-by-filter"),
            json!({"action": "delete", "filter": [["id", "==", theirs]]}),
            403,
        ))
        .is(blocked_all("delete")),
        Row::post(
            "8.4",
            format!("{t}/batch-by-filter"),
            json!({"action": "delete", "filter": both}),
            403,
        )
        .by(Who::Nobody)
        .is(blocked_all("delete")),
        Row::post("8.3", &t, json!({"title": "x"}), 403)
            .by(Who::Nobody)
            .is(rejected("insert", "owned")),
        by(Row::post("8.3", &t, json!({"title": "x"}), 201)),
        by(Row::delete("8.3", format!("{t}/{mine}"), 200)),
    ];
    hold(&product(), rows).await;
}

#[tokio::test]
async fn an_upsert_and_a_batch_need_the_rule_of_what_they_do() {
    let id = unique("u");
    fill("editable", &[json!({"id": id, "title": "x"})]).await;
    fill("appendonly", &[json!({"id": id, "title": "x"})]).await;
    let (editable, appendonly) = (format!("{T}/editable"), format!("{T}/appendonly"));
    let choice = "each operation of a batch answers to its own rule";
    let rows = vec![
        // Update without insert.
        Row::post("8.3", format!("{editable}?upsert=true"), json!({"id": id, "n": 1}), 200),
        Row::post("8.3", format!("{editable}?upsert=true"), json!({"title": "new"}), 403)
            .is(missing("insert", "editable")),
        Row::post(
            "8.3",
            format!("{editable}/batch"),
            json!({"updates": [{"id": id, "data": {"n": 2}}]}),
            200,
        )
        .choice(choice),
        Row::post("8.3", format!("{editable}/batch"), json!({"inserts": [{}]}), 403)
            .is(missing("insert", "editable")),
        Row::post("8.3", format!("{editable}/batch"), json!({"deletes": [id]}), 403).choice(choice),
        // Insert without update.
        Row::post("8.3", format!("{appendonly}?upsert=true"), json!({"title": "new"}), 201),
        Row::post("8.4", format!("{appendonly}?upsert=true"), json!({"id": id, "n": 1}), 403)
            .is(blocked("update", &id, "appendonly")),
        Row::post("8.3", format!("{appendonly}/batch"), json!({"inserts": [{"title": "y"}]}), 200),
        Row::post(
            "8.4",
            format!("{appendonly}/batch"),
            json!({"updates": [{"id": id, "data": {"n": 2}}]}),
            403,
        )
        .choice(choice),
        Row::post(
            "8.4",
            format!("{appendonly}/batch"),
            json!({"inserts": [{"title": "z"}], "deletes": [id]}),
            403,
        )
        .choice(choice),
        Row::get("8.3", format!("{appendonly}/{id}"), 200).has(json!({"n": 0})),
        // A name that begins like a keyword is a name.
        Row::post("8.4", format!("{T}/counters"), json!({}), 403)
            .is(rejected("insert", "counters")),
        Row::post("8.4", format!("{T}/searches"), json!({}), 403)
            .is(rejected("insert", "searches")),
        Row::get("8.4", format!("{T}/counters"), 200),
    ];
    hold(&product(), rows).await;
}

#[tokio::test]
async fn the_rule_about_an_instance_is_asked_on_every_request() {
    let user = unique("member");
    let path = "/api/db/room/listed/tables/messages";
    let denied =
        json!({"code": 403, "message": "Access denied. You do not have access to room:listed."});
    let product = product();
    let client = product.user(&user);
    let answer = client.get(path).await;
    assert_eq!((answer.status, &answer.body), (403, &denied));
    fill("members", &[json!({"id": user})]).await;
    client.get(path).await.expect(200);
    client.post(path, &json!({"title": "hi"})).await.expect(201);
    product.service().delete(&format!("{T}/members/{user}")).await.expect(200);
    for answer in [
        client.get(path).await,
        client.post(path, &json!([])).await,
        client.get(&format!("{path}/count")).await,
    ] {
        assert_eq!((answer.status, &answer.body), (403, &denied), "revoked at once");
    }
    hold(
        &product,
        vec![
            Row::get("8.2", path, 200).by(Who::Service),
            Row::get("8.2", "/api/db/room/new/tables/messages", 403)
                .by(Who::Nobody)
                .has(json!({"error": "CANNOT_CREATE_DB"})),
            Row::get("8.2", "/api/db/room/new/tables/messages", 200).has(json!({"items": []})),
            // The decoded id is what rules see.
            Row::get("1.2", "/api/db/room/%6cisted/tables/messages", 403).is(denied),
        ],
    )
    .await;
}
