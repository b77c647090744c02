//! Does a dump of the database hold anything that a deleted instance's users wrote?

use super::state::{postgres_program, printed};
use super::{instance, notes};
use edgebase_tests::{Product, fixture};
use serde_json::json;

#[tokio::test]
async fn nothing_that_a_deleted_tenant_wrote_is_in_a_dump() {
    // A server of its own: pg_dump wants tables to stay while it runs.
    let product = Product::start(&fixture("lifecycle.ts"));
    let service = product.service();
    let (secret, kept) = ("planted-secret-6f1e", "others-keep-theirs-77aa");
    for (id, text) in [("leaver", secret), ("stayer", kept)] {
        let row = json!({"id": text, "title": text, "body": text.repeat(500), "data": {"deep": [text, {text: 1}]}});
        service.post(&notes(id), &row).await.expect(201);
        service
            .post(&format!("/api/db/room/{id}/tables/loose"), &json!({"any": text}))
            .await
            .expect(201);
        service
            .patch(&format!("{}/{text}", notes(id)), &json!({"title": "changed"}))
            .await
            .expect(200);
        let body = json!({"namespace": "room", "id": id, "sql": "SELECT count(*) FROM notes WHERE body LIKE ?", "params": [format!("%{text}%")]});
        service.post("/api/sql", &body).await.expect(200);
    }
    // pg_dumpall hands the password on to nobody but through the environment.
    let password = product.admin_url.split([':', '@']).nth(2).unwrap();
    let dumped = |program: &str| {
        let mut command = postgres_program(program);
        printed(command.args(["--inserts", "-d", &product.admin_url]).env("PGPASSWORD", password))
    };
    let dumps = |what: &str| {
        let (one, all) = (dumped("pg_dump"), dumped("pg_dumpall"));
        [one, all].map(|text| text.matches(what).count())
    };
    assert!(dumps(secret).iter().all(|n| *n > 4), "the search itself works");
    service.delete(&instance("leaver")).await.expect(200);
    assert_eq!(dumps(secret), [0, 0]);
    assert!(dumps(kept).iter().all(|n| *n > 4));
    // The receipt names the instance once, in the audit; no schema, grant or role is left.
    assert_eq!(dumps("room:leaver").map(|n| n > 0), [true, true]);
    assert_eq!(dumps("\"room:leaver\""), dumps("\"schema\": \"room:leaver\""));
}
