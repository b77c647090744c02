//! Can a key that is bound to one tenant reach another, or leave something behind, by any SQL?
//!
//! After every text the next requests over the same four connections see their own rows only, as
//! their own role.

use super::state::one;
use super::{notes, product};
use edgebase_tests::sql::{connect, texts};
use edgebase_tests::{Answer, Client, unique};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

const KEY: &str = "jb_alpha_5b0c1d";
const SECRET: &str = "victims-secret-93c2";

async fn sql(client: &Client, id: &str, text: &str) -> Answer {
    client.post("/api/sql", &json!({"namespace": "room", "id": id, "sql": text})).await
}

/// Texts whose answer may be a refusal or harmless, but never the victim's.
fn texts_against(victim: &str, schema: &str, role: &str) -> Vec<String> {
    let theirs = format!("\"{schema}\".notes");
    let mut all: Vec<String> = [
        format!("SELECT * FROM {theirs}"),
        format!("INSERT INTO {theirs} (id, title) VALUES ('planted', 'x')"),
        format!("UPDATE {theirs} SET title = 'planted'"),
        format!("DELETE FROM {theirs}"),
        format!("LOCK TABLE {theirs}"),
        format!("COPY {theirs} TO STDOUT"),
        format!("WITH x AS (SELECT * FROM {theirs}) SELECT * FROM x"),
        format!("SELECT row_to_json(x) FROM {theirs} AS x"),
        format!("SELECT query_to_xml('SELECT * FROM {theirs}', true, true, '')"),
        format!("SELECT table_to_xml('{theirs}', true, true, '')"),
        format!("SELECT schema_to_xml('{schema}', true, true, '')"),
        format!("SELECT set_config('search_path', '\"{schema}\"', false)"),
        format!("SELECT set_config('search_path', '\"{schema}\"', true), (SELECT count(*) FROM notes)"),
        format!("SET search_path = \"{schema}\""),
        format!("SET LOCAL search_path = \"{schema}\""),
        format!("SELECT set_config('role', '{role}', false)"),
        format!("SELECT set_config('session_authorization', '{role}', false)"),
        format!("SET ROLE {role}"),
        format!("SET LOCAL ROLE {role}"),
        format!("SET SESSION AUTHORIZATION {role}"),
        format!("DO $$ BEGIN EXECUTE 'SET ROLE {role}'; END $$"),
        format!("DO $$ BEGIN COMMIT; PERFORM edgebase.enter('room', '{victim}'); END $$"),
        format!("SELECT edgebase.enter('room', '{victim}')"),
        format!("SELECT edgebase.enter('room', '{victim}'), (SELECT string_agg(title, ',') FROM {theirs})"),
        format!("SELECT edgebase.drop_instance('room', '{victim}')"),
        format!("SELECT edgebase.export_instance('room', '{victim}')"),
        format!("SELECT edgebase.migrate('room', '{victim}')"),
        format!("COMMIT; SELECT edgebase.enter('room', '{victim}')"),
        format!("COMMIT; SELECT * FROM {theirs}"),
        format!("SELECT 1) ; COMMIT; SELECT edgebase.enter('room', '{victim}') ; --"),
        format!("SELECT now()) SELECT * FROM {theirs} --"),
        format!("SELECT dblink('dbname=edgebase', 'SELECT * FROM {theirs}')"),
        format!("PREPARE left_behind AS SELECT * FROM {theirs}"),
        format!("DECLARE left_behind CURSOR WITH HOLD FOR SELECT * FROM {theirs}"),
        format!("SELECT lo_from_bytea(4711, '{victim}')"),
        format!("GRANT {role} TO CURRENT_USER"),
        format!("ALTER ROLE {role} LOGIN PASSWORD 'x'"),
        format!("EXPLAIN ANALYZE SELECT * FROM {theirs}"),
        format!("SELECT currtid2('{theirs}', '(0,1)'), 1"),
        format!("SELECT most_common_vals::text FROM pg_stats WHERE schemaname = '{schema}'"),
        format!("SELECT pg_relation_size('{theirs}'), (SELECT title FROM {theirs})"),
    ]
    .to_vec();
    all.extend(
        [
            "COMMIT",
            "ROLLBACK",
            "ABORT",
            "END",
            "COMMIT AND CHAIN",
            "BEGIN",
            "SAVEPOINT s",
            "ROLLBACK TO s",
            "PREPARE TRANSACTION 'left'",
            "RESET ROLE",
            "RESET ALL",
            "RESET SESSION AUTHORIZATION",
            "SET ROLE NONE",
            "SET ROLE edgebase_owner",
            "SET ROLE postgres",
            "SET SESSION AUTHORIZATION DEFAULT",
            "DISCARD ALL",
            "DISCARD PLANS",
            "SET statement_timeout = 0",
            "SET LOCAL statement_timeout = 0",
            "SET default_transaction_read_only = on",
            "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
            "SET TRANSACTION READ ONLY",
            "LISTEN everything",
            "NOTIFY everything, 'x'",
            "UNLISTEN *",
            "SELECT pg_notify('everything', 'x')",
            "SELECT pg_advisory_lock(1)",
            "SELECT pg_advisory_lock_shared(1, 2)",
            "SELECT pg_try_advisory_lock(3)",
            "SELECT pg_advisory_xact_lock(4)",
            "DECLARE held CURSOR WITH HOLD FOR SELECT * FROM notes",
            "DECLARE kept CURSOR FOR SELECT * FROM notes",
            "FETCH ALL FROM held",
            "CLOSE ALL",
            "PREPARE mine AS SELECT 1",
            "EXECUTE mine",
            "DEALLOCATE ALL",
            "CREATE TEMP TABLE notes (id text)",
            "CREATE TEMP VIEW notes AS SELECT 1",
            "SELECT * INTO TEMP shadow FROM notes",
            "CREATE SCHEMA planted",
            "CREATE TABLE public.notes (id text)",
            "CREATE FUNCTION pg_temp.f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
            "CREATE ROLE planted",
            "DO $$ BEGIN PERFORM 1; END $$",
            "CALL nothing()",
            "VACUUM",
            "CHECKPOINT",
            "LOAD 'edgebase'",
            "COPY notes TO '/tmp/stolen'",
            "COPY notes FROM '/etc/passwd'",
            "COPY notes TO PROGRAM 'cat'",
            "COPY (SELECT 1) TO STDOUT",
            "SELECT pg_read_file('/etc/passwd')",
            "SELECT pg_ls_dir('.')",
            "SELECT lo_import('/etc/passwd')",
            "SELECT lo_create(0)",
            "SELECT * FROM pg_authid",
            "SELECT * FROM pg_stat_activity",
            "SELECT * FROM pg_prepared_statements",
            "SELECT * FROM pg_locks",
            "SELECT * FROM edgebase.instance",
            "SELECT * FROM edgebase.instances",
            "SELECT * FROM edgebase.audit",
            "SELECT * FROM edgebase.block_version",
            "SELECT edgebase.repair()",
            "SELECT edgebase.create_instance('room', 'planted')",
            "SELECT edgebase.apply_config('{}')",
            "SELECT pg_terminate_backend(pg_backend_pid())",
            "SELECT pg_cancel_backend(pg_backend_pid())",
            "SELECT pg_reload_conf()",
            "SELECT pg_export_snapshot()",
            "SELECT txid_current()",
            "SELECT * FROM app.notes",
            "ALTER SYSTEM SET fsync = off",
            "SELECT set_config('edgebase.statement_timeout', '0', false)",
            "SET edgebase.lock_timeout = 0",
            "",
            "-- nothing",
            ";",
            "/*",
            "SELECT $1",
            "\u{0}",
            "SELECT current_setting('is_superuser')",
        ]
        .map(str::to_owned),
    );
    all
}

