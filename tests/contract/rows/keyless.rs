//! Contract 7.2: a table whose key is switched off is whole, and only does not show it.

use super::{Row, both, hold, prepare, product};
use edgebase_tests::unique;
use serde_json::{Value, json};

#[tokio::test]
async fn a_table_that_shows_no_key_is_read_and_written_like_any_other() {
    let product = product();
    let mut rows = Vec::new();
    for t in both() {
        let t = format!("{t}/keyless");
        let (a, b, c) = (unique("a"), unique("b"), unique("c"));
        let records = [
            json!({"id": a, "n": 1, "s": a, "meta": {"k": 1}}),
            json!({"id": b, "n": 2, "s": b}),
            json!({"id": c, "n": 3, "s": c}),
        ];
        prepare(&product, &t, &records).await;
        let mine = json!([["s", "in", [a, b, c]]]).to_string();
        let list = |query: &[(&str, &str)]| {
            let query: Vec<_> = query.iter().copied().chain([("filter", &*mine)]).collect();
            Row::query("7.2", &t, &query, 200)
        };
        let shown = |n: i64, s: &str, meta: Value| json!({"n": n, "s": s, "meta": meta});
        let numbers = |all: &[i64]| all.iter().map(|n| json!(n)).collect::<Vec<_>>();
        rows.push(
            list(&[("sort", "n:desc"), ("limit", "1")])
                .items("s", vec![json!(c)])
                .has(json!({"total": 3, "hasMore": true})),
        );
        rows.push(list(&[("sort", "n"), ("fields", "n")]).items("n", numbers(&[1, 2, 3])));
        rows.push(list(&[("fields", "n")]).items("n", numbers(&[1, 2, 3])));
        rows.push(list(&[("limit", "2")]).count(2).has(json!({"hasMore": true})));
        rows.push(list(&[("after", &b)]).count(1).items("s", vec![json!(c)]));
        rows.push(
            Row::query("7.2", &format!("{t}/count"), &[("filter", &mine)], 200)
                .has(json!({"total": 3})),
        );
        rows.push(
            Row::query("7.2", &format!("{t}/search"), &[("search", &a)], 200)
                .items("n", numbers(&[1])),
        );
        let projected = [("search", a.as_str()), ("fields", "n")];
        rows.push(
            Row::query("7.2", &format!("{t}/search"), &projected, 200).items("n", numbers(&[1])),
        );
        let keys = ["createdAt", "updatedAt", "n", "s", "meta"];
        rows.push(Row::get("7.2", format!("{t}/{a}"), 200).keys(&keys).has(shown(
            1,
            &a,
            json!({"k": 1}),
        )));
        rows.push(
            Row::patch("7.2", format!("{t}/{a}"), json!({"n": 10}), 200)
                .keys(&keys)
                .has(json!({"n": 10})),
        );
        let upsert = format!("{t}?upsert=true");
        rows.push(
            Row::post("7.2", &upsert, json!({"id": a, "n": 11}), 200)
                .has(json!({"n": 11, "s": a, "action": "updated"})),
        );
        rows.push(
            Row::post("7.2", format!("{upsert}&conflictTarget=s"), json!({"s": b, "n": 20}), 200)
                .has(json!({"n": 20, "action": "updated"}))
                .lacks(&["id"]),
        );
        let batch = json!({"updates": [{"id": c, "data": {"n": 30}}], "deletes": [b]});
        rows.push(Row::post("7.2", format!("{t}/batch"), batch, 200).has(json!({"deleted": 1})));
        let bulk = json!({"action": "update", "filter": [["s", "==", c]], "update": {"n": 31}});
        rows.push(
            Row::post("7.2", format!("{t}/batch-by-filter"), bulk, 200)
                .is(json!({"processed": 1, "succeeded": 1})),
        );
        rows.push(list(&[("sort", "n")]).items("n", numbers(&[11, 31])));
        rows.push(Row::delete("7.2", format!("{t}/{c}"), 200));
        rows.push(Row::delete("7.2", format!("{t}/{c}"), 404));
        // What is not shown cannot be asked for by name.
        rows.push(Row::query("7.2", &t, &[("filter", r#"[["id","==","x"]]"#)], 400));
        rows.push(Row::query("7.2", &t, &[("sort", "id")], 400));
    }
    hold(&product, rows).await;
}

#[tokio::test]
async fn an_export_has_the_records_of_a_table_that_shows_no_key() {
    let product = product();
    let id = unique("export");
    let t = format!("/api/db/space/{id}/tables/keyless");
    prepare(&product, &t, &[json!({"n": 1, "s": "x"}), json!({"n": 2, "s": "y"})]).await;
    let export = product.service().get(&format!("/api/db/space/{id}/export")).await;
    assert_eq!(export.status, 200, "{}", export.text);
    let mut records: Vec<Value> =
        export.text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    records.sort_by_key(|line| line["record"]["n"].as_i64());
    let shown: Vec<_> =
        records.iter().map(|l| (&l["table"], &l["record"]["n"], &l["record"]["s"])).collect();
    assert_eq!(
        shown,
        [(&json!("keyless"), &json!(1), &json!("x")), (&json!("keyless"), &json!(2), &json!("y"))]
    );
    assert!(records.iter().all(|line| line["record"].get("id").is_none()));
}
