//! Who may delete an instance over HTTP, and what is the answer?

use super::state::{orphans, state};
use super::{instance, notes, product};
use edgebase_tests::sql::connect;
use edgebase_tests::{Product, encode, fixture, unique};
use serde_json::json;
use std::time::{Duration, Instant};

#[tokio::test]
async fn without_a_delete_rule_only_a_service_key_may_delete() {
    let product = product();
    let admin = connect(&product.admin_url).await;
    let id = unique("vault");
    let (path, whole) = (format!("/api/db/vault/{id}/tables/notes"), format!("/api/db/vault/{id}"));
    product.user("owner").post(&path, &json!({"id": "a"})).await.expect(201);
    for caller in [
        product.anonymous(),
        product.user("owner"),
        product.user_with("x", &json!({"role": "admin"})),
    ] {
        let answer = caller.delete(&whole).await;
        assert_eq!(answer.status, 403, "{}", answer.text);
    }
    let wrong = product.anonymous().with("x-edgebase-service-key", "wrong").delete(&whole).await;
    assert_eq!(wrong.status, 401, "{}", wrong.text);
    assert_eq!(state(&admin, "vault", &id).await, "whole");
    let receipt = product.service().delete(&whole).await.expect(200);
    assert_eq!(receipt["rows"], 1);
    assert_eq!(receipt["dropped_by"], "service key root");
    assert_eq!(state(&admin, "vault", &id).await, "nothing");
    let again = product.service().delete(&whole).await;
    assert_eq!(again.status, 404, "{}", again.text);
}

#[tokio::test]
async fn the_delete_rule_decides_for_users() {
    let product = product();
    let admin = connect(&product.admin_url).await;
    let id = unique("ruled");
    product.user("guest").post(&notes(&id), &json!({"id": "a"})).await.expect(201);
    for caller in [product.anonymous(), product.user("guest")] {
        assert_eq!(caller.delete(&instance(&id)).await.status, 403);
    }
    assert_eq!(state(&admin, "room", &id).await, "sparse");
    let receipt = product.user("owner").delete(&instance(&id)).await.expect(200);
    assert_eq!((&receipt["id"], &receipt["rows"]), (&json!(id), &json!(1)));
    assert_eq!(receipt["digest"].as_str().unwrap().len(), 64);
    // Who asked, and through which login.
    assert_eq!(receipt["dropped_by"], "user owner");
    let sql = "SELECT actor = 'edgebase_dev_proxy' AND details ->> 'dropped_by' = 'user owner'
               FROM edgebase.audit WHERE action = 'drop' AND id = $1";
    assert!(admin.query_one(sql, &[&id]).await.unwrap().get::<_, bool>(0));
    assert_eq!(state(&admin, "room", &id).await, "nothing");
    assert_eq!(orphans(&admin).await, [""; 0]);
    assert_eq!(product.user("owner").delete(&instance(&id)).await.status, 404);
    assert_eq!(product.user("guest").delete(&instance(&id)).await.status, 403);
    assert_eq!(product.user("guest").get(&notes(&id)).await.expect(200)["total"], 0);
}

#[tokio::test]
async fn what_cannot_be_an_instance_cannot_be_deleted() {
    let product = product();
    let service = product.service();
    for (path, status) in [
        ("/api/db/room/never-made".to_owned(), 404),
        ("/api/db/nope/x".into(), 404),
        ("/api/db/app/x".into(), 400),
        (format!("/api/db/room/{}", encode("a:b")), 400),
        (format!("/api/db/room/{}", encode("a\u{1}b")), 400),
        (format!("/api/db/room/{}", encode("   ")), 400),
        (format!("/api/db/room/{}", "x".repeat(1_025)), 400),
        ("/api/db/app".into(), 404),
        ("/api/db/room".into(), 404),
    ] {
        let answer = service.delete(&path).await;
        assert_eq!(answer.status, status, "{path}: {}", answer.text);
    }
    assert_eq!(service.get("/api/db/app/tables/notes").await.status, 200);
}

#[tokio::test]
async fn a_deletion_behind_a_backup_holds_up_no_request_of_the_instance() {
    let product = Product::start(&fixture("lifecycle.ts"));
    let (admin, backup) = (connect(&product.admin_url).await, connect(&product.admin_url).await);
    admin.batch_execute("LOAD 'edgebase'").await.unwrap();
    admin.batch_execute("ALTER SYSTEM SET edgebase.ddl_lock_timeout = '6s'").await.unwrap();
    admin.batch_execute("SELECT pg_reload_conf()").await.unwrap();
    let (path, whole) = (notes("backed up"), instance("backed up"));
    let user = product.user("guest");
    user.post(&path, &json!({"id": "a"})).await.expect(201);
    // What pg_dump holds to its end.
    let dump = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
                LOCK TABLE \"room:backed up\".notes IN ACCESS SHARE MODE";
    backup.batch_execute(dump).await.unwrap();
    // The second one meets what is remembered of how long the first has taken.
    for _ in 0..2 {
        let service = product.service();
        let deletion = tokio::spawn({
            let whole = whole.clone();
            async move { service.delete(&whole).await }
        });
        let (mut requests, mut slowest) = (0, Duration::ZERO);
        while !deletion.is_finished() {
            let begun = Instant::now();
            user.get(&path).await.expect(200);
            user.get(&format!("{path}/a")).await.expect(200);
            user.patch(&format!("{path}/a"), &json!({"title": "x"})).await.expect(200);
            slowest = slowest.max(begun.elapsed());
            requests += 3;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let answer = deletion.await.unwrap();
        assert_eq!(answer.status, 503, "{}", answer.text);
        assert!(answer.headers.contains_key("retry-after"), "{}", answer.text);
        assert!(requests >= 9 && slowest < Duration::from_secs(4), "{requests} in {slowest:?}");
    }
    backup.batch_execute("COMMIT").await.unwrap();
    assert_eq!(product.service().delete(&whole).await.expect(200)["rows"], 1);
}
