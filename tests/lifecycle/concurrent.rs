//! Of many creators at once, does exactly one create, and do all succeed?

use super::state::{one, orphans, state, why};
use super::{notes, product};
use edgebase_tests::sql::{connect, literal};
use edgebase_tests::unique;
use serde_json::json;
use std::sync::Arc;
use tokio::sync::Barrier;
use tokio::task::JoinSet;

const CROWD: usize = 50;
/// A race that one round loses may be won by several others.
const ROUNDS: usize = 20;

async fn creations(admin: &tokio_postgres::Client, id: &str) -> String {
    let sql = "SELECT count(*) FROM edgebase.audit WHERE action = 'create' AND id = ";
    one(admin, &format!("{sql}{}", literal(id))).await
}

#[tokio::test]
async fn of_fifty_connections_that_create_one_id_one_creates_and_all_succeed() {
    let product = product();
    let admin = connect(&product.admin_url).await;
    let mut clients = Vec::new();
    for _ in 0..CROWD {
        clients.push(Arc::new(connect(&product.proxy_url).await));
    }
    for _ in 0..ROUNDS {
        let id = unique("crowd");
        let start = Arc::new(Barrier::new(CROWD));
        let mut crowd = JoinSet::new();
        for client in &clients {
            let (start, id, client) = (Arc::clone(&start), id.clone(), Arc::clone(client));
            crowd.spawn(async move {
                start.wait().await;
                let sql = "SELECT edgebase.create_instance('room', $1) ->> 'created'";
                client.query_one(sql, &[&id]).await.map(|row| row.get::<_, String>(0))
            });
        }
        let made: Vec<String> = crowd
            .join_all()
            .await
            .into_iter()
            .map(|made| made.unwrap_or_else(|e| panic!("{}", why(&e))))
            .collect();
        assert_eq!(made.iter().filter(|created| *created == "true").count(), 1, "{made:?}");
        assert_eq!(made.iter().filter(|created| *created == "false").count(), CROWD - 1);
        assert_eq!(state(&admin, "room", &id).await, "whole");
        assert_eq!(creations(&admin, &id).await, "1");
    }
    assert_eq!(orphans(&admin).await, [""; 0]);
}

#[tokio::test]
async fn of_fifty_first_writes_over_http_every_one_is_stored_in_one_instance() {
    let product = product();
    let admin = connect(&product.admin_url).await;
    for _ in 0..5 {
        let id = unique("rush");
        let start = Arc::new(Barrier::new(CROWD));
        let mut crowd = JoinSet::new();
        for n in 0..CROWD {
            let (start, path, user) = (Arc::clone(&start), notes(&id), product.user("writer"));
            crowd.spawn(async move {
                start.wait().await;
                user.post(&path, &json!({"id": format!("n{n}"), "n": n})).await
            });
        }
        for answer in crowd.join_all().await {
            answer.expect(201);
        }
        let count = product.user("reader").get(&format!("{}/count", notes(&id))).await.expect(200);
        assert_eq!(count["total"], CROWD);
        assert_eq!(state(&admin, "room", &id).await, "sparse");
        assert_eq!(creations(&admin, &id).await, "1");
    }
    assert_eq!(orphans(&admin).await, [""; 0]);
}

#[tokio::test]
async fn creators_of_many_ids_do_not_disturb_each_other() {
    let product = product();
    let admin = connect(&product.admin_url).await;
    let run = unique("many");
    let mut crowd = JoinSet::new();
    for worker in 0..8 {
        let run = run.clone();
        let client = connect(&product.proxy_url).await;
        crowd.spawn(async move {
            // Overlapping ranges, so that most ids have several creators.
            for n in worker..worker + 12 {
                let sql = "SELECT edgebase.create_instance('vault', $1)";
                client.execute(sql, &[&format!("{run}-{n}")]).await.unwrap();
            }
        });
    }
    crowd.join_all().await;
    for n in 0..19 {
        let id = format!("{run}-{n}");
        assert_eq!(state(&admin, "vault", &id).await, "whole", "{id}");
        assert_eq!(creations(&admin, &id).await, "1", "{id}");
    }
    assert_eq!(orphans(&admin).await, [""; 0]);
}
