//! Contract 7: field options, auto fields, how values are stored and shown, record ids.

use super::{Row, both, hold, prepare, product};
use edgebase_tests::unique;
use serde_json::{Value, json};

#[tokio::test]
async fn every_type_is_shown_as_it_was_written() {
    let mut rows = Vec::new();
    for t in both() {
        let t = format!("{t}/values");
        rows.push(Row::post("7.2", &t, json!({"title": "keys"}), 201).keys(&[
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
        ]));
        rows.push(Row::post("7.3", &t, json!({"title": "nulls"}), 201).has(json!({
            "body": null, "rating": null, "at": null, "meta": null, "kind": null, "code": null,
            "slug": null, "parent": null, "views": 0, "published": false, "score": 5
        })));
        for (field, value) in [
            ("body", json!("")),
            ("body", json!("Häuser 😀 \u{2028} \" \\ \n")),
            ("rating", json!(3)),
            ("rating", json!(-0.5)),
            ("rating", json!(0.1)),
            ("rating", json!(19.99)),
            ("rating", json!(1e21)),
            ("rating", json!(999_999_999_999_999_i64)),
            ("published", json!(true)),
            ("at", json!("2026-11-23T10:00:00.120Z")),
            ("meta", json!({"a": [1, null, "x", {"b": 1.5}], "c": {}})),
            ("meta", json!([1, "a", null, true])),
            ("meta", json!("text")),
            ("meta", json!(0)),
            ("meta", json!(false)),
            ("meta", json!({"$op": "increment", "value": 1})),
        ] {
            let mut body = json!({"title": "type"});
            body[field] = value.clone();
            rows.push(Row::post("7.3", &t, body, 201).has(json!({ field: value })));
        }
        for (sent, shown) in [
            ("2026-11-23T10:00:00.120+01:00", "2026-11-23T09:00:00.120Z"),
            ("2026-11-23", "2026-11-23T00:00:00.000Z"),
            ("2026-11-23T10:00:00Z", "2026-11-23T10:00:00.000Z"),
            ("Mon, 23 Nov 2026 10:00:00 GMT", "2026-11-23T10:00:00.000Z"),
            ("9999-12-31T23:59:59Z", "9999-12-31T23:59:59.000Z"),
            ("2026-12-31T24:00:00Z", "2027-01-01T00:00:00.000Z"),
            ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000Z"),
        ] {
            let filter = json!([["at", "==", sent]]).to_string();
            rows.push(Row::query("11", &t, &[("filter", &filter)], 200));
            rows.push(
                Row::post("7.3", &t, json!({"title": "date", "at": sent}), 201)
                    .has(json!({"at": shown}))
                    .choice("datetimes are normalised, as on the PostgreSQL backend"),
            );
        }
        rows.push(
            Row::post(
                "7.5",
                &t,
                json!({"title": "drop", "nope": 1, "createdAt": "1999-01-01T00:00:00.000Z"}),
                201,
            )
            .lacks(&["nope"]),
        );
        let unstamped = t.replace("/values", "/unstamped");
        rows.push(Row::post("7.2", unstamped, json!({"n": 1}), 201).keys(&["id", "n"]));
    }
    hold(&product(), rows).await;
}

#[tokio::test]
async fn a_value_that_does_not_fit_is_refused_in_the_contracts_words() {
    let mut rows = Vec::new();
    let ok = "okay";
    for (body, field, reason) in [
        (json!({}), "title", "Field is required."),
        (json!({"title": null}), "title", "Field is required."),
        (json!({"title": 5}), "title", "Must be a string."),
        (json!({"title": ["x"]}), "title", "Must be a string."),
        (json!({"title": "x"}), "title", "Must be at least 2 characters."),
        (json!({"title": ""}), "title", "Must be at least 2 characters."),
        (json!({"title": "12345678901"}), "title", "Must be at most 10 characters."),
        // UTF-16 units are counted.
        (json!({"title": "😀😀😀😀😀😀"}), "title", "Must be at most 10 characters."),
        (json!({"title": ok, "body": 1}), "body", "Must be a string."),
        (json!({"title": ok, "views": "3"}), "views", "Must be a number."),
        (json!({"title": ok, "views": true}), "views", "Must be a number."),
        (json!({"title": ok, "views": -1001}), "views", "Must be at least -1000."),
        (json!({"title": ok, "views": 1000.5}), "views", "Must be at most 1000."),
        (json!({"title": ok, "published": 1}), "published", "Must be a boolean."),
        (json!({"title": ok, "published": "true"}), "published", "Must be a boolean."),
        (json!({"title": ok, "at": 5}), "at", "Must be a datetime string."),
        (json!({"title": ok, "at": "tomorrow"}), "at", "Invalid datetime format."),
        (json!({"title": ok, "at": ""}), "at", "Invalid datetime format."),
        (json!({"title": ok, "at": "2026-13-01"}), "at", "Invalid datetime format."),
        (
            json!({"title": ok, "at": "2024-06-30T10:00:00[Europe/Berlin]"}),
            "at",
            "Invalid datetime format.",
        ),
        (json!({"title": ok, "at": "2026-11-23T10:00:00+01"}), "at", "Invalid datetime format."),
        (
            json!({"title": ok, "at": "+012026-01-01T00:00:00Z"}),
            "at",
            "Must be in the years 1 to 9999.",
        ),
        (
            json!({"title": ok, "at": "9999-12-31T24:00:00Z"}),
            "at",
            "Must be in the years 1 to 9999.",
        ),
        (json!({"title": ok, "kind": "c"}), "kind", "Must be one of: a, b"),
        (json!({"title": ok, "kind": "A"}), "kind", "Must be one of: a, b"),
        (json!({"title": ok, "code": "A1"}), "code", "Must match pattern: [a-z]+$"),
        (json!({"title": ok, "score": null}), "score", "Field is required."),
        (json!({"title": ok, "body": {"$op": "deleteField"}}), "body", "Must be a string."),
        (
            json!({"title": ok, "views": {"$op": "increment", "value": 1}}),
            "views",
            "Must be a number.",
        ),
    ] {
        for t in both() {
            let issue = json!({ field: {"code": "invalid", "message": reason} });
            rows.push(
                Row::post("7.5", format!("{t}/values"), body.clone(), 400)
                    .has(json!({"message": format!("Invalid '{field}'. {reason}"), "data": issue})),
            );
        }
    }
    for t in both() {
        for body in [
            json!({"title": "😀😀😀😀😀"}),
            // Unanchored.
            json!({"title": "ok", "code": "A1a"}),
            json!({"title": "ok", "kind": null, "at": null, "meta": null, "slug": null}),
            json!({"title": "ok", "views": null, "published": null}),
        ] {
            rows.push(Row::post("7.1", format!("{t}/values"), body.clone(), 201).has(body));
        }
    }
    hold(&product(), rows).await;
}

