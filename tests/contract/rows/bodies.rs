//! Contract 2: the envelope, bodies that are no records, and what a failed validation says.

use super::{Row, Who, both, hold, prepare, product};
use edgebase_tests::unique;
use serde_json::{Value, json};

const JSON: &str = "application/json";

#[tokio::test]
async fn a_body_that_is_no_json_object_is_named() {
    let mut rows = Vec::new();
    for t in both() {
        let t = format!("{t}/bodies");
        prepare(&product(), &t, &[json!({"id": unique("b"), "title": "there"})]).await;
        for (method, path) in [
            ("POST", t.clone()),
            ("POST", format!("{t}?upsert=true")),
            ("POST", format!("{t}/batch")),
            ("POST", format!("{t}/batch-by-filter")),
            ("PATCH", format!("{t}/whatever")),
            ("POST", "/api/sql".into()),
        ] {
            // Raw SQL reads no body without a key.
            let who = if path == "/api/sql" { Who::Service } else { Who::Nobody };
            let row = |status| Row::new("2", method, path.clone(), status).by(who.clone());
            let malformed = json!({"code": 400, "message": "Malformed JSON in request body"});
            for text in ["{\"a\":", "", "{} {}", "{'a':1}"] {
                rows.push(row(400).sends(JSON, text).is(malformed.clone()));
            }
            let large = "The request body has a number that is out of range: send numbers up to 1.79e308, or text.";
            rows.push(row(400).sends(JSON, "{\"n\":1e999}").says(large));
            let half = "The request body has half of a surrogate pair in a string: escape both halves, or send the character.";
            for text in [r#"{"a":"\ud800"}"#, r#"{"\udc00":1}"#, r#"{"a":"\ud83dx"}"#] {
                rows.push(row(400).sends(JSON, text).says(half));
            }
            for bytes in [&b"{\"a\":\"\xff\"}"[..], b"\xff", b"{\"\xc3\":1}", b"\xff\xfe{\0}\0"] {
                rows.push(row(400).sends(JSON, bytes).says("The request body is not valid UTF-8."));
            }
            for encoding in ["gzip", "br", "identity, gzip", "GZIP"] {
                let said = format!(
                    "The request body has the Content-Encoding '{encoding}', which is not supported. Send it without."
                );
                rows.push(row(415).sends(JSON, "{}").with("content-encoding", encoding).says(said));
            }
            rows.push(row(400).sends(JSON, "[]").with("content-encoding", "identity"));
            for (text, kind) in [
                ("[]", "array"),
                ("[{}]", "array"),
                ("\"x\"", "string"),
                ("null", "null"),
                ("1", "number"),
                ("true", "boolean"),
            ] {
                let said = format!("Invalid input: expected record, received {kind}");
                rows.push(row(400).sends(JSON, text).is(json!({"code": 400, "message": said})));
            }
            let unsupported = json!({"code": 415, "message": "Unsupported Media Type"});
            for kind in ["text/plain", "", "application/x-www-form-urlencoded", "text/json"] {
                rows.push(row(415).sends(kind, "{\"title\":\"abc\"}").is(unsupported.clone()));
            }
        }
        for kind in
            ["application/json; charset=utf-8", "Application/JSON", "application/vnd.x+json"]
        {
            rows.push(Row::new("2", "POST", &t, 201).sends(kind, "{\"title\":\"abc\"}"));
        }
        rows.push(Row::new("2", "POST", &t, 400).is(json!({"code": 400, "message":
            "Invalid JSON body for inserting into table 'bodies'. Send application/json with the expected fields."
        })));
    }
    hold(&product(), rows).await;
}

/// The body of a failed validation.
fn invalid(headline: &str, fields: &[(&str, &str)]) -> Value {
    let data: serde_json::Map<_, _> = fields
        .iter()
        .map(|(field, reason)| ((*field).to_owned(), json!({"code": "invalid", "message": reason})))
        .collect();
    json!({"code": 400, "message": headline, "slug": "validation-failed", "data": data})
}

