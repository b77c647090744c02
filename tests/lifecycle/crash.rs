//! What is left when a backend or the whole server is killed in the middle of create, migrate, drop?
//!
//! Each is killed with SIGKILL at every table it writes, while it waits for a lock that the test
//! holds there, or for the reader of the instance's table that the test is. Afterwards the instance is what it was before, and the next call finishes the job.

use super::state::{connect_again, one, orphans, state, until_it_tries, until_it_waits};
use edgebase_tests::sql::{connect, literal, texts};
use edgebase_tests::{Product, fixture, unique};
use std::process::Command;
use std::time::{Duration, Instant};
use tokio_postgres::Client;

/// Where a call can be stopped: what a lock is held on meanwhile.
const CREATE: [&str; 6] = [
    "edgebase.instance",
    "pg_authid",
    "pg_namespace",
    "pg_class",
    "pg_constraint",
    "edgebase.audit_log",
];
const MIGRATE: [&str; 4] = ["pg_attribute", "TENANT", "edgebase.instance", "edgebase.audit_log"];
const DROP: [&str; 5] =
    ["TENANT", "pg_namespace", "pg_authid", "edgebase.instance", "edgebase.audit_log"];

#[derive(Clone, Copy, Debug, PartialEq)]
enum Victim {
    Backend,
    Server,
}

