//! What becomes of values that SQL stores and HTTP would not: dates of any year and none, numbers
//! beyond a double, documents that are no objects, ids with any character?
//!
//! Every path shows the same text, and walking a list page by page meets each row once.

use super::{both, prepare};
use edgebase_tests::{Client, Product, encode, sql, unique};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Not that of the contract's rows, which count what their tables have.
fn product() -> Arc<Product> {
    Product::shared_for("rows.ts", "exact")
}

/// Literals of timestamps, with what records, exports and raw SQL show of each.
const TIMES: [(&str, &str); 11] = [
    ("-infinity", "-infinity"),
    ("4713-01-01 00:00:00+00 BC", "-004712-01-01T00:00:00.000Z"),
    ("0044-03-15 12:00:00.5+00 BC", "-000043-03-15T12:00:00.500Z"),
    ("0001-12-31 23:59:59.999+00 BC", "0000-12-31T23:59:59.999Z"),
    ("0001-01-01 00:00:00+00", "0001-01-01T00:00:00.000Z"),
    ("2026-11-23 10:00:00.001+00", "2026-11-23T10:00:00.001Z"),
    ("2026-11-23 10:00:00.002+00", "2026-11-23T10:00:00.002Z"),
    ("9999-12-31 23:59:59.999+00", "9999-12-31T23:59:59.999Z"),
    ("10000-01-01 00:00:00+00", "+010000-01-01T00:00:00.000Z"),
    ("294276-12-31 23:59:59+00", "+294276-12-31T23:59:59.000Z"),
    ("infinity", "infinity"),
];

/// Runs a statement in the instance that the tables of `t` are in.
async fn run(t: &str, statement: &str) -> Value {
    let parts: Vec<_> = t.split('/').collect();
    let mut body = json!({"namespace": parts[3], "sql": statement});
    if parts[4] != "tables" {
        body["id"] = json!(parts[4]);
    }
    product().service().post("/api/sql", &body).await.expect(200)
}

/// All ids of a list in the order of a sort, by pages of two, in both directions.
async fn walked(client: &Client, path: &str, sort: &str, filter: &str) -> Vec<String> {
    let ids = |body: &Value| -> Vec<String> {
        let items = body["items"].as_array().unwrap();
        items.iter().map(|i| i["id"].as_str().unwrap().to_owned()).collect()
    };
    let (mut all, mut cursor) = (Vec::new(), None::<String>);
    for _ in 0..100 {
        let mut query = vec![("sort", sort), ("limit", "2"), ("filter", filter), ("fields", "id")];
        query.extend(cursor.as_deref().map(|c| ("after", c)));
        let page = client.query(path, &query).await.expect(200);
        all.extend(ids(&page));
        if page["hasMore"] == false {
            let last = client.query(path, &[("sort", sort), ("filter", filter)]).await.expect(200);
            assert_eq!(ids(&last), all, "{path} by {sort}");
            return all;
        }
        cursor = page["cursor"].as_str().map(str::to_owned);
    }
    panic!("{path} by {sort} has no end: {all:?}");
}

