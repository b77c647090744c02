//! What is there of an instance, and is anything there that should not be?
//!
//! Each question is one SQL statement, so that its answer is of one moment even while others
//! create and drop.

use edgebase_tests::sql::{literal, texts, try_connect};
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};
use tokio_postgres::{Client, Error};

/// `whole` when registry row, schema, role and all tables are there, `sparse` when only some tables
/// are, `nothing` when nothing is, else what there is.
pub async fn state(admin: &Client, namespace: &str, id: &str) -> String {
    let (namespace, id) = (literal(namespace), literal(id));
    let sql = format!(
        "WITH i AS (
            SELECT i.schema_name, b.version = i.version AS current,
                (SELECT count(*) FROM json_array_elements(v.definition -> 'tables')) AS wanted
            FROM edgebase.instance i JOIN edgebase.block b USING (namespace)
            JOIN edgebase.block_version v ON v.version = i.version
            WHERE i.namespace = {namespace} AND i.id = {id}),
         s AS (
            SELECT (SELECT count(*) FROM i) AS registered,
                (SELECT count(*) FROM pg_namespace WHERE nspname = {namespace} || ':' || {id}
                    OR nspname IN (SELECT schema_name FROM i)) AS schemas,
                (SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                    WHERE n.nspname IN (SELECT schema_name FROM i) AND c.relkind = 'r') AS tables,
                (SELECT count(*) FROM edgebase.instances e JOIN pg_roles ON rolname = role
                    WHERE e.namespace = {namespace} AND e.id = {id}) AS roles)
         SELECT CASE
            WHEN registered + schemas + roles = 0 THEN 'nothing'
            WHEN registered = 1 AND schemas = 1 AND roles = 1 AND tables = (SELECT wanted FROM i)
                THEN CASE WHEN (SELECT current FROM i) THEN 'whole' ELSE 'behind' END
            WHEN registered = 1 AND schemas = 1 AND roles = 1 AND tables < (SELECT wanted FROM i)
                THEN 'sparse'
            ELSE to_jsonb(s)::text END FROM s"
    );
    one(admin, &sql).await
}

/// Every role, schema or registry row of this database that lacks its counterparts.
pub async fn orphans(admin: &Client) -> Vec<String> {
    let sql = r"WITH d AS (SELECT oid FROM pg_database WHERE datname = current_database()),
        i AS (SELECT schema_name, 'eb_' || d.oid || '_' || number AS role FROM edgebase.instance, d)
        SELECT 'role without instance: ' || rolname FROM pg_roles, d
            WHERE rolname LIKE 'eb\_' || d.oid || '\_%' AND rolname NOT IN (SELECT role FROM i)
        UNION ALL SELECT 'instance without role: ' || role FROM i
            WHERE role NOT IN (SELECT rolname FROM pg_roles)
        UNION ALL SELECT 'schema without instance: ' || nspname FROM pg_namespace
            WHERE nspowner = 'edgebase_owner'::regrole AND nspname NOT IN (SELECT schema_name FROM i)
        UNION ALL SELECT 'instance without schema: ' || schema_name FROM i
            WHERE schema_name NOT IN (SELECT nspname FROM pg_namespace)";
    texts(admin, sql).await.unwrap()
}

/// The first column of a statement's only row.
pub async fn one(client: &Client, sql: &str) -> String {
    let mut rows = texts(client, sql).await.unwrap_or_else(|e| panic!("{}: {sql}", why(&e)));
    assert_eq!(rows.len(), 1, "{sql}");
    rows.swap_remove(0)
}

/// The SQLSTATE of an error, or its text when the connection broke.
pub fn why(error: &Error) -> String {
    error.as_db_error().map_or_else(
        || error.to_string(),
        |e| format!("{} {} {}", e.code().code(), e.message(), e.detail().unwrap_or_default()),
    )
}

/// The SQLSTATE of an error; empty when the connection broke.
pub fn code(error: &Error) -> &str {
    error.code().map_or("", |c| c.code())
}

/// Waits until the backend waits for a lock.
pub async fn until_it_waits(observer: &Client, pid: i32) {
    let sql = format!("SELECT count(*) FROM pg_locks WHERE pid = {pid} AND NOT granted");
    for _ in 0..500 {
        if one(observer, &sql).await != "0" {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("backend {pid} never waited for a lock");
}

/// Waits until the backend tries to get an instance alone, which somebody who reads its tables
/// keeps it from. It waits for such a reader without a lock: each try locks the schema for less
/// than a millisecond, and between two tries are 20.
pub async fn until_it_tries(observer: &Client, pid: i32) {
    let sql = format!(
        "SELECT count(*) FROM pg_locks WHERE pid = {pid} AND granted
            AND classid = 'pg_namespace'::regclass AND mode = 'AccessExclusiveLock'"
    );
    let deadline = Instant::now() + Duration::from_secs(9);
    while one(observer, &sql).await == "0" {
        assert!(Instant::now() < deadline, "backend {pid} never tried to lock the schema");
    }
}

/// A connection to a server that may be starting again.
pub async fn connect_again(url: &str) -> Client {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        if let Ok(client) = try_connect(url).await
            && client.simple_query("SELECT 1").await.is_ok()
        {
            return client;
        }
        assert!(Instant::now() < deadline, "the database does not come back");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// A connection string for another role or database of the same server.
pub fn url_for(url: &str, user: Option<(&str, &str)>, database: Option<&str>) -> String {
    let (credentials, place) = url.split_once("//").unwrap().1.split_once('@').unwrap();
    let (host, old) = place.split_once('/').unwrap();
    let credentials =
        user.map_or(credentials.to_owned(), |(name, secret)| format!("{name}:{secret}"));
    format!("postgresql://{credentials}@{host}/{}", database.unwrap_or(old))
}

/// A program of the PostgreSQL installation that the product uses.
pub fn postgres_program(name: &str) -> Command {
    let dir = std::env::var_os("EDGEBASE_PG_BIN").map(PathBuf::from).unwrap_or_else(|| {
        let output = Command::new("pg_config").arg("--bindir").output().unwrap();
        PathBuf::from(String::from_utf8(output.stdout).unwrap().trim())
    });
    Command::new(dir.join(name))
}

/// Runs a program to its end and gives what it printed.
pub fn printed(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {errors}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}
