//! A request finishes under the rules that it began with.

use crate::{FIXTURE, app, until};
use edgebase_tests::{Product, fixture, sql};
use serde_json::json;

#[tokio::test]
async fn a_request_under_way_keeps_the_rules_it_began_with() {
    let product = Product::start(&fixture(FIXTURE));
    let (service, user) = (product.service(), product.user("u"));
    let path = app("edited");
    let made = service.post(&path, &json!({"id": "held", "n": 1})).await.expect(201);
    service.post(&path, &json!({"id": "free", "n": 1})).await.expect(201);
    assert_eq!(made["n"], 1);

    // The request has begun and waits for its row; its rule is asked after that.
    let admin = sql::connect(&product.admin_url).await;
    let hold = "BEGIN; SELECT 1 FROM app.edited WHERE id = 'held' FOR UPDATE";
    admin.simple_query(hold).await.unwrap();
    let waiting = tokio::spawn({
        let (user, path) = (user.clone(), format!("{path}/held"));
        async move { user.patch(&path, &json!({"note": "by the old rule"})).await }
    });
    let watcher = sql::connect(&product.admin_url).await;
    until("the request waits for the row", || async {
        let blocked = "SELECT count(*) FROM pg_locks WHERE NOT granted";
        sql::texts(&watcher, blocked).await.unwrap() == ["1"]
    })
    .await;

    let text = std::fs::read_to_string(&product.config).unwrap();
    assert!(text.contains("row.n === 1 /* edited */"));
    std::fs::write(&product.config, text.replace("row.n === 1 /* edited */", "row.n === 2"))
        .unwrap();
    until("the new rule is in force", || async {
        user.patch(&format!("{path}/free"), &json!({"note": "x"})).await.status == 403
    })
    .await;
    assert!(!waiting.is_finished());
    admin.simple_query("ROLLBACK").await.unwrap();
    let answer = waiting.await.unwrap();
    assert_eq!(answer.expect(200)["note"], "by the old rule");
    user.patch(&format!("{path}/held"), &json!({"note": "x"})).await.expect(403);
}
