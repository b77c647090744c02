//! Contract 22: its worked examples, letter for letter.

use super::{Row, Who, hold, product};
use serde_json::json;

#[tokio::test]
async fn the_worked_examples_answer_as_printed() {
    let product = product();
    let client = product.service();
    let t = "/api/db/shared/tables";
    let made = client.post(&format!("{t}/categories"), &json!({"name": "x"})).await;
    assert_eq!(made.status, 201);
    let stamp = made.body["createdAt"].as_str().unwrap();
    assert_eq!(
        made.text,
        format!(
            r#"{{"id":"{}","createdAt":"{stamp}","updatedAt":"{stamp}","name":"x","description":null,"slug":null,"sortOrder":0}}"#,
            made.body["id"].as_str().unwrap()
        )
    );
    let again = client.post(&format!("{t}/categories"), &json!({"name": "x"})).await;
    assert_eq!(again.status, 409);
    assert_eq!(
        again.text,
        r#"{"code":409,"message":"Record already exists (duplicate value in column: 'name').","slug":"record-already-exists"}"#
    );
    for id in ["a1", "a2"] {
        client.post(&format!("{t}/articles"), &json!({"id": id, "title": "t"})).await.expect(201);
    }
    client.post(&format!("{t}/guarded"), &json!({"id": "there"})).await.expect(201);
    client.delete(&format!("{t}/guarded/there")).await.expect(200);
    let several = "Request body failed validation. First issue: invalid 'title'. Must be a string.";
    let page = client.get(&format!("{t}/articles?limit=1")).await.expect(200);
    assert_eq!(
        page,
        json!({"items": page["items"], "total": 2, "hasMore": true, "cursor": "a1", "page": 1, "perPage": 1})
    );
    let invalid = |reason: &str| json!({"code": "invalid", "message": reason});
    let service = |row: Row| row.by(Who::Service);
    hold(
        &product,
        vec![
            service(Row::post("22", format!("{t}/posts"), json!({"title": 1, "views": "x"}), 400)).is(json!({
                "code": 400, "message": several, "slug": "validation-failed",
                "data": {"title": invalid("Must be a string."), "views": invalid("Must be a number.")}
            })),
            service(Row::get("22", format!("{t}/articles/search?search=zzzz"), 200)).is(json!(
                {"items": [], "total": 0, "hasMore": false, "cursor": null, "page": null, "perPage": 100}
            )),
            service(Row::post(
                "22",
                format!("{t}/articles/batch"),
                json!({"updates": [{"id": "nope", "data": {"title": "q"}}], "deletes": ["a", "b"]}),
                200,
            ))
            .is(json!({"updated": [{"id": "nope", "title": "q"}], "deleted": 2})),
            Row::delete("22", format!("{t}/guarded/missing"), 404).by(Who::Nobody),
            Row::get("22", format!("{t}/guarded"), 403)
                .by(Who::Nobody)
                .is(json!({
                    "code": 403,
                    "message": "Access denied. The 'list' access rule for table 'guarded' rejected this request."
                }))
                .choice("a rule that does not look at rows refuses the request as a whole"),
            Row::get("22", format!("{t}/posts"), 401)
                .by(Who::Nobody)
                .with("x-edgebase-service-key", "bad")
                .is(json!({"code": 401, "message": "Invalid X-EdgeBase-Service-Key for scope 'db:table:posts:read'."})),
            service(Row::post(
                "22",
                "/api/sql",
                json!({"namespace": "shared", "sql": "SELECT 1 AS a, ? AS b", "params": ["x"]}),
                200,
            ))
            .is(json!({
                "rows": [{"a": 1, "b": "x"}], "items": [{"a": 1, "b": "x"}], "results": [{"a": 1, "b": "x"}],
                "columns": ["a", "b"], "rowCount": 1
            })),
        ],
    )
    .await;
}
