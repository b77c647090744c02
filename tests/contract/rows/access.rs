//! Contract 8: what rules refuse, in which words, and the holes of the original that are closed.

use super::{Row, Who, hold, prepare};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use edgebase_tests::{Product, unique};
use serde_json::{Value, json};
use std::sync::Arc;

const T: &str = "/api/db/app/tables";

/// Choices that several rows name.
const FILTER: &str = "a `read` rule that looks at rows is a filter: what it refuses does not exist";
const ONCE: &str = "a rule that does not look at rows refuses the request as a whole";
const READABLE: &str = "batch-by-filter takes rows that the caller may read and write";

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
        // A rule that does not look at rows is asked once, and refuses whatever the filter matches.
        let bulk_row = Row::post("8.3", format!("{t}/batch-by-filter"), bulk("update"), 403);
        rows.push(match table {
            "thrown" => bulk_row.is(rejected("batch-by-filter", table)).choice(READABLE),
            _ => bulk_row.is(json!({
                "code": 403, "slug": "forbidden",
                "message": format!("Access denied: 'update' rule blocked batch-by-filter on table \"{table}\".")
            })),
        });
        for (name, suffix) in [("list", ""), ("count", "/count"), ("search", "/search?search=x")] {
            let nothing = r#"filter=[["title","==","nothing"]]"#;
            let separator = if name == "search" { '&' } else { '?' };
            for suffix in [suffix.to_owned(), format!("{suffix}{separator}{nothing}")] {
                rows.push(
                    Row::get("8.3", format!("{t}{suffix}"), 403)
                        .is(rejected(name, table))
                        .choice(ONCE),
                );
            }
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
async fn a_row_that_read_refuses_does_not_exist_for_its_caller() {
    let t = format!("{T}/owned");
    let mark = unique("mark");
    let id = |n: usize| format!("{mark}-{n}");
    // Rows 1, 2 and 5 are the caller's.
    let mine = [1, 2, 5];
    let row = |n: usize| {
        let owner = if mine.contains(&n) { "owner" } else { "other" };
        json!({"id": id(n), "ownerId": owner, "title": mark, "n": 10 - n})
    };
    fill("owned", &(0..7).map(row).collect::<Vec<_>>()).await;
    let all = json!([["title", "==", mark]]).to_string();
    let others = json!([["title", "==", mark], ["ownerId", "==", "other"]]).to_string();
    let by = |suffix: &str, query: &[(&str, &str)]| {
        Row::query("8.3", &format!("{t}{suffix}"), query, 200).by(Who::User("owner")).choice(FILTER)
    };
    let ids = |ns: &[usize]| ns.iter().map(|n| json!(id(*n))).collect::<Vec<_>>();
    let (matched, whole) = (("filter", all.as_str()), json!({"total": 3, "hasMore": false}));
    let forged = URL_SAFE_NO_PAD.encode(json!([["+n"], 6, id(4)]).to_string());
    let rows = vec![
        by("", &[matched]).items("id", ids(&[1, 2, 5])).has(whole.clone()),
        by("", &[matched, ("sort", "n")]).items("id", ids(&[5, 2, 1])).has(whole.clone()),
        // The title is the same everywhere, so the search is the filter's.
        by("/search", &[matched, ("search", &mark)])
            .items("id", ids(&[1, 2, 5]))
            .has(whole.clone()),
        by("", &[matched, ("fields", "title")]).count(3).choice("rules see whole rows"),
        by("/count", &[matched]).is(json!({"total": 3})),
        by("/count", &[("filter", &others)]).is(json!({"total": 0})),
        by("", &[("filter", &others)]).count(0).has(json!({"total": 0, "hasMore": false})),
        // Pages are pages of these rows.
        by("", &[matched, ("limit", "2")])
            .items("id", ids(&[1, 2]))
            .has(json!({"total": 3, "hasMore": true, "cursor": id(2)})),
        by("", &[matched, ("limit", "2"), ("page", "2")])
            .items("id", ids(&[5]))
            .has(json!({"total": 3, "hasMore": false, "cursor": null})),
        by("", &[matched, ("limit", "1"), ("offset", "1")])
            .items("id", ids(&[2]))
            .has(json!({"total": 3, "hasMore": true})),
        by("", &[matched, ("limit", "0")]).count(0).has(json!({"total": 3, "hasMore": true})),
        by("", &[("filter", &others), ("limit", "0")])
            .count(0)
            .has(json!({"total": 0, "hasMore": false})),
        by("", &[matched, ("offset", "3")]).count(0).has(json!({"total": 3, "hasMore": false})),
        by("", &[matched, ("limit", "2"), ("includeTotal", "0")])
            .items("id", ids(&[1, 2]))
            .has(json!({"total": null, "hasMore": true})),
        by("", &[matched, ("after", &id(2))])
            .items("id", ids(&[5]))
            .has(json!({"total": null, "hasMore": false})),
        by("", &[matched, ("before", &id(5)), ("limit", "1")])
            .items("id", ids(&[2]))
            .has(json!({"hasMore": true, "cursor": id(2)})),
        // A cursor that the client makes up begins anywhere, and shows the same rows.
        by("", &[matched, ("after", &id(3))]).items("id", ids(&[5])),
        by("", &[matched, ("sort", "n"), ("after", &forged)]).items("id", ids(&[2, 1])),
        Row::query("8.3", &t, &[matched, ("after", "~c29tZXRoaW5n")], 400).by(Who::User("owner")),
        // Nobody's id is not the owner of rows without one.
        Row::query("8.4", &t, &[matched, ("fields", "title")], 200).by(Who::Nobody).count(0),
        Row::query("8.4", &format!("{t}/{}", id(1)), &[("fields", "title")], 403).by(Who::Nobody),
        Row::get("8.3", format!("{t}/{}", id(0)), 403).by(Who::User("owner")).is(blocked(
            "read",
            &id(0),
            "owned",
        )),
        Row::query("8.3", &t, &[matched], 200).count(7).has(json!({"total": 7})).by(Who::Service),
    ];
    hold(&product(), rows).await;
}

#[tokio::test]
async fn a_write_shows_what_read_shows() {
    let sent = "a write's answer shows the record where `read` does, else what was sent";
    let mut rows = Vec::new();
    for table in ["writeonly", "given"] {
        let t = format!("{T}/{table}");
        let (id, other, new) = (unique("w"), unique("w"), unique("w"));
        let row = |id: &str| json!({"id": id, "ownerId": "other", "title": "hidden", "n": 4711});
        fill(table, &[row(&id), row(&other)]).await;
        let record = format!("{t}/{id}");
        let batch = |query: &str, body: Value| {
            Row::post("8.3", format!("{t}/batch{query}"), body, 200).choice(sent)
        };
        let n = json!({"n": {"$op": "increment", "value": 1}});
        rows.extend([
            Row::patch("8.3", &record, json!({}), 200).is(json!({"id": id})).choice(sent),
            Row::patch("8.3", &record, json!({"note": "x"}), 200)
                .is(json!({"id": id, "note": "x"}))
                .choice(sent),
            Row::patch("8.3", &record, n, 200).is(json!({"id": id})).choice(sent),
            Row::post("8.3", &t, json!({"id": new, "title": "mine"}), 201)
                .is(json!({"id": new, "title": "mine"}))
                .choice(sent),
            Row::post("8.3", format!("{t}?upsert=true"), json!({"id": id, "note": "y"}), 200)
                .is(json!({"id": id, "note": "y", "action": "updated"}))
                .choice(sent),
            batch("", json!({"updates": [{"id": id, "data": {}}, {"id": "none", "data": {}}]}))
                .is(json!({"updated": [{"id": id}, {"id": "none"}]})),
            batch("?upsert=true", json!({"inserts": [{"id": other, "note": "z"}]}))
                .is(json!({"inserted": [{"id": other, "note": "z"}]})),
            batch("", json!({"inserts": [{"id": format!("{new}2"), "note": "z"}]}))
                .is(json!({"inserted": [{"id": format!("{new}2"), "note": "z"}]})),
        ]);
        if table == "given" {
            // Who becomes the owner sees the record from then on.
            rows.push(
                Row::patch("8.3", &record, json!({"ownerId": "reader"}), 200)
                    .has(json!({"title": "hidden", "n": 4712})),
            );
        }
    }
    hold(&product(), rows).await;
}

#[tokio::test]
async fn an_upsert_says_of_a_hidden_row_what_an_insert_says() {
    let (email, secret) = (unique("mail"), unique("secret"));
    fill("accounts", &[json!({"id": secret, "email": email, "ownerId": "other"})]).await;
    let t = format!("{T}/accounts");
    let taken = json!({
        "code": 409, "slug": "record-already-exists",
        "message": "Record already exists (duplicate value in column: 'email')."
    });
    let choice = "a row that is neither visible nor writable is met as an insert meets it";
    let by_email = json!({"email": email});
    let upsert = format!("{t}?upsert=true&conflictTarget=email");
    let rows = vec![
        Row::post("8.3", &t, by_email.clone(), 409).is(taken.clone()),
        Row::post("8.3", &upsert, by_email.clone(), 409).is(taken.clone()).choice(choice),
        Row::post(
            "8.3",
            format!("{t}/batch?upsert=true&conflictTarget=email"),
            json!({"inserts": [by_email]}),
            409,
        )
        .is(taken)
        .choice(choice),
        // Its owner changes it, and is told which it is.
        Row::post("8.3", &upsert, json!({"email": email, "note": "x"}), 200)
            .by(Who::User("other"))
            .has(json!({"id": secret, "note": "x", "action": "updated"})),
    ];
    hold(&product(), rows).await;
}

#[tokio::test]
async fn a_rule_that_looks_at_no_row_counts_any_number() {
    let t = format!("{T}/members");
    fill("members", &[json!({"title": "x"})]).await;
    let nobody = |suffix: &str, name: &str| {
        Row::get("8.3", format!("{t}{suffix}"), 403)
            .by(Who::Nobody)
            .is(rejected(name, "members"))
            .choice(ONCE)
    };
    let mut rows = vec![Row::get("8.3", &t, 200), Row::get("8.3", format!("{t}/count"), 200)];
    // Whatever is asked for, and whether or not there is such a row.
    for query in ["", "?limit=0", "?offset=99999", r#"?filter=[["title","==","nothing"]]"#] {
        rows.push(nobody(query, "list"));
        rows.push(nobody(&format!("/count{query}"), "count"));
    }
    rows.push(nobody("/search?search=nothing", "search"));
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
    let nothing = json!({"processed": 0, "succeeded": 0});
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
            200,
        ))
        .is(nothing.clone())
        .choice(READABLE),
        by(Row::post(
            "8.3",
            format!("{t}/batch-by-filter"),
            json!({"action": "delete", "filter": [["id", "==", theirs]]}),
            200,
        ))
        .is(nothing.clone())
        .choice(READABLE),
        Row::post(
            "8.4",
            format!("{t}/batch-by-filter"),
            json!({"action": "delete", "filter": both}),
            200,
        )
        .by(Who::Nobody)
        .is(nothing)
        .choice(READABLE),
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