#[tokio::test]
async fn a_failed_validation_names_every_field() {
    let mut rows = Vec::new();
    for t in both() {
        let t = format!("{t}/bodies");
        let id = unique("v");
        prepare(&product(), &t, &[json!({"id": id, "title": "there"})]).await;
        let required = "Field is required.";
        rows.extend([
            Row::post("2", &t, json!({}), 400)
                .is(invalid("Invalid 'title'. Field is required.", &[("title", required)])),
            Row::post("2", &t, json!({"title": 1, "views": "x"}), 400).is(invalid(
                "Request body failed validation. First issue: invalid 'title'. Must be a string.",
                &[("title", "Must be a string."), ("views", "Must be a number.")],
            )),
            Row::post("2", &t, json!({"title": "abc", "id": 5}), 400).is(invalid(
                "Invalid record ID. Record ID must be a string.",
                &[("id", "Record ID must be a string.")],
            )),
            Row::post("2", format!("{t}?upsert=true"), json!({"id": id}), 400)
                .is(invalid("Invalid 'title'. Field is required.", &[("title", required)])),
        ]);
        let update =
            "Update payload for table 'bodies' failed validation. See data for field-level errors.";
        for body in [json!({"title": null}), json!({"title": null, "nope": 1})] {
            rows.push(
                Row::patch("2", format!("{t}/{id}"), body, 400)
                    .is(invalid(update, &[("title", "Field is required and cannot be null.")])),
            );
        }
        rows.push(
            Row::patch("2", format!("{t}/{id}"), json!({"views": "3", "published": 1}), 400).is(
                invalid(
                    update,
                    &[("views", "Must be a number."), ("published", "Must be a boolean.")],
                ),
            ),
        );
        rows.push(
            Row::post(
                "2",
                format!("{t}/batch-by-filter"),
                json!({"action": "update", "filter": [["id", "==", id]], "update": {"views": "3"}}),
                400,
            )
            .is(invalid(update, &[("views", "Must be a number.")]))
            .choice("values of batch-by-filter are validated as any update's"),
        );
        let batch = |what: &str| {
            format!(
                "Batch {what} payload for table 'bodies' failed validation. See data for field-level errors."
            )
        };
        rows.push(
            Row::post(
                "13.1",
                format!("{t}/batch"),
                json!({"inserts": [{"title": "fine"}, {}]}),
                400,
            )
            .is(invalid(&batch("insert"), &[("title", required)])),
        );
        rows.push(
            Row::post(
                "13.1",
                format!("{t}/batch"),
                json!({"updates": [{"id": id, "data": {"title": 1}}]}),
                400,
            )
            .is(invalid(&batch("update"), &[("title", "Must be a string.")])),
        );
        rows.push(
            Row::get("2", format!("{t}/{id}"), 200).has(json!({"title": "there", "views": 0})),
        );
    }
    hold(&product(), rows).await;
}

#[tokio::test]
async fn a_violated_constraint_is_4xx_with_its_slug() {
    let mut rows = Vec::new();
    for t in both() {
        let t = format!("{t}/bodies");
        let id = unique("c");
        let taken = json!({"id": id, "title": "abc", "slug": id});
        let twice = |column: &str| {
            let said = format!("Record already exists (duplicate value in column: '{column}').");
            json!({"code": 409, "message": said, "slug": "record-already-exists"})
        };
        let other = json!({"title": "abc", "slug": id});
        rows.extend([
            Row::post("2", &t, taken.clone(), 201),
            Row::post("2", &t, taken, 409).is(twice("id")),
            Row::post("2", &t, other.clone(), 409).is(twice("slug")),
            Row::post("2", format!("{t}/batch"), json!({"inserts": [other]}), 409)
                .is(twice("slug"))
                .choice("a duplicate in a batch is a conflict, not a 500"),
            Row::post("2", &t, json!({"title": "abc", "parent": "nobody"}), 400)
                .begins("Referenced record does not exist")
                .has(json!({"slug": "foreign-key-failed"})),
            Row::patch("2", format!("{t}/{id}"), json!({"parent": "nobody"}), 400)
                .begins("Referenced record does not exist")
                .has(json!({"slug": "foreign-key-failed"})),
            // Counting beyond a bound is found by the database alone.
            Row::patch(
                "2",
                format!("{t}/{id}"),
                json!({"views": {"$op": "increment", "value": 2000}}),
                400,
            )
            .is(json!({
                "code": 400, "slug": "constraint-failed",
                "message": "Database constraint violated (column: 'views'). Must be at most 1000."
            }))
            .choice("min and max hold for increments too"),
            Row::patch(
                "2",
                format!("{t}/{id}"),
                json!({"views": {"$op": "increment", "value": -2000}}),
                400,
            )
            .has(json!({
                "slug": "constraint-failed",
                "message": "Database constraint violated (column: 'views'). Must be at least -1000."
            })),
        ]);
    }
    hold(&product(), rows).await;
}
