//! Does a dump, restored into a fresh cluster and repaired, give a working product?
//!
//! Fresh means what it means after a disaster: neither the instance roles nor the four of the
//! extension exist when `pg_restore` begins.

use super::state::{connect_again, one, orphans, postgres_program, printed, state, url_for};
use super::{instance, notes};
use edgebase_tests::sql::{connect, refusal, texts};
use edgebase_tests::{Product, encode, fixture};
use serde_json::json;
use std::process::Command;

const AWKWARD: &str = "o'dd \"id\" 😀";

#[tokio::test]
async fn a_dump_restored_into_a_fresh_cluster_and_repaired_is_a_working_product() {
    let source = Product::start(&fixture("lifecycle.ts"));
    let service = source.service();
    for id in ["one", "two", AWKWARD, "gone"] {
        service
            .post(&notes(id), &json!({"id": "x", "title": format!("of {id}"), "data": {"k": [1]}}))
            .await
            .expect(201);
    }
    service
        .post("/api/db/app/tables/notes", &json!({"id": "x", "title": "of app"}))
        .await
        .expect(201);
    service.delete(&instance("gone")).await.expect(200);
    let before = connect(&source.admin_url).await;
    before.batch_execute("SELECT edgebase.ensure_tables('room', 'two')").await.unwrap();
    let file = source.data_dir().with_file_name("dump");
    printed(postgres_program("pg_dump").args(["-Fc", "-d", &source.admin_url, "-f"]).arg(&file));

    let mut target = Product::start(&fixture("lifecycle.ts"));
    wipe(&target).await;
    let mut restore = postgres_program("pg_restore");
    let output = restore.args(["-d", &target.admin_url]).arg(&file).output().unwrap();
    // Its only complaints may be about roles of instances, which a dump cannot carry.
    let complaints = String::from_utf8_lossy(&output.stderr).into_owned();
    for line in complaints.lines().filter(|l| l.contains("ERROR:")) {
        assert!(line.contains("role \"eb_") || line.contains("role \"edgebase_"), "{line}");
    }
    let admin = connect(&target.admin_url).await;
    let repaired = one(&admin, "SELECT edgebase.repair()").await;
    assert!(repaired.contains("\"schemas_missing\": []"), "{repaired}");
    assert_eq!(orphans(&admin).await, [""; 0]);
    for id in ["one", "two", AWKWARD] {
        let tables = if id == "two" { "whole" } else { "sparse" };
        assert_eq!(state(&admin, "room", id).await, tables, "{id}");
    }
    let again = one(&admin, "SELECT edgebase.repair()").await;
    assert!(
        again.contains("\"roles_created\": 0") && again.contains("\"grants_revoked\": 0"),
        "{again}"
    );
    let killed = Command::new("kill").args(["-KILL", &target.pid().to_string()]).status().unwrap();
    assert!(killed.success());
    target.restart();
    works(&target).await;
}

/// Makes the cluster of a product as good as new.
async fn wipe(target: &Product) {
    let maintenance = connect(&url_for(&target.admin_url, None, Some("postgres"))).await;
    maintenance.batch_execute("DROP DATABASE edgebase WITH (FORCE)").await.unwrap();
    let roles = "SELECT format('DROP ROLE %I', rolname) FROM pg_roles
                 WHERE rolname LIKE 'eb\\_%' OR rolname LIKE 'edgebase\\_%'";
    for statement in texts(&maintenance, roles).await.unwrap() {
        maintenance.batch_execute(&statement).await.unwrap();
    }
    maintenance.batch_execute("CREATE DATABASE edgebase").await.unwrap();
}

/// Enter, read, write, create, drop; and tenants are still apart.
async fn works(target: &Product) {
    let service = target.service();
    for id in ["one", "two", AWKWARD] {
        let list = service.get(&notes(id)).await;
        assert_eq!(list.ids(), ["x"], "{}", list.text);
        assert_eq!(list.items()[0]["title"], format!("of {id}"));
        assert_eq!(list.items()[0]["data"], json!({"k": [1]}));
        service.post(&notes(id), &json!({"id": "y"})).await.expect(201);
        let bad = service
            .post(&format!("/api/db/room/{}/tables/links", encode(id)), &json!({"note": "none"}))
            .await;
        assert_eq!(bad.status, 400, "references are in force: {}", bad.text);
    }
    assert_eq!(service.get("/api/db/app/tables/notes").await.ids(), ["x"]);
    assert_eq!(service.get(&notes("gone")).await.expect(200)["total"], 0);
    service.post(&notes("fresh"), &json!({"id": "z"})).await.expect(201);
    let receipt = service.delete(&instance("two")).await.expect(200);
    assert_eq!(receipt["rows"], 2);
    let admin = connect_again(&target.admin_url).await;
    assert_eq!(orphans(&admin).await, [""; 0]);
    let audit = "SELECT string_agg(action, ' ' ORDER BY seq) FROM edgebase.audit WHERE id = 'gone'";
    assert_eq!(one(&admin, audit).await, "create drop");
    let proxy = connect(&target.proxy_url).await;
    assert_eq!(refusal(&proxy, "SELECT * FROM \"room:one\".notes").await.as_deref(), Some("42501"));
    proxy.batch_execute("BEGIN; SELECT edgebase.enter('room', 'one')").await.unwrap();
    assert_eq!(texts(&proxy, "SELECT id FROM notes ORDER BY id").await.unwrap(), ["x", "y"]);
    assert_eq!(
        refusal(&proxy, "SELECT * FROM \"room:fresh\".notes").await.as_deref(),
        Some("42501")
    );
    proxy.batch_execute("ROLLBACK").await.unwrap();
    assert_eq!(refusal(&proxy, "CREATE TEMP TABLE t (x int)").await.as_deref(), Some("42501"));
}
