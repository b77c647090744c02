//! Contract 13: many writes in one transaction, by id and by filter.

use super::{Row, both, hold, prepare, product};
use edgebase_tests::unique;
use serde_json::{Value, json};

#[tokio::test]
async fn a_batch_answers_what_was_sent_and_happens_as_a_whole() {
    for t in both() {
        let t = format!("{t}/batches");
        let (a, b, c) = (unique("a"), unique("b"), unique("c"));
        prepare(
            &product(),
            &t,
            &[json!({"id": a, "title": "aa"}), json!({"id": b, "title": "bb", "slug": b})],
        )
        .await;
        let batch = |body, status| Row::post("13.1", format!("{t}/batch"), body, status);
        let upsert = |query: &str, body, status| {
            Row::post("13.1", format!("{t}/batch?upsert=true{query}"), body, status)
        };
        let titles = |n: usize| vec![json!({"title": "many"}); n];
        let five_hundred = json!({"inserts": titles(400), "updates": vec![json!({"id": "no", "data": {}}); 50], "deletes": vec!["no"; 50]});
        let mut more = five_hundred.clone();
        more["deletes"] = json!(vec!["no"; 51]);
        hold(
            &product(),
            vec![
                batch(json!({}), 200).is(json!({})),
                batch(json!({"inserts": []}), 200).is(json!({"inserted": []})),
                batch(json!({"updates": []}), 200).is(json!({"updated": []})),
                batch(json!({"deletes": []}), 200).is(json!({"deleted": 0})),
                batch(json!({"insert": [{"title": "aa"}]}), 400)
                    .says("Batch does not take 'insert'. It takes inserts, updates, deletes.")
                    .choice("a misspelt key would be passed over in silence"),
                batch(json!({"inserts": [], "nope": null}), 400),
                batch(json!({"deletes": ["no"], "inserts": [], "updates": []}), 200)
                    .keys(&["inserted", "updated", "deleted"]),
                batch(json!({"inserts": [{"id": c, "title": "cc"}]}), 200)
                    .has(json!({}))
                    .keys(&["inserted"]),
                batch(json!({"updates": [{"id": a, "data": {"views": {"$op": "increment", "value": 2}}}]}), 200)
                    .keys(&["updated"]),
                Row::get("13.1", format!("{t}/{a}"), 200).has(json!({"views": 2})),
                batch(json!({"updates": [{"id": "nope", "data": {"title": "qq"}}], "deletes": ["x", "y"]}), 200)
                    .is(json!({"updated": [{"id": "nope", "title": "qq"}], "deleted": 2})),
                batch(json!({"deletes": [c, c, "nope"]}), 200).is(json!({"deleted": 3})),
                Row::get("13.1", format!("{t}/{c}"), 404),
                batch(five_hundred, 200).has(json!({"deleted": 50})),
                batch(more, 400)
                    .is(json!({"code": 400, "message": "Batch limit exceeded: 501 operations (max 500)."})),
                batch(json!({"inserts": titles(501)}), 400)
                    .says("Batch limit exceeded: 501 operations (max 500)."),
                batch(json!({"updates": [{"data": {}}]}), 400).says("Each batch update entry must include an id."),
                batch(json!({"updates": [{"id": "", "data": {}}]}), 400)
                    .says("Each batch update entry must include an id."),
                batch(json!({"updates": [{"id": a}]}), 400)
                    .says("Each batch update entry must include a data object."),
                batch(json!({"updates": [{"id": a, "data": 5}]}), 400)
                    .says("Each batch update entry must include a data object."),
                batch(json!({"inserts": {}}), 400),
                batch(json!({"inserts": [5]}), 400),
                batch(json!({"deletes": [5]}), 400),
                // Nothing of a batch that fails happens.
                batch(json!({"inserts": [{"id": c, "title": "cc"}, {"title": 5}]}), 400),
                batch(json!({"inserts": [{"id": c, "title": "cc"}, {"id": a, "title": "aa"}]}), 409)
                    .choice("a duplicate is a conflict and rolls everything back"),
                batch(
                    json!({"inserts": [{"id": c, "title": "cc"}], "deletes": [b],
                           "updates": [{"id": a, "data": {"parent": "nobody"}}]}),
                    400,
                ),
                Row::get("13.1", format!("{t}/{c}"), 404),
                Row::get("13.1", format!("{t}/{b}"), 200),
                upsert("", json!({"inserts": [{"id": a, "title": "up"}, {"id": c, "title": "cc"}]}), 200)
                    .keys(&["inserted"]),
                Row::get("13.1", format!("{t}/{a}"), 200).has(json!({"title": "up", "views": 2})),
                upsert("&conflictTarget=slug", json!({"inserts": [{"slug": b, "title": "by slug"}]}), 200),
                Row::get("13.1", format!("{t}/{b}"), 200).has(json!({"title": "by slug"})),
                upsert("&conflictTarget=title", json!({"inserts": []}), 400)
                    .says("Field 'title' is not unique. conflictTarget must be a unique field."),
            ],
        )
        .await;
    }
}

#[tokio::test]
async fn a_batch_answers_normalised_full_records() {
    let product = product();
    let client = product.user("writer");
    for t in both() {
        let t = format!("{t}/batches");
        let id = unique("full");
        let made = client
            .post(&format!("{t}/batch"), &json!({"inserts": [{"id": id, "title": "full", "published": true, "meta": {"a": 1}}]}))
            .await
            .expect(200);
        let record = client.get(&format!("{t}/{id}")).await.expect(200);
        assert_eq!(made["inserted"], json!([record]));
        let changed = client
            .post(
                &format!("{t}/batch"),
                &json!({"updates": [{"id": id, "data": {"published": false}}]}),
            )
            .await
            .expect(200);
        assert_eq!(changed["updated"], json!([client.get(&format!("{t}/{id}")).await.expect(200)]));
        let upserted = client
            .post(
                &format!("{t}/batch?upsert=true"),
                &json!({"inserts": [{"id": id, "title": "again"}]}),
            )
            .await
            .expect(200);
        assert_eq!(
            upserted["inserted"],
            json!([client.get(&format!("{t}/{id}")).await.expect(200)])
        );
    }
}

