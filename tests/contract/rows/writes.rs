//! Contract 12: insert, update with its operators, delete, upsert in all its forms.

use super::{Row, both, hold, prepare, product};
use edgebase_tests::unique;
use serde_json::json;

#[tokio::test]
async fn inserts_updates_and_deletes_answer_as_the_contract_says() {
    for t in both() {
        let t = format!("{t}/writes");
        let (id, other) = (unique("w"), unique("w"));
        let record = format!("{t}/{id}");
        prepare(
            &product(),
            &t,
            &[json!({"id": other, "title": "other", "rating": null, "meta": [1], "body": "text"})],
        )
        .await;
        let other = format!("{t}/{other}");
        let change = |body, status| Row::patch("12.2", &other, body, status);
        let missing = format!("Record '{id}' not found in 'writes'.");
        let missing = json!({"code": 404, "message": missing, "slug": "not-found"});
        hold(
            &product(),
            vec![
                Row::post(
                    "12.1",
                    &t,
                    json!({"id": id, "title": "one", "updatedAt": "1999-01-01T00:00:00.000Z"}),
                    201,
                )
                .has(json!({"id": id, "body": null, "views": 0, "score": 5}))
                .lacks(&["action"]),
                Row::post("12.1", &t, json!({"id": id, "title": "one"}), 409),
                Row::patch("12.2", &record, json!({"title": "two"}), 200)
                    .has(json!({"id": id, "title": "two", "views": 0})),
                Row::patch(
                    "12.2",
                    &record,
                    json!({"id": "x", "createdAt": "1999-01-01T00:00:00.000Z"}),
                    200,
                )
                .has(json!({"id": id, "title": "two"})),
                Row::patch("12.2", &record, json!({}), 200).has(json!({"title": "two"})),
                Row::patch("12.2", &record, json!({"nope": 1}), 200).lacks(&["nope"]),
                change(json!({"views": {"$op": "increment", "value": 2}}), 200)
                    .has(json!({"views": 2})),
                change(json!({"views": {"$op": "increment", "value": -0.5}}), 200)
                    .has(json!({"views": 1.5})),
                change(json!({"views": {"$op": "increment"}}), 200).has(json!({"views": 1.5})),
                change(json!({"rating": {"$op": "increment", "value": 3}}), 200)
                    .has(json!({"rating": 3})),
                change(json!({"body": {"$op": "deleteField"}}), 200)
                    .has(json!({"body": null, "meta": [1]})),
                change(json!({"meta": {"$op": "deleteField"}}), 200).has(json!({"meta": null})),
                change(json!({"meta": {"$op": 5}}), 200).has(json!({"meta": {"$op": 5}})),
                change(json!({"title": {"$op": "increment", "value": 1}}), 400),
                change(json!({"at": null, "kind": null}), 200).has(json!({"at": null})),
                Row::delete("12.3", &record, 200).is(json!({"deleted": true})),
                Row::delete("12.3", &record, 404).is(missing.clone()),
                Row::get("10.1", &record, 404).is(missing.clone()),
                Row::patch("12.2", &record, json!({"title": "new"}), 404).is(missing),
                // What is wrong with the body comes before what is not there.
                Row::patch("3", &record, json!({"title": 1}), 400),
                Row::delete("12.3", format!("{t}/%27"), 404),
            ],
        )
        .await;
    }
}

#[tokio::test]
async fn an_update_moves_updated_at_and_nothing_else_of_the_stamps() {
    let product = product();
    let client = product.user("writer");
    for t in both() {
        let t = format!("{t}/writes");
        let made = client.post(&t, &json!({"title": "old"})).await.expect(201);
        let record = format!("{t}/{}", made["id"].as_str().unwrap());
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        for body in [json!({"title": "new"}), json!({})] {
            let changed = client.patch(&record, &body).await.expect(200);
            assert_eq!(changed["createdAt"], made["createdAt"]);
            assert!(changed["updatedAt"].as_str() > made["updatedAt"].as_str(), "{changed}");
        }
    }
}