#[tokio::test]
async fn an_update_is_refused_in_its_own_words() {
    let mut rows = Vec::new();
    for t in both() {
        let t = format!("{t}/values");
        let id = unique("u");
        prepare(&product(), &t, &[json!({"id": id, "title": "there"})]).await;
        for (body, field, reason) in [
            (json!({"title": null}), "title", "Field is required and cannot be null."),
            (json!({"score": null}), "score", "Field is required and cannot be null."),
            (
                json!({"title": {"$op": "deleteField"}}),
                "title",
                "Field is required and cannot be deleted.",
            ),
            (json!({"title": "x"}), "title", "Must be at least 2 characters."),
            (json!({"views": "3"}), "views", "Must be a number."),
            (json!({"views": {"$op": "increment", "value": "x"}}), "views", "Must be a number."),
            (json!({"views": {"$op": "increment", "value": null}}), "views", "Must be a number."),
            (json!({"views": {"$op": 5}}), "views", "Must be a number."),
            (json!({"views": {"$op": null}}), "views", "Must be a number."),
            (json!({"kind": "c"}), "kind", "Must be one of: a, b"),
        ] {
            rows.push(
                Row::patch("7.5", format!("{t}/{id}"), body, 400)
                    .has(json!({"data": { field: {"code": "invalid", "message": reason} }})),
            );
        }
        for (body, said) in [
            (
                json!({"views": {"$op": "increment", "value": 1, "valeu": 2}}),
                "The field operator 'increment' does not take 'valeu'. It takes 'value'.",
            ),
            (
                json!({"kind": {"$op": "deleteField", "value": null}}),
                "The field operator 'deleteField' does not take 'value'. It takes no other key.",
            ),
        ] {
            rows.push(
                Row::patch("12.2", format!("{t}/{id}"), body, 400).has(json!({"message": said})),
            );
        }
        let unknown = "Unknown field operator 'push'. Supported operators: increment, deleteField.";
        rows.push(
            Row::patch("12.2", format!("{t}/{id}"), json!({"views": {"$op": "push"}}), 400)
                .has(json!({"message": unknown, "data": {"views": {"message": unknown}}})),
        );
        rows.push(
            Row::get("7.5", format!("{t}/{id}"), 200).has(json!({"title": "there", "views": 0})),
        );
    }
    hold(&product(), rows).await;
}

#[tokio::test]
async fn record_ids_are_made_or_checked() {
    let mut rows = Vec::new();
    for t in both() {
        let values = format!("{t}/values");
        for id in [Value::Null, json!("")] {
            rows.push(Row::post("7.4", &values, json!({"title": "made", "id": id}), 201));
        }
        for id in [format!("A-z_0.{}", unique("id")), format!("u1:{}@x", unique("ws"))] {
            rows.push(
                Row::post("7.4", &values, json!({"title": "own", "id": id}), 201)
                    .has(json!({"id": id}))
                    .choice("ids may also have . : @"),
            );
        }
        let letters = "Record ID must use English letters, numbers, hyphen (-), or underscore (_).";
        for bad in ["a b", "ä", "a/b", "'", "a\u{0}"] {
            rows.push(
                Row::post("7.4", &values, json!({"title": "own", "id": bad}), 400)
                    .says(format!("Invalid record ID. {letters}")),
            );
        }
        for bad in [json!(5), json!(true), json!({}), json!(["x"])] {
            rows.push(
                Row::post("7.4", &values, json!({"title": "own", "id": bad}), 400)
                    .says("Invalid record ID. Record ID must be a string."),
            );
        }
        rows.push(
            Row::post("7.4", &values, json!({"title": "own", "id": "x".repeat(256)}), 400)
                .says("Invalid record ID. Record ID must be at most 255 characters.")
                .choice("ids have at most 255 characters"),
        );
        rows.push(
            Row::post("7.4", format!("{t}/loose"), json!({"id": "a b"}), 400)
                .choice("ids of schemaless tables are checked too: the same routes address them"),
        );
    }
    hold(&product(), rows).await;
}