#[tokio::test]
async fn a_write_by_filter_takes_what_matches() {
    for t in both() {
        let t = format!("{t}/bulk");
        let kind = |n: i64| if n < 3 { "a" } else { "b" };
        let records: Vec<_> = (0..6)
            .map(|n| json!({"id": format!("k{n}"), "title": "bulk", "views": n, "kind": kind(n)}))
            .collect();
        prepare(&product(), &t, &records).await;
        let bulk = |body, status| Row::post("13.2", format!("{t}/batch-by-filter"), body, status);
        let views = |values: &[i64]| values.iter().map(|v| json!(v)).collect::<Vec<Value>>();
        let shown = |values: &[i64]| {
            Row::get("13.2", format!("{t}?sort=id"), 200).items("views", views(values))
        };
        let done = |n: i64| json!({"processed": n, "succeeded": n});
        let a = json!([["kind", "==", "a"]]);
        let action = "batch-by-filter requires 'action' to be 'delete' or 'update'.";
        let filter = "batch-by-filter requires 'filter' to be a non-empty array.";
        let update = "batch-by-filter with action 'update' requires 'update' data.";
        let mut rows = vec![
            bulk(json!({"action": "update", "filter": a, "update": {"views": {"$op": "increment", "value": 10}}}), 200)
                .is(done(3)),
            shown(&[10, 11, 12, 3, 4, 5]),
            bulk(json!({"action": "update", "filter": a, "update": {"views": 1}, "limit": 2}), 200).is(done(2)),
            shown(&[1, 1, 12, 3, 4, 5]),
            bulk(
                json!({"action": "update", "filter": [["kind", "==", "b"]],
                       "orFilter": [["views", "==", 3], ["views", "==", 5]], "update": {"views": 0}}),
                200,
            )
            .is(done(2)),
            shown(&[1, 1, 12, 0, 4, 0]),
            bulk(json!({"action": "update", "filter": [["kind", "==", "none"]], "update": {"views": 9}}), 200)
                .is(done(0)),
            bulk(json!({"action": "update", "filter": a, "update": {"nope": 9}}), 200)
                .choice("an unknown field is dropped, as on PostgreSQL"),
            bulk(json!({"action": "delete", "filter": a, "limit": 500}), 200).is(done(3)),
            shown(&[0, 4, 0]),
            bulk(json!({"action": "delete", "filter": a, "limit": 500}), 200).is(done(0)),
            bulk(json!({"action": "delete", "filter": [["kind", "==", "b"]], "limit": 10_000}), 200).is(done(3)),
        ];
        for (body, said) in [
            (json!({}), action),
            (json!({"action": "drop", "filter": a}), action),
            (json!({"action": null, "filter": a}), action),
            (json!({"action": "delete"}), filter),
            (json!({"action": "delete", "filter": []}), filter),
            (json!({"action": "delete", "filter": {}}), filter),
            (json!({"action": "delete", "filter": "x"}), filter),
            (json!({"action": "update", "filter": a}), update),
            (json!({"action": "update", "filter": a, "update": {}}), update),
            (json!({"action": "update", "filter": a, "update": 5}), update),
            (json!({"action": "update", "filter": a, "data": {"views": 1}}), update),
        ] {
            rows.push(bulk(body, 400).is(json!({"code": 400, "message": said})));
        }
        let six: Vec<_> = (0..6).map(|n| json!(["views", "==", n])).collect();
        rows.push(
            bulk(json!({"action": "delete", "filter": a, "orFilter": six}), 400)
                .says("OR_FILTER_LIMIT_EXCEEDED: maximum 5 conditions in OR group"),
        );
        for (condition, said) in [
            (json!(["nope", "==", 1]), "filter: unknown field 'nope' in table 'bulk'."),
            (json!(["title", "like", "x"]), "Unsupported filter operator: like"),
        ] {
            rows.push(bulk(json!({"action": "delete", "filter": [condition]}), 400).says(said));
        }
        rows.push(
            // Without its second condition it would delete more than was meant.
            bulk(json!({"action": "delete", "filter": a, "or_filter": [["views", "==", 1]]}), 400)
                .says("batch-by-filter does not take 'or_filter'. It takes action, filter, orFilter, update, limit."),
        );
        rows.push(
            bulk(json!({"action": "delete", "filter": a, "limit": -1}), 400)
                .choice("a limit is a number of rows"),
        );
        hold(&product(), rows).await;
    }
}

#[tokio::test]
async fn five_hundred_rows_are_one_call_and_the_rest_another() {
    let product = product();
    let client = product.service();
    for t in both() {
        let t = format!("{t}/batches");
        let mark = unique("mark");
        for n in [500, 150] {
            let rows = vec![json!({"title": "bulk", "body": mark}); n];
            client.post(&format!("{t}/batch"), &json!({"inserts": rows})).await.expect(200);
        }
        let delete = json!({"action": "delete", "filter": [["body", "==", mark]]});
        for wanted in [500, 150, 0] {
            let answer = client.post(&format!("{t}/batch-by-filter"), &delete).await.expect(200);
            assert_eq!(answer, json!({"processed": wanted, "succeeded": wanted}));
        }
    }
}