#[tokio::test]
async fn every_path_shows_a_timestamp_of_any_year_alike() {
    for t in both() {
        let table = format!("{t}/pages");
        let mark = unique("t");
        let id = |n: usize| format!("{mark}-{n:02}");
        let rows: Vec<_> = (0..TIMES.len()).map(|n| json!({"id": id(n), "title": mark})).collect();
        prepare(&product(), &table, &rows).await;
        let service = product().service();
        for (n, (literal, _)) in TIMES.iter().enumerate() {
            let set = format!("UPDATE pages SET at = '{literal}' WHERE id = '{}'", id(n));
            run(&t, &set).await;
        }
        let filter = json!([["title", "==", mark]]).to_string();
        let list = service.query(&table, &[("filter", &filter)]).await.expect(200);
        let found = service.query(&format!("{table}/search"), &[("search", &mark)]).await;
        let found = found.expect(200);
        let sql = run(&t, "SELECT id, at FROM pages").await;
        let shown = |rows: &Value| -> BTreeMap<String, Value> {
            let rows = rows.as_array().unwrap().iter();
            rows.map(|r| (r["id"].as_str().unwrap().to_owned(), r["at"].clone())).collect()
        };
        let (list, found, sql) =
            (shown(&list["items"]), shown(&found["items"]), shown(&sql["rows"]));
        for (n, (literal, expected)) in TIMES.iter().enumerate() {
            let got = service.get(&format!("{table}/{}", id(n))).await.expect(200);
            let written = service.patch(&format!("{table}/{}", id(n)), &json!({"views": 1})).await;
            for (path, value) in [
                ("get", &got["at"]),
                ("list", &list[&id(n)]),
                ("search", &found[&id(n)]),
                ("raw SQL", &sql[&id(n)]),
                ("PATCH", &written.body["at"]),
            ] {
                assert_eq!(value, expected, "{literal} by {path}");
            }
        }
        if let Some(instance) = t.strip_suffix("/tables").filter(|t| t.contains("space")) {
            let export = service.get(&format!("{instance}/export")).await;
            let lines = export.text.lines().map(|l| serde_json::from_str::<Value>(l).unwrap());
            let records: Vec<_> = lines.map(|l| l["record"].clone()).collect();
            let exported = shown(&json!(records));
            for (n, (_, expected)) in TIMES.iter().enumerate() {
                assert_eq!(exported[&id(n)], *expected);
            }
        }
    }
}

#[tokio::test]
async fn pages_meet_every_row_once_whatever_it_is_sorted_by() {
    let numbers = [
        "NULL",
        "'-Infinity'",
        "-1e308",
        "0.1",
        "0.30000000000000004",
        "0.3",
        "'NaN'",
        "'Infinity'",
        "'NaN'",
        "5e-324",
    ];
    let huge = format!("1{}", "0".repeat(400));
    let documents = [
        "null",
        "9007199254740993",
        "9007199254740992",
        "0.1234567890123456789012",
        "\"text\"",
        "[1, \"a\"]",
        "{\"a\": 1.50}",
        "true",
        "-1e-400",
        huge.as_str(),
    ];
    for t in both() {
        let table = format!("{t}/pages");
        let loose = format!("{t}/loose");
        let mark = unique("w");
        let id = |n: usize| format!("{mark}-{n:02}");
        let rows: Vec<_> = (0..40).map(|n| json!({"id": id(n), "title": mark})).collect();
        prepare(&product(), &table, &rows).await;
        prepare(&product(), &loose, &rows).await;
        for n in 0..40 {
            let document = sql::literal(documents[n % documents.len()]);
            let time = TIMES[n % TIMES.len()].0;
            let set = format!(
                "UPDATE pages SET at = '{time}', rating = {}::float8, meta = {document}::jsonb WHERE id = '{}'",
                numbers[n % numbers.len()],
                id(n)
            );
            run(&t, &set).await;
            let set = format!(
                "UPDATE loose SET _doc = _doc || jsonb_build_object('k', {document}::jsonb) WHERE id = '{}'",
                id(n)
            );
            run(&t, &set).await;
        }
        let filter = json!([["title", "==", mark]]).to_string();
        let service = product().service();
        for (path, sorts) in [
            (
                &table,
                &[
                    "at",
                    "at:desc",
                    "rating",
                    "rating:desc",
                    "meta",
                    "meta:desc",
                    "published,at:desc",
                    "meta,rating:desc,at",
                ][..],
            ),
            (&loose, &["k", "k:desc", "title,k"]),
        ] {
            for sort in sorts {
                let mut all = walked(&service, path, sort, &filter).await;
                all.sort();
                assert_eq!(all, (0..40).map(id).collect::<Vec<_>>(), "{path} by {sort}");
            }
        }
        // What a client makes up is refused in words of its own, whatever it says.
        let cursor = |key: &str, value: Value| {
            use base64::Engine as _;
            let text = json!([[format!("+{key}")], value, "x"]).to_string();
            base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text)
        };
        for (key, value) in [
            ("rating", json!("one")),
            ("published", json!("maybe")),
            ("at", json!("soon")),
            ("meta", json!("{")),
            ("meta", json!("[".repeat(7_000) + &"]".repeat(7_000))),
        ] {
            let query = [("sort", key), ("after", &cursor(key, value))];
            let answer = service.query(&table, &query).await;
            assert!([200, 400].contains(&answer.status), "{key}: {}", answer.text);
        }
    }
}

