//! What happens to requests while their instance is dropped?
//!
//! They see it whole or not at all, the drop takes a bounded time, and what it leaves is a receipt
//! that nobody can change.

use super::state::{one, orphans, state, until_it_waits, url_for};
use super::{instance, notes, product};
use edgebase_tests::sql::{connect, literal, refusal, texts};
use edgebase_tests::{Client, Product, fixture, unique};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// Reads and writes in a loop until told to stop; answers the statuses seen.
async fn traffic(
    client: Client,
    id: String,
    worker: usize,
    stop: Arc<AtomicBool>,
) -> Vec<(u16, String)> {
    let mut seen = Vec::new();
    for n in 0.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let path = notes(&id);
        let answer = match n % 4 {
            0 => client.post(&path, &json!({"id": format!("w{worker}-{n}"), "n": n})).await,
            1 => client.get(&format!("{path}?limit=5")).await,
            2 => client.patch(&format!("{path}/first"), &json!({"n": n})).await,
            _ => client.get(&format!("{path}/first")).await,
        };
        seen.push((answer.status, answer.text));
    }
    seen
}

fn check(seen: &[(u16, String)]) {
    for (status, text) in seen {
        assert!(matches!(status, 200..=299 | 403 | 404 | 429 | 503), "{status}: {text}");
    }
}