#[tokio::test]
async fn an_upsert_without_a_schema_keeps_the_keys_that_are_not_sent() {
    for t in both() {
        let t = format!("{t}/loose");
        let id = unique("loose");
        let by_id = format!("{t}?upsert=true");
        hold(
            &product(),
            vec![
                Row::post("12.4", &by_id, json!({"id": id, "a": 1, "b": [1]}), 201)
                    .has(json!({"a": 1, "action": "inserted"})),
                Row::post("12.4", &by_id, json!({"id": id, "a": null, "c": "x"}), 200)
                    .has(json!({"id": id, "a": null, "b": [1], "c": "x", "action": "updated"})),
                Row::post(
                    "13.1",
                    format!("{t}/batch?upsert=true"),
                    json!({"inserts": [{"id": id, "b": 2}]}),
                    200,
                )
                .keys(&["inserted"]),
                Row::get("12.4", format!("{t}/{id}"), 200).has(json!({"b": 2, "c": "x"})),
                Row::post("12.4", format!("{by_id}&conflictTarget=a"), json!({"a": 1}), 400)
                    .says("Field 'a' does not exist in schema."),
            ],
        )
        .await;
    }
}

#[tokio::test]
async fn an_upsert_inserts_or_updates_and_says_which() {
    for t in both() {
        let t = format!("{t}/upserts");
        let (a, b, slug) = (unique("a"), unique("b"), unique("slug"));
        let by = |query: &str| format!("{t}?upsert=true{query}");
        let slugged = by("&conflictTarget=slug");
        let keys = [
            "id",
            "createdAt",
            "updatedAt",
            "title",
            "body",
            "views",
            "rating",
            "published",
            "at",
            "meta",
            "kind",
            "code",
            "slug",
            "score",
            "parent",
            "action",
        ];
        hold(
            &product(),
            vec![
                Row::post("12.4", by(""), json!({"id": a, "title": "one", "views": 7}), 201)
                    .keys(&keys)
                    .has(json!({"id": a, "action": "inserted"})),
                Row::post("12.4", by(""), json!({"id": a, "title": "two", "body": "b"}), 200)
                    .keys(&keys)
                    .has(json!({"id": a, "title": "two", "body": "b", "views": 7, "action": "updated"}))
                    .choice("defaults do not reset a row that is there"),
                Row::post("12.4", by("&conflictTarget=id"), json!({"id": a, "title": "six"}), 200)
                    .has(json!({"title": "six", "body": "b"})),
                Row::post("12.4", by(""), json!({"title": "no id"}), 201).has(json!({"action": "inserted"})),
                Row::post("12.4", &slugged, json!({"slug": slug, "title": "one"}), 201)
                    .has(json!({"action": "inserted"})),
                Row::post("12.4", &slugged, json!({"id": b, "slug": slug, "title": "two"}), 200)
                    .has(json!({"slug": slug, "title": "two", "action": "updated"})),
                Row::get("12.4", format!("{t}/{b}"), 404),
                Row::post("12.4", &slugged, json!({"title": "none"}), 201)
                    .has(json!({"slug": null, "action": "inserted"}))
                    .choice("without a value to conflict on it is an insert"),
                Row::post("12.4", &slugged, json!({"title": "none", "slug": null}), 201),
                // Another unique field than the target still conflicts.
                Row::post("12.4", by(""), json!({"id": b, "title": "new", "slug": slug}), 409)
                    .says("Record already exists (duplicate value in column: 'slug')."),
                Row::post("12.4", by(""), json!({"id": a, "views": 1}), 400)
                    .says("Invalid 'title'. Field is required."),
                Row::post("12.4", by("&conflictTarget=nope"), json!({"title": "one"}), 400)
                    .is(json!({"code": 400, "message": "Field 'nope' does not exist in schema."})),
                Row::post("12.4", by("&conflictTarget=title"), json!({"title": "one"}), 400)
                    .is(json!({"code": 400, "message": "Field 'title' is not unique. conflictTarget must be a unique field."})),
                Row::post("12.4", by("&conflictTarget=slug,id"), json!({"title": "one"}), 400)
                    .says("Field 'slug,id' does not exist in schema."),
                Row::post("12.4", format!("{t}?upsert=false"), json!({"title": "one"}), 201).lacks(&["action"]),
            ],
        )
        .await;
    }
}