#[tokio::test]
async fn a_document_that_is_no_object_has_no_fields_and_can_be_changed() {
    for t in both() {
        let loose = format!("{t}/loose");
        let service = product().service();
        for document in ["1", "\"text\"", "[1, \"n\"]", "null", "true"] {
            let id = unique("scalar");
            prepare(&product(), &loose, &[json!({"id": id, "n": 1})]).await;
            let set = sql::literal(document);
            run(&t, &format!("UPDATE loose SET _doc = {set}::jsonb WHERE id = '{id}'")).await;
            let one = json!([["id", "==", id]]).to_string();
            for query in [&[("filter", one.as_str())][..], &[("filter", &one), ("fields", "n")]] {
                assert_eq!(
                    service.query(&loose, query).await.expect(200)["total"],
                    1,
                    "{document}"
                );
            }
            let path = format!("{loose}/{id}");
            let change = json!({"n": {"$op": "increment", "value": 2}, "a": "x", "_doc": 1});
            let changed = service.patch(&path, &change).await.expect(200);
            let expected = json!({"n": 2, "a": "x", "_doc": 1});
            for (key, value) in expected.as_object().unwrap() {
                assert_eq!(&changed[key], value, "{document}: {changed}");
            }
            assert_eq!(service.get(&path).await.expect(200), changed);
        }
        let nul = json!({"a\u{0}b": 1, "_doc": "x", "c": "\u{0}"});
        let answer = service.post(&loose, &nul).await;
        assert_eq!(answer.status, 400, "{}", answer.text);
        let keys: Vec<_> = answer.body["data"].as_object().unwrap().keys().collect();
        assert_eq!(keys, ["a\u{0}b", "c"], "{}", answer.text);
    }
}

#[tokio::test]
async fn a_record_is_found_by_whatever_id_sql_gave_it() {
    for t in both() {
        let table = format!("{t}/pages");
        let service = product().service();
        let mark = unique("odd");
        prepare(&product(), &table, &[json!({"id": mark, "title": "first"})]).await;
        for odd in ["/", "a/b", "%2F", "ä 😀", "'; --", "a\\b", "?#", "x".repeat(1_000).as_str()]
        {
            let id = format!("{mark}{odd}");
            let insert =
                format!("INSERT INTO pages (id, title) VALUES ({}, 'odd')", sql::literal(&id));
            run(&t, &insert).await;
            let path = format!("{table}/{}", encode(&id));
            assert_eq!(service.get(&path).await.expect(200)["id"], id);
            assert_eq!(service.patch(&path, &json!({"views": 7})).await.expect(200)["views"], 7);
            service.delete(&path).await.expect(200);
            assert_eq!(service.get(&path).await.status, 404);
        }
    }
}

#[tokio::test]
async fn an_answer_without_the_record_repeats_values_and_no_operators() {
    let (client, table) = (product().anonymous(), "/api/db/shared/tables/guarded");
    let id = unique("unread");
    client.post(table, &json!({"id": id, "title": "first"})).await.expect(201);
    let path = format!("{table}/{id}");
    let change = json!({"title": {"$op": "deleteField"}});
    assert_eq!(client.patch(&path, &change).await.expect(200), json!({"id": id}));
    let value = json!({"title": "second"});
    let echo = json!({"id": id, "title": "second"});
    assert_eq!(client.patch(&path, &value).await.expect(200), echo);
    let updates =
        json!({"updates": [{"id": id, "data": change}, {"id": "missing", "data": change}]});
    let answer = client.post(&format!("{table}/batch"), &updates).await.expect(200);
    assert_eq!(answer, json!({"updated": [{"id": id}, {"id": "missing"}]}));
}

#[tokio::test]
async fn a_value_too_large_for_its_index_is_refused_as_the_client_s_own_mistake() {
    for t in both() {
        let table = format!("{t}/pages");
        let long: String =
            (1..4_000_u32).map(|n| format!("{:08x}", n.wrapping_mul(2_654_435_761))).collect();
        let record = json!({"id": unique("long"), "title": "long", "slug": long});
        let answer = product().service().post(&table, &record).await;
        assert_eq!(answer.status, 400, "{}", answer.text);
        assert!(answer.message().contains("too large"), "{}", answer.text);
    }
}