/// The digest that the receipt's other members have, computed by the database.
async fn digest(admin: &tokio_postgres::Client, receipt: &Value) -> String {
    let members =
        ["namespace", "id", "schema", "tables", "rows", "bytes", "dropped_at", "dropped_by"];
    let text: String = members.iter().map(|m| format!("{}\n", receipt[m])).collect();
    let sql = format!("SELECT encode(sha256(convert_to({}, 'UTF8')), 'hex')", literal(&text));
    one(admin, &sql).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_instance_dropped_under_traffic_is_gone_whole_and_leaves_a_receipt() {
    let product = product();
    let admin = connect(&product.admin_url).await;
    let id = unique("closed");
    product.service().post(&notes(&id), &json!({"id": "first", "n": 0})).await.expect(201);
    let stop = Arc::new(AtomicBool::new(false));
    let mut workers = JoinSet::new();
    for worker in 0..8 {
        workers.spawn(traffic(product.user("visitor"), id.clone(), worker, Arc::clone(&stop)));
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    let began = Instant::now();
    let answer = product.service().delete(&instance(&id)).await;
    assert!(began.elapsed() < Duration::from_secs(11), "{:?}", began.elapsed());
    let receipt = answer.expect(200);
    tokio::time::sleep(Duration::from_millis(300)).await;
    stop.store(true, Ordering::Relaxed);
    let seen: Vec<_> = workers.join_all().await.into_iter().flatten().collect();
    check(&seen);
    assert!(seen.iter().any(|(status, _)| *status == 201), "there was traffic before");
    assert!(seen.iter().any(|(status, _)| matches!(status, 403 | 404)), "and after");

    assert_eq!(state(&admin, "room", &id).await, "nothing");
    assert_eq!(orphans(&admin).await, [""; 0]);
    let written = seen.iter().filter(|(status, _)| *status == 201).count() + 1;
    assert_eq!(receipt["rows"], written, "it counts every acknowledged row: {receipt}");
    assert_eq!(receipt["tables"].as_array().unwrap().len(), 1);
    assert!(receipt["bytes"].as_i64().unwrap() > 0);
    assert_eq!(receipt["id"], id);
    assert_eq!(receipt["digest"], digest(&admin, &receipt).await);
    let kept = "SELECT details FROM edgebase.audit WHERE action = 'drop' AND id = ";
    let kept: Value =
        serde_json::from_str(&one(&admin, &format!("{kept}{}", literal(&id))).await).unwrap();
    assert_eq!(kept, receipt);

    product.service().post(&notes(&id), &json!({"id": "anew"})).await.expect(201);
    assert_eq!(product.service().get(&notes(&id)).await.ids(), ["anew"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_instance_that_first_writes_bring_back_holds_only_what_came_after_the_drop() {
    let product = product();
    let admin = connect(&product.admin_url).await;
    let id = unique("phoenix");
    product.service().post(&notes(&id), &json!({"id": "first", "n": 0})).await.expect(201);
    let stop = Arc::new(AtomicBool::new(false));
    let mut workers = JoinSet::new();
    for worker in 0..6 {
        workers.spawn(traffic(product.user("visitor"), id.clone(), worker, Arc::clone(&stop)));
    }
    for _ in 0..8 {
        tokio::time::sleep(Duration::from_millis(120)).await;
        let answer = product.service().delete(&instance(&id)).await;
        assert!(matches!(answer.status, 200 | 404 | 503), "{}", answer.text);
    }
    stop.store(true, Ordering::Relaxed);
    check(&workers.join_all().await.into_iter().flatten().collect::<Vec<_>>());
    let first = product.service().get(&format!("{}/first", notes(&id))).await;
    assert_eq!(first.status, 404, "{}", first.text);
    let left = state(&admin, "room", &id).await;
    assert!(left == "sparse" || left == "nothing", "{left}");
    assert_eq!(orphans(&admin).await, [""; 0]);
}

/// A connection with an open transaction in the instance, which has written a row.
async fn holder(product: &Product, id: &str, row: &str) -> tokio_postgres::Client {
    let holder = connect(&product.proxy_url).await;
    let enter = format!("BEGIN; SELECT edgebase.enter('room', {})", literal(id));
    holder.batch_execute(&enter).await.unwrap();
    let insert = format!("INSERT INTO notes (id) VALUES ({})", literal(row));
    holder.batch_execute(&insert).await.unwrap();
    holder
}

/// Two transactions are inside, one that runs a statement and one that runs none.
#[tokio::test]
async fn transactions_that_hold_the_instance_are_ended_by_its_drop_and_have_written_nothing() {
    let product = product();
    let admin = connect(&product.admin_url).await;
    admin.batch_execute("SET edgebase.ddl_lock_timeout = '2s'").await.unwrap();
    for over_http in [false, true] {
        let id = unique("held");
        product.service().post(&notes(&id), &json!({"id": "first"})).await.expect(201);
        let runs = holder(&product, &id, "second").await;
        let idle = holder(&product, &id, "third").await;
        let running =
            tokio::spawn(async move { (refusal(&runs, "SELECT pg_sleep(25)").await, runs) });

        let began = Instant::now();
        let rows = if over_http {
            product.service().delete(&instance(&id)).await.expect(200)["rows"].to_string()
        } else {
            let sql = format!("SELECT edgebase.drop_instance('room', {}) ->> 'rows'", literal(&id));
            one(&admin, &sql).await
        };
        let (took, whole) = (began.elapsed(), Duration::from_secs(if over_http { 10 } else { 2 }));
        assert_eq!(rows, "1", "only what was committed counts");
        assert!(took >= whole / 2, "they had time to end by themselves: {took:?}");
        assert!(took < whole + Duration::from_secs(1), "{took:?}");
        assert_eq!(state(&admin, "room", &id).await, "nothing");
        assert_eq!(orphans(&admin).await, [""; 0]);

        let (cancelled, runs) = running.await.unwrap();
        assert_eq!(cancelled.as_deref(), Some("57014"));
        runs.batch_execute("ROLLBACK; SELECT 1").await.expect("its connection stays");
        assert!(idle.batch_execute("COMMIT").await.is_err(), "its connection is closed");
        assert!(idle.is_closed());

        product.service().post(&notes(&id), &json!({"id": "anew"})).await.expect(201);
        assert_eq!(product.service().get(&notes(&id)).await.ids(), ["anew"]);
    }
}

#[tokio::test]
async fn a_request_that_a_drop_ends_is_told_so() {
    let product = product();
    let admin = connect(&product.admin_url).await;
    admin.batch_execute("SET edgebase.ddl_lock_timeout = '6s'").await.unwrap();
    let id = unique("ended");
    product.service().post(&notes(&id), &json!({"id": "first"})).await.expect(201);
    let holder = holder(&product, &id, "second").await;
    holder.batch_execute("UPDATE notes SET n = 1 WHERE id = 'first'").await.unwrap();

    let (writer, record) = (product.service(), format!("{}/first", notes(&id)));
    let write = tokio::spawn(async move { writer.patch(&record, &json!({"n": 2})).await });
    let sleep = json!({"namespace": "room", "id": id, "sql": "SELECT pg_sleep(25)"});
    let sleeper = product.service();
    let sleep = tokio::spawn(async move { sleeper.post("/api/sql", &sleep).await });
    tokio::time::sleep(Duration::from_millis(500)).await;
    let sql = format!("SELECT edgebase.drop_instance('room', {}) ->> 'rows'", literal(&id));
    assert_eq!(one(&admin, &sql).await, "1");

    let message = format!("Instance 'room:{id}' was deleted while the request ran.");
    for ended in [write, sleep] {
        let answer = ended.await.unwrap();
        answer.refused(404, &message);
        assert_eq!(answer.body["slug"], "not-found");
    }
}

#[tokio::test]
async fn a_reader_who_has_not_entered_makes_a_drop_fail_in_time_and_changes_nothing() {
    let product = product();
    let admin = connect(&product.admin_url).await;
    let id = unique("read");
    product.service().post(&notes(&id), &json!({"id": "first"})).await.expect(201);
    let reader = connect(&product.admin_url).await;
    let read = format!("BEGIN; SELECT FROM \"room:{id}\".notes");
    reader.batch_execute(&read).await.unwrap();

    admin.batch_execute("SET edgebase.ddl_lock_timeout = '300ms'").await.unwrap();
    let drop = format!("SELECT edgebase.drop_instance('room', {})", literal(&id));
    let began = Instant::now();
    assert_eq!(refusal(&admin, &drop).await.as_deref(), Some("55P03"));
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    assert_eq!(state(&admin, "room", &id).await, "sparse");

    let began = Instant::now();
    let answer = product.service().delete(&instance(&id)).await;
    assert_eq!(answer.status, 503, "{}", answer.text);
    assert!(began.elapsed() < Duration::from_secs(14), "{:?}", began.elapsed());
    assert_eq!(state(&admin, "room", &id).await, "sparse");
    product.service().post(&notes(&id), &json!({"id": "second"})).await.expect(201);
    reader.batch_execute("COMMIT").await.expect("nobody ended it");
    assert_eq!(product.service().get(&notes(&id)).await.ids(), ["first", "second"]);
    let receipt = product.service().delete(&instance(&id)).await.expect(200);
    assert_eq!(receipt["rows"], 2);
    assert_eq!(state(&admin, "room", &id).await, "nothing");
}

#[tokio::test]
async fn a_drop_waits_for_a_running_transaction_and_counts_what_it_wrote() {
    let product = product();
    let admin = connect(&product.admin_url).await;
    let id = unique("awaited");
    product.service().post(&notes(&id), &json!({"id": "first"})).await.expect(201);
    let holder = connect(&product.proxy_url).await;
    let enter = format!("BEGIN; SELECT edgebase.enter('room', {})", literal(&id));
    holder.batch_execute(&enter).await.unwrap();
    holder.batch_execute("INSERT INTO notes (id) VALUES ('late')").await.unwrap();
    let dropper = connect(&product.proxy_url).await;
    let pid = one(&dropper, "SELECT pg_backend_pid()").await.parse().unwrap();
    let sql = format!("SELECT edgebase.drop_instance('room', {}) ->> 'rows'", literal(&id));
    let drop = tokio::spawn(async move { texts(&dropper, &sql).await });
    until_it_waits(&admin, pid).await;
    // Whoever comes while the drop waits, waits behind it and then finds nothing.
    let reader = product.user("reader");
    let path = notes(&id);
    let read = tokio::spawn(async move { reader.get(&format!("{path}/first")).await });
    tokio::time::sleep(Duration::from_millis(200)).await;
    holder.batch_execute("COMMIT").await.unwrap();
    assert_eq!(drop.await.unwrap().unwrap(), ["2"]);
    assert_eq!(read.await.unwrap().status, 404);
    assert_eq!(state(&admin, "room", &id).await, "nothing");
}

#[tokio::test]
async fn a_drop_that_has_to_wait_keeps_no_other_instance_waiting() {
    // A server of its own: what is tested is whether its connections run out.
    let product = Product::start(&fixture("lifecycle.ts"));
    for id in ["busy", "calm"] {
        product.service().post(&notes(id), &json!({"id": "first"})).await.expect(201);
    }
    let holder = connect(&product.proxy_url).await;
    holder.batch_execute("BEGIN; SELECT edgebase.enter('room', 'busy')").await.unwrap();
    let mut behind = JoinSet::new();
    let service = product.service();
    behind.spawn(async move { service.delete(&instance("busy")).await });
    tokio::time::sleep(Duration::from_millis(300)).await;
    for _ in 0..30 {
        let service = product.service();
        behind.spawn(async move { service.get(&notes("busy")).await });
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    let began = Instant::now();
    let calm = product.service().get(&notes("calm")).await;
    let took = began.elapsed();
    holder.batch_execute("COMMIT").await.unwrap();
    let statuses: Vec<u16> = behind.join_all().await.iter().map(|answer| answer.status).collect();
    // The deletion may have ended what already ran in the instance: 404.
    assert!(statuses.iter().all(|s| matches!(s, 200 | 404 | 429 | 503)), "{statuses:?}");
    assert_eq!(calm.status, 200, "after {took:?}: {}", calm.text);
    assert!(took < Duration::from_secs(2), "{took:?}");
}

#[tokio::test]
async fn nobody_can_change_the_audit() {
    let product = product();
    let admin = connect(&product.admin_url).await;
    let id = unique("audited");
    product.service().post(&notes(&id), &json!({"id": "x"})).await.expect(201);
    product.service().delete(&instance(&id)).await.expect(200);
    let name = unique("operator").replace('-', "_");
    let role = format!("CREATE ROLE {name} LOGIN PASSWORD 'pw' IN ROLE edgebase_admin");
    admin.batch_execute(&role).await.unwrap();
    let operator = connect(&url_for(&product.admin_url, Some((&name, "pw")), None)).await;
    let receipts =
        format!("SELECT action FROM edgebase.audit WHERE id = {} ORDER BY seq", literal(&id));
    // A role that does not inherit must become edgebase_admin first.
    operator.batch_execute("SET ROLE edgebase_admin").await.unwrap();
    assert_eq!(texts(&operator, &receipts).await.unwrap(), ["create", "drop"]);
    let changes = |table: &str| {
        [
            format!("UPDATE {table} SET actor = 'nobody'"),
            format!("DELETE FROM {table}"),
            format!("TRUNCATE {table}"),
            format!("INSERT INTO {table} (actor, action, namespace) VALUES ('x', 'drop', 'room')"),
            format!("ALTER TABLE {table} DISABLE TRIGGER ALL"),
            format!("ALTER TABLE {table} RENAME TO other"),
            format!("DROP TABLE {table}"),
            format!("CREATE RULE r AS ON INSERT TO {table} DO INSTEAD NOTHING"),
        ]
    };
    for change in changes("edgebase.audit_log").iter().chain(&changes("edgebase.audit")) {
        let state = refusal(&operator, change).await;
        assert!(matches!(state.as_deref(), Some("42501" | "42809")), "{change}: {state:?}");
    }
    // What one may only read one cannot grant; PostgreSQL just warns.
    let _ = refusal(&operator, &format!("GRANT ALL ON edgebase.audit TO {name}")).await;
    let granted = format!(
        "SELECT has_table_privilege('{name}', 'edgebase.audit', 'INSERT, UPDATE, DELETE, TRUNCATE')"
    );
    assert_eq!(one(&admin, &granted).await, "f");
    assert!(refusal(&operator, "SET session_replication_role = replica").await.is_some());
    for change in &changes("edgebase.audit_log")[..3] {
        let state = refusal(&admin, change).await;
        assert_eq!(state.as_deref(), Some("42501"), "not even the superuser: {change}");
    }
    assert_eq!(texts(&operator, &receipts).await.unwrap(), ["create", "drop"]);
}
