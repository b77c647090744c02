//! What becomes of values that no JSON parser takes: deeper than any, larger than a double?
//!
//! None is written over HTTP, and one that SQL has written never makes a row unreadable.

use super::{Row, both, hold, prepare, product};
use edgebase_tests::unique;
use serde_json::{Value, json};

/// Arrays inside each other.
fn nested(depth: usize) -> String {
    "[".repeat(depth) + &"]".repeat(depth)
}

fn value(depth: usize) -> Value {
    serde_json::from_str(&nested(depth)).unwrap()
}

#[tokio::test]
async fn a_field_nests_a_hundred_levels_and_no_more_wherever_it_is_written() {
    let mut rows = Vec::new();
    let reason = "Must not nest deeper than 100 levels.";
    for t in both() {
        for (t, field) in [(format!("{t}/loose"), "k"), (format!("{t}/values"), "meta")] {
            let record = |depth| {
                let mut record = json!({"id": unique("deep"), "title": "deep"});
                record[field] = value(depth);
                record
            };
            let data = json!({"data": {field: {"code": "invalid", "message": reason}}});
            rows.push(Row::post("2", &t, record(100), 201).has(json!({field: value(100)})));
            for depth in [101, 120] {
                rows.push(Row::post("2", &t, record(depth), 400).has(data.clone()));
                rows.push(
                    Row::post("2", format!("{t}?upsert=true"), record(depth), 400)
                        .has(data.clone()),
                );
                let batch = json!({"inserts": [record(depth)]});
                rows.push(Row::post("2", format!("{t}/batch"), batch, 400).has(data.clone()));
                let change = json!({"updates": [{"id": "x", "data": {field: value(depth)}}]});
                rows.push(Row::post("2", format!("{t}/batch"), change, 400).has(data.clone()));
                rows.push(
                    Row::patch("2", format!("{t}/x"), json!({field: value(depth)}), 400)
                        .has(data.clone()),
                );
                let bulk = json!({"action": "update", "filter": [["id", "==", "x"]], "update": {field: value(depth)}});
                rows.push(
                    Row::post("2", format!("{t}/batch-by-filter"), bulk, 400).has(data.clone()),
                );
            }
            let body =
                |text: String| Row::new("2", "POST", &t, 400).sends("application/json", text);
            for depth in [127, 5_000, 200_000] {
                rows.push(
                    body(format!(r#"{{"title":"x","{field}":{}}}"#, nested(depth)))
                        .says("The request body nests arrays and objects too deeply: at most 100 levels are allowed in a field."),
                );
            }
            for number in ["1e400", "-1e309", &format!("1{}", "0".repeat(400))] {
                rows.push(
                    body(format!(r#"{{"title":"x","{field}":{number}}}"#))
                        .says("The request body has a number that is out of range: send numbers up to 1.79e308, or text."),
                );
            }
            rows.push(body("{".into()).says("Malformed JSON in request body"));
        }
    }
    hold(&product(), rows).await;
}

#[tokio::test]
async fn a_row_that_sql_has_written_is_shown_and_hides_no_other() {
    let product = product();
    let service = product.service();
    let huge = format!("1{}", "0".repeat(400));
    for (what, json) in [
        ("deep", nested(126)),
        ("deeper", nested(6_000)),
        ("huge", huge.clone()),
        ("inside", format!(r#"[{{"a":[-{huge}]}}]"#)),
    ] {
        let id = unique(what);
        let t = |table: &str| format!("/api/db/space/{id}/tables/{table}");
        for (table, column, document) in [
            ("loose", "_doc", format!(r#"{{"n":2,"meta":{json}}}"#)),
            ("keyless", "meta", json.clone()),
            ("noted", "meta", json.clone()),
            ("filters", "meta", json.clone()),
        ] {
            let t = t(table);
            prepare(&product, &t, &[json!({"id": "a", "n": 1, "title": "plain"})]).await;
            let title = if table == "filters" { ", title" } else { "" };
            let sql = format!(
                "INSERT INTO {table} (id, {column}{title}) VALUES ('odd', $1::jsonb{})",
                if title.is_empty() { "" } else { ", 'odd'" }
            );
            let body = json!({"namespace": "space", "id": id, "sql": sql, "params": [document]});
            service.post("/api/sql", &body).await.expect(200);
            let shows = |answer: edgebase_tests::Answer, rows: usize| {
                assert_eq!(answer.status, 200, "{what} {table}: {}", answer.text);
                assert_eq!(answer.items().len(), rows, "{what} {table}: {}", answer.text);
                for item in answer.items().iter().filter(|i| i["id"] == "odd") {
                    assert!(!item["meta"].is_null(), "{what} {table}: {}", answer.text);
                }
            };
            for query in [
                &[][..],
                &[("sort", "meta")],
                &[("sort", "createdAt:desc"), ("fields", "meta")],
                &[("fields", "createdAt")],
                &[("includeTotal", "0")],
            ] {
                shows(service.query(&t, query).await, 2);
            }
            let odd = format!("{t}/odd");
            let got = service.get(&odd).await.expect(200);
            let expected = match what {
                "deep" | "deeper" => {
                    // As arrays as far as anybody parses, and the rest as text.
                    let mut inner = &got["meta"];
                    while let Value::Array(items) = inner {
                        inner = &items[0];
                    }
                    inner.as_str().unwrap().starts_with("[[")
                }
                "huge" => got["meta"] == json!(huge),
                _ => got["meta"] == json!([{"a": [format!("-{huge}")]}]),
            };
            assert!(expected, "{what} {table}: {got}");
            assert!(
                service.get(&format!("{odd}?fields=meta")).await.expect(200)["meta"] == got["meta"]
            );
            let bulk = json!({"action": "update", "filter": [["createdAt", ">", "2000-01-01"]], "update": {"n": 3, "views": 3}});
            let done = service.post(&format!("{t}/batch-by-filter"), &bulk).await.expect(200);
            assert_eq!(done["succeeded"], 2);
            service.patch(&odd, &json!({"n": 4, "views": 4})).await.expect(200);
            let batch = json!({"updates": [{"id": "odd", "data": {"n": 5}}, {"id": "a", "data": {"n": 5}}]});
            service.post(&format!("{t}/batch"), &batch).await.expect(200);
            if table == "filters" {
                let upsert = json!({"id": "odd", "title": "other"});
                service.post(&format!("{t}?upsert=true"), &upsert).await.expect(200);
                shows(service.query(&format!("{t}/search"), &[("search", "other")]).await, 1);
            }
        }
        let export = service.get(&format!("/api/db/space/{id}/export")).await;
        let lines: Vec<Value> =
            export.text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!((export.status, lines.len()), (200, 8), "{what}: {}", export.text);
        for table in ["loose", "keyless", "noted", "filters"] {
            service.delete(&format!("{}/odd", t(table))).await.expect(200);
        }
    }
}