/// That requests over every connection of the pool are served as and to whom they should be.
async fn all_is_well(service: &Client, alpha: &Client, victim: &str, after: &str) {
    let probe = "SELECT current_user = 'eb_' || (SELECT oid FROM pg_database WHERE datname = current_database()) || '_' || \
        substring(current_user::text, '[0-9]+$') AS own, session_user::text AS who, current_setting('search_path') AS path, \
        current_setting('statement_timeout') AS timeout, current_setting('transaction_read_only') AS readonly, \
        (SELECT string_agg(title, ',') FROM notes) AS titles";
    let theirs = async || sql(service, victim, probe).await;
    let own = async || sql(alpha, "alpha", probe).await;
    let answers = tokio::join!(theirs(), own(), theirs(), own(), theirs(), own());
    let (a, b, c, d, e, f) = answers;
    for (answer, id, titles) in [
        (a, victim, SECRET),
        (c, victim, SECRET),
        (e, victim, SECRET),
        (b, "alpha", "own"),
        (d, "alpha", "own"),
        (f, "alpha", "own"),
    ] {
        assert_eq!(answer.status, 200, "after {after:?}: {}", answer.text);
        let want = json!({"own": true, "who": "edgebase_dev_proxy", "path": format!("\"room:{id}\", pg_temp"),
            "timeout": "30s", "readonly": "off", "titles": titles});
        assert_eq!(answer.body["rows"][0], want, "after {after:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_text_of_a_key_bound_to_one_tenant_reaches_another_or_stays_behind() {
    let product = product();
    let admin = connect(&product.admin_url).await;
    let service = product.service();
    let alpha = product.anonymous().with("x-edgebase-service-key", KEY);
    let victim = unique("victim");
    service.post(&notes(&victim), &json!({"id": "s", "title": SECRET})).await.expect(201);
    let begun = service.post(&notes("alpha"), &json!({"id": "own", "title": "own"})).await;
    assert_eq!(begun.status, 201, "{}", begun.text);
    let role =
        one(&admin, &format!("SELECT role FROM edgebase.instances WHERE id = '{victim}'")).await;
    let hostile = texts_against(&victim, &format!("room:{victim}"), &role);
    assert!(hostile.len() > 100);
    for text in &hostile {
        let began = Instant::now();
        let answer = sql(&alpha, "alpha", text).await;
        assert!(began.elapsed() < Duration::from_secs(10), "{text:?} took {:?}", began.elapsed());
        assert!(
            matches!(answer.status, 200 | 400 | 503),
            "{text:?}: {} {}",
            answer.status,
            answer.text
        );
        assert!(!answer.text.contains(SECRET), "{text:?}: {}", answer.text);
        if text.contains(&format!("{victim}\".notes")) {
            assert_eq!(answer.status, 400, "{text:?}: {}", answer.text);
        }
        all_is_well(&service, &alpha, &victim, text).await;
    }
    let left = "SELECT (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory')
        + (SELECT count(*) FROM pg_prepared_xacts) + (SELECT count(*) FROM pg_largeobject_metadata)
        + (SELECT count(*) FROM pg_namespace WHERE nspname ~ '^pg_temp|planted')
        + (SELECT count(*) FROM pg_roles WHERE rolname = 'planted')
        + (SELECT count(*) FROM edgebase.instances WHERE id = 'planted')
        + (SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace)";
    assert_eq!(one(&admin, left).await, "0", "nothing was left behind");
    let rows = format!("SELECT id || title FROM \"room:{victim}\".notes");
    assert_eq!(texts(&admin, &rows).await.unwrap(), [format!("s{SECRET}")]);
}

#[tokio::test]
async fn a_key_bound_to_one_tenant_is_refused_for_every_other_target() {
    let product = product();
    let alpha = product.anonymous().with("x-edgebase-service-key", KEY);
    for body in [
        json!({"namespace": "room", "id": "Alpha", "sql": "SELECT 1"}),
        json!({"namespace": "room", "id": "alpha ", "sql": "SELECT 1"}),
        json!({"namespace": "room", "id": "other", "sql": "SELECT 1"}),
        json!({"namespace": "vault", "id": "alpha", "sql": "SELECT 1"}),
        json!({"namespace": "app", "sql": "SELECT 1"}),
    ] {
        let answer = alpha.post("/api/sql", &body).await;
        assert_eq!(answer.status, 401, "{body}: {}", answer.text);
    }
    for path in ["/api/db/room/alpha/export", "/api/db/room/other/export"] {
        assert_eq!(alpha.get(path).await.status, 401, "{path}");
    }
    assert_ne!(alpha.delete("/api/db/room/alpha").await.status, 200, "its scope is SQL only");
}

/// The server waits for rows that never come; nobody else may have to wait with it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_from_the_client_ends_at_once_and_holds_no_connection() {
    let product = product();
    let service = product.service();
    let id = unique("copier");
    sql(&service, &id, "SELECT 1").await.expect(200);
    let began = Instant::now();
    let mut copies = JoinSet::new();
    for _ in 0..5 {
        let (service, id) = (service.clone(), id.clone());
        copies.spawn(async move { sql(&service, &id, "COPY notes (id) FROM STDIN").await.status });
    }
    let other: Value = sql(&service, &unique("bystander"), "SELECT 1 AS x").await.expect(200);
    assert_eq!(other["rows"][0]["x"], 1);
    assert!(copies.join_all().await.iter().all(|status| *status != 200));
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_copy_to_or_from_the_client_is_the_callers_mistake_and_not_the_servers() {
    let product = product();
    let id = unique("copies");
    for text in ["COPY notes (id) FROM STDIN", "COPY notes TO STDOUT", "COPY (SELECT 1) TO STDOUT"]
    {
        let answer = sql(&product.service(), &id, text).await;
        assert_eq!(answer.status, 400, "{text}: {}", answer.text);
    }
}