/// The block `late` with `columns` fields.
async fn configure(admin: &Client, columns: usize) {
    let fields: Vec<String> = (0..columns).map(|n| format!(r#""c{n}": "number""#)).collect();
    let config = format!(
        r#"{{"databases": {{"late": {{"instance": true, "tables": {{"items": {{"schema": {{{}}}}}}}}}}}}}"#,
        fields.join(", ")
    );
    let sql = format!("SELECT * FROM edgebase.apply_config({})", literal(&config));
    admin.batch_execute(&sql).await.unwrap();
}

fn kill(pid: u32) {
    assert!(Command::new("kill").args(["-KILL", &pid.to_string()]).status().unwrap().success());
}

/// Runs `call` on the instance, kills it where it meets the lock on `point`, and gives a connection
/// to the server that came back.
async fn killed_at(product: &Product, id: &str, call: &str, point: &str, victim: Victim) -> Client {
    let holder = connect(&product.admin_url).await;
    let table = point.replace("TENANT", &format!("\"late:{id}\".items"));
    holder.batch_execute(&format!("BEGIN; LOCK TABLE {table} IN SHARE MODE")).await.unwrap();
    let caller = connect(&product.proxy_url).await;
    let pid: u32 = one(&caller, "SELECT pg_backend_pid()").await.parse().unwrap();
    let sql = format!("SELECT edgebase.{call}('late', {})", literal(id));
    let running = tokio::spawn(async move { texts(&caller, &sql).await });
    let backend = pid.try_into().unwrap();
    if point == "TENANT" {
        until_it_tries(&holder, backend).await;
    } else {
        until_it_waits(&holder, backend).await;
    }
    match victim {
        Victim::Backend => kill(pid),
        Victim::Server => {
            let old = product.postmaster();
            kill(old);
            let deadline = Instant::now() + Duration::from_secs(60);
            while std::fs::read_to_string(product.data_dir().join("postgres/postmaster.pid"))
                .is_ok_and(|text| text.lines().next() == Some(&old.to_string()))
            {
                assert!(Instant::now() < deadline, "the server is not started again");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }
    let broken = running.await.unwrap();
    assert!(broken.is_err(), "{call} at {point}: {broken:?}");
    // One killed backend makes the server end all others; before that it still answers.
    let deadline = Instant::now() + Duration::from_secs(60);
    while !holder.is_closed() {
        assert!(Instant::now() < deadline, "the server does not end its sessions");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    connect_again(&product.admin_url).await
}

async fn call(product: &Product, function: &str, id: &str) {
    let proxy = connect_again(&product.proxy_url).await;
    let sql = format!("SELECT edgebase.{function}('late', {})", literal(id));
    texts(&proxy, &sql).await.unwrap();
}

/// Kills the call at each point and checks what is left, and that the next call finishes.
async fn at_each(
    product: &Product,
    function: &str,
    points: &[&str],
    victim: Victim,
    columns: &mut usize,
) {
    for point in points {
        let about = format!("{function} killed at {point} ({victim:?})");
        let id = unique("crash");
        let admin = connect_again(&product.admin_url).await;
        configure(&admin, *columns).await;
        let (before, after) = match function {
            "create_instance" => ("nothing", "whole"),
            "migrate" => ("behind", "whole"),
            _ => ("whole", "nothing"),
        };
        if before != "nothing" {
            call(product, "create_instance", &id).await;
            let sql = format!("INSERT INTO \"late:{id}\".items (id, c0) VALUES ('kept', 7)");
            admin.batch_execute(&sql).await.unwrap();
        }
        if before == "behind" {
            *columns += 1;
            configure(&admin, *columns).await;
        }
        drop(admin);
        let admin = killed_at(product, &id, function, point, victim).await;
        assert_eq!(state(&admin, "late", &id).await, before, "{about}");
        assert_eq!(orphans(&admin).await, [""; 0], "{about}");
        let kept = format!("SELECT c0 FROM \"late:{id}\".items");
        if before != "nothing" {
            assert_eq!(texts(&admin, &kept).await.unwrap(), ["7"], "{about}");
        }
        call(product, function, &id).await;
        assert_eq!(state(&admin, "late", &id).await, after, "{about}, and again");
        assert_eq!(orphans(&admin).await, [""; 0], "{about}, and again");
        if function == "migrate" {
            assert_eq!(texts(&admin, &kept).await.unwrap(), ["7"], "{about}, and again");
        }
        let deeds = format!(
            "SELECT count(*) FROM edgebase.audit WHERE id = {} AND action = '{}'",
            literal(&id),
            function.trim_end_matches("_instance")
        );
        assert_eq!(one(&admin, &deeds).await, "1", "{about}: audited once");
    }
}

/// That the product as a whole still serves.
async fn serves(product: &Product) {
    let path = super::notes(&unique("after"));
    let body = serde_json::json!({"title": "still here"});
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let answer = product.user("visitor").post(&path, &body).await;
        if answer.status == 201 {
            return;
        }
        assert!(
            answer.status == 503 && Instant::now() < deadline,
            "{}: {}",
            answer.status,
            answer.text
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn a_backend_killed_at_any_step_of_a_creation_leaves_nothing_half_made() {
    let product = Product::start(&fixture("lifecycle.ts"));
    at_each(&product, "create_instance", &CREATE, Victim::Backend, &mut 2).await;
    serves(&product).await;
}

#[tokio::test]
async fn a_backend_killed_at_any_step_of_a_migration_or_drop_leaves_the_instance_as_it_was() {
    let product = Product::start(&fixture("lifecycle.ts"));
    let mut columns = 2;
    at_each(&product, "migrate", &MIGRATE, Victim::Backend, &mut columns).await;
    at_each(&product, "drop_instance", &DROP, Victim::Backend, &mut columns).await;
    serves(&product).await;
}

#[tokio::test]
async fn a_backend_killed_while_it_makes_tables_leaves_none_of_them() {
    let product = Product::start(&fixture("lifecycle.ts"));
    for point in ["pg_class", "pg_constraint"] {
        let id = unique("tables");
        let admin = connect_again(&product.admin_url).await;
        configure(&admin, 2).await;
        let sql = format!("SELECT edgebase.create_instance('late', {}, '{{}}')", literal(&id));
        admin.batch_execute(&sql).await.unwrap();
        drop(admin);
        let admin = killed_at(&product, &id, "ensure_tables", point, Victim::Backend).await;
        let tables = format!("SELECT tablename FROM pg_tables WHERE schemaname = 'late:{id}'");
        assert_eq!(texts(&admin, &tables).await.unwrap(), [""; 0], "killed at {point}");
        call(&product, "ensure_tables", &id).await;
        assert_eq!(state(&admin, "late", &id).await, "whole", "killed at {point}, and again");
    }
    serves(&product).await;
}

#[tokio::test]
async fn a_server_killed_in_the_middle_comes_back_and_the_next_call_finishes() {
    let product = Product::start(&fixture("lifecycle.ts"));
    let mut columns = 2;
    at_each(&product, "create_instance", &["pg_namespace"], Victim::Server, &mut columns).await;
    at_each(&product, "migrate", &["edgebase.instance"], Victim::Server, &mut columns).await;
    at_each(&product, "drop_instance", &["pg_authid"], Victim::Server, &mut columns).await;
    serves(&product).await;
}