#[tokio::test]
async fn an_id_that_no_path_can_name_is_refused_wherever_it_is_written() {
    let mut rows = Vec::new();
    for t in both() {
        for table in ["values", "loose"] {
            let t = format!("{t}/{table}");
            for id in ["count", "search", ".", ".."] {
                let record = json!({"id": id, "title": "own"});
                let refused = |row: Row| row.choice("such a record could not be asked for again");
                let reason =
                    "Record ID must not be count, search, . or .., which are no records in a path.";
                let said = format!("Invalid record ID. {reason}");
                rows.push(refused(Row::post("7.4", &t, record.clone(), 400).says(said.clone())));
                let upsert = format!("{t}?upsert=true");
                rows.push(refused(Row::post("7.4", upsert, record.clone(), 400).says(said)));
                for batch in [format!("{t}/batch"), format!("{t}/batch?upsert=true")] {
                    let body = json!({"inserts": [record]});
                    let data = json!({"data": {"id": {"message": reason}}});
                    rows.push(refused(Row::post("7.4", batch, body, 400).has(data)));
                }
            }
            // What these names have in common with others is no reason.
            for id in ["Count", "counts", "batch", "batch-by-filter", "...", "export", "tables"] {
                let upsert = format!("{t}?upsert=true");
                rows.push(Row::post("7.4", upsert, json!({"id": id, "title": "own"}), 201));
                rows.push(Row::get("7.4", format!("{t}/{id}"), 200).has(json!({"id": id})));
                rows.push(Row::delete("7.4", format!("{t}/{id}"), 200));
            }
        }
    }
    hold(&product(), rows).await;
}

#[tokio::test]
async fn made_ids_are_uuids_of_version_7_in_order() {
    let product = product();
    let client = product.user("writer");
    for t in both() {
        let t = format!("{t}/values");
        let mut last = String::new();
        for _ in 0..20 {
            let made = client.post(&t, &json!({"title": "uuid"})).await.expect(201);
            let id = made["id"].as_str().unwrap().to_owned();
            assert!(id.len() == 36 && &id[14..15] == "7" && id == id.to_lowercase(), "{id}");
            assert!(id > last, "{id} after {last}");
            last = id;
            let stamp = made["createdAt"].as_str().unwrap();
            assert!(stamp.len() == 24 && stamp.ends_with('Z') && &stamp[10..11] == "T", "{stamp}");
            assert_eq!(made["createdAt"], made["updatedAt"]);
        }
        let many: Vec<_> = (0..100).map(|_| json!({"title": "uuid"})).collect();
        let batch = client.post(&format!("{t}/batch"), &json!({"inserts": many})).await.expect(200);
        let ids: Vec<_> = batch["inserted"]
            .as_array()
            .unwrap()
            .iter()
            .map(|r| r["id"].as_str().unwrap())
            .collect();
        assert!(ids.is_sorted(), "ids of one millisecond are in order");
    }
}

#[tokio::test]
async fn a_table_without_a_schema_keeps_every_type() {
    let mut rows = Vec::new();
    for t in both() {
        let t = format!("{t}/loose");
        let body =
            json!({"n": 1, "b": true, "o": {"a": [1, null]}, "s": "x", "nothing": null, "f": 0.5});
        rows.push(
            Row::post("7.6", &t, body.clone(), 201)
                .has(body)
                .choice("types survive; the original makes text of them or loses them"),
        );
        let id = unique("l");
        rows.push(Row::post("7.6", &t, json!({"id": id, "n": 1, "gone": 1}), 201));
        let change = json!({"n": {"$op": "increment", "value": 2}, "gone": {"$op": "deleteField"}, "new": "x"});
        rows.push(
            Row::patch("7.6", format!("{t}/{id}"), change, 200)
                .has(json!({"n": 3, "new": "x"}))
                .lacks(&["gone"]),
        );
        rows.push(
            Row::patch("7.6", format!("{t}/{id}"), json!({"n": {"$op": "push"}}), 400)
                .begins("Unknown field operator 'push'."),
        );
        rows.push(
            Row::query(
                "7.6",
                &t,
                &[("filter", &json!([["id", "==", id], ["n", "==", 3]]).to_string())],
                200,
            )
            .items("new", vec![json!("x")]),
        );
    }
    hold(&product(), rows).await;
}
