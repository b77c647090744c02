//! The attacker holds a service key whose scope is one tenant's raw SQL, and nothing else.

use super::machine::{running, send_and_drop, until_none_runs};
use edgebase_tests::sql::connect;
use edgebase_tests::{Client, Product, fixture};
use serde_json::json;
use std::time::Duration;

/// The key of `lifecycle.ts` for the SQL of `room:alpha`.
const KEY: &str = "jb_alpha_5b0c1d";
/// Connections of the server for raw SQL.
const CONNECTIONS: usize = 4;

fn attacker(product: &Product) -> Client {
    product.anonymous().with("x-edgebase-service-key", KEY)
}

#[tokio::test]
async fn statements_that_are_dropped_end_and_count_until_they_have() {
    let product = Product::start(&fixture("lifecycle.ts"));
    let sql = |text: &str| json!({"namespace": "room", "id": "alpha", "sql": text});
    attacker(&product).post("/api/sql", &sql("SELECT 1")).await.expect(200);
    let admin = connect(&product.admin_url).await;
    let body = sql("SELECT pg_sleep(25)").to_string();
    let request = format!(
        "POST /api/sql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\
         X-EdgeBase-Service-Key: {KEY}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut most = 0;
    for _ in 0..40 {
        send_and_drop(&product, &request, Duration::from_millis(80)).await;
        most = running(&admin, "pg_sleep").await.max(most);
    }
    assert!(most <= CONNECTIONS, "{most} backends ran at a time");
    until_none_runs(&admin, "pg_sleep", Duration::from_secs(10)).await;
    attacker(&product).post("/api/sql", &sql("SELECT 2")).await.expect(200);
}

#[tokio::test]
async fn a_key_for_one_tenant_learns_of_no_other_namespace() {
    let product = Product::shared("lifecycle.ts");
    let mut answers = Vec::new();
    for body in [
        json!({"namespace": "app", "sql": "SELECT 1"}),
        json!({"namespace": "vault", "sql": "SELECT 1"}),
        json!({"namespace": "nope", "sql": "SELECT 1"}),
        json!({"namespace": "*", "sql": "SELECT 1"}),
        json!({"namespace": "room", "sql": "SELECT 1"}),
        json!({"namespace": "room", "id": "beta", "sql": "SELECT 1"}),
        json!({"namespace": "room", "id": "a:b", "sql": "SELECT 1"}),
    ] {
        let answer = attacker(&product).post("/api/sql", &body).await;
        assert_eq!(answer.status, 401, "{body}: {}", answer.text);
        answers.push(answer.text);
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
}
