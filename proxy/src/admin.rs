//! How is the database administered from outside SQL?
//!
//! One function per lifecycle function of the extension, and nothing more: what a change means,
//! whether it is allowed and what it leaves behind is decided in the database, where direct SQL
//! gets the same answer. `edgebase dev`, `apply` and `instances` all come through here.

use crate::db::address::Address;
use crate::db::connect::connect_driver;
use anyhow::{Context, Result, anyhow, ensure};
use edgebase_blocks::diff::Guide;
use edgebase_blocks::{Block, StoredBlock};
use serde::Serialize;
use serde_json::Value;
use std::fmt::Write as _;
use tokio_postgres::Client;

/// One statement of what `apply_config` does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// The block.
    pub namespace: String,
    /// The table, when the step is about one.
    pub table: Option<String>,
    /// What happens, e.g. `create_table`, or `unchanged`.
    pub change: String,
    /// Whether data is lost by it.
    pub destructive: bool,
    /// Whether that is answered for, by a migration or because there is nothing to lose.
    pub covered: bool,
    /// The lock it takes on tables that are there, in PostgreSQL's words.
    pub lock: Option<String>,
    /// What it does to their rows: `none`, `scan`, `rewrite`, or `unknown` for a migration.
    pub work: String,
    /// The statement, when there is one.
    pub statement: Option<String>,
    /// The migration to write, when the loss is not answered for.
    pub guide: Option<Guide>,
}

impl Change {
    /// Whether the step changes anything: blocks that stay as they are are reported too.
    #[must_use]
    pub fn is_effective(&self) -> bool {
        !matches!(self.change.as_str(), "unchanged" | "kept")
    }
}

/// One line of the view `edgebase.instances`, as JSON with the view's column names.
pub type Instance = Value;

/// Instances that are not at their block's version.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Behind {
    /// Those that nothing is known to stand in the way of.
    pub waiting: u64,
    /// Those whose migration to that version has failed.
    pub failed: u64,
}

/// Connects as an administrator.
///
/// # Errors
/// When the database does not answer or refuses, with its own words.
pub async fn connect(url: &str) -> Result<Client> {
    let address: Address = url.parse().context("reading the address of the database")?;
    connect_driver(&address).await.context("connecting to the database as administrator")
}

/// Registers blocks; with `dry_run` only says what that would change.
///
/// # Errors
/// When the database refuses, e.g. a destructive change that no migration covers.
pub async fn apply_config(
    client: &Client,
    blocks: &[&Block],
    dry_run: bool,
) -> Result<Vec<Change>> {
    require_utf8(client).await?;
    let blocks: Vec<StoredBlock> = blocks.iter().map(|b| b.storage()).collect();
    let rows = client
        .query(
            "SELECT namespace, table_name, change, destructive, statement, covered, lock, work, guide
               FROM edgebase.apply_config($1::jsonb, $2::boolean)",
            &[&StoredBlock::to_json(&blocks), &dry_run],
        )
        .await
        .map_err(explain)?;
    rows.iter()
        .map(|row| {
            Ok(Change {
                namespace: row.try_get(0)?,
                table: row.try_get(1)?,
                change: row.try_get(2)?,
                destructive: row.try_get(3)?,
                statement: row.try_get(4)?,
                covered: row.try_get(5)?,
                lock: row.try_get(6)?,
                work: row.try_get(7)?,
                guide: row
                    .try_get::<_, Option<Value>>(8)?
                    .map(serde_json::from_value)
                    .transpose()?,
            })
        })
        .collect()
}

/// Databases of an extension that did not ask for it may be in another encoding, and then fail value
/// by value.
async fn require_utf8(client: &Client) -> Result<()> {
    let sql = "SELECT pg_catalog.getdatabaseencoding()::text";
    let encoding: String = client.query_one(sql, &[]).await.map_err(explain)?.try_get(0)?;
    ensure!(
        encoding == "UTF8",
        "the database is in {encoding}, and its encoding has to be UTF8. Restore a dump of it into one \
         made with CREATE DATABASE ... TEMPLATE template0 ENCODING 'UTF8'"
    );
    Ok(())
}

/// Creates an instance, or returns the one that exists.
///
/// # Errors
/// When the database refuses.
pub async fn create_instance(client: &Client, namespace: &str, id: Option<&str>) -> Result<Value> {
    one(client, "SELECT to_jsonb(edgebase.create_instance($1::text, $2::text))", namespace, id)
        .await
}

/// Deletes an instance with all its data, and returns the receipt.
///
/// # Errors
/// When the database refuses.
pub async fn drop_instance(client: &Client, namespace: &str, id: Option<&str>) -> Result<Value> {
    one(client, "SELECT to_jsonb(edgebase.drop_instance($1::text, $2::text))", namespace, id).await
}

/// What is not as it should be: `what`, `object`, `problem` and `remedy` of each finding.
///
/// # Errors
/// When the database refuses.
pub async fn verify(client: &Client) -> Result<Vec<Value>> {
    let sql = "SELECT to_jsonb(v) FROM edgebase.verify() v";
    let rows = client.query(sql, &[]).await.map_err(explain)?;
    rows.iter().map(|row| row.try_get(0).map_err(Into::into)).collect()
}

/// Corrects which version an instance is said to be at, by its tables; `differences` are what they
/// have otherwise than any version.
///
/// # Errors
/// When the database refuses.
pub async fn verify_version(client: &Client, namespace: &str, id: Option<&str>) -> Result<Value> {
    one(client, "SELECT edgebase.verify_version($1::text, $2::text)", namespace, id).await
}

/// How many instances there are.
///
/// # Errors
/// When the database refuses.
pub async fn count_instances(client: &Client) -> Result<u64> {
    let sql = "SELECT count(*) FROM edgebase.instances";
    let row = client.query_one(sql, &[]).await.map_err(explain)?;
    Ok(u64::try_from(row.try_get::<_, i64>(0)?)?)
}

/// Repairs the next instances, at most `batch`, after the one with that number; `last` of the
/// answer is where to go on, null when all is done.
///
/// # Errors
/// When the database refuses.
pub async fn repair_batch(client: &Client, after: i64, batch: i32) -> Result<Value> {
    let sql = "SELECT edgebase.repair_batch($1::bigint, $2::integer)";
    let row = client.query_one(sql, &[&after, &batch]).await.map_err(explain)?;
    Ok(row.try_get(0)?)
}

/// The instances of one block or of all.
///
/// # Errors
/// When the database refuses.
pub async fn instances(client: &Client, namespace: Option<&str>) -> Result<Vec<Instance>> {
    let rows = client
        .query(
            "SELECT to_jsonb(i) FROM edgebase.instances i
              WHERE $1::text IS NULL OR i.namespace = $1
              ORDER BY i.namespace, i.id",
            &[&namespace],
        )
        .await
        .map_err(explain)?;
    rows.iter().map(|row| row.try_get(0).map_err(Into::into)).collect()
}

/// Applies what is applied without the block, or without any: it is then no longer configured. For
/// superusers, who see what else the config says of the others.
///
/// # Errors
/// When the database refuses.
pub async fn withdraw(client: &Client, namespace: Option<&str>) -> Result<()> {
    let sql = "SELECT count(*) FROM edgebase.apply_config((
                   SELECT jsonb_build_object('blocks', coalesce(jsonb_agg(a.definition), '[]'))
                     FROM edgebase.blocks JOIN edgebase.analytics a USING (namespace)
                    WHERE configured AND namespace <> $1::text))";
    client.query_one(sql, &[&namespace]).await.map(drop).map_err(explain)
}

/// Namespace and id of the instances of one block or of all.
///
/// # Errors
/// When the database refuses.
pub async fn keys(
    client: &Client,
    namespace: Option<&str>,
) -> Result<Vec<(String, Option<String>)>> {
    let sql = "SELECT namespace, id FROM edgebase.instances
                WHERE $1::text IS NULL OR namespace = $1";
    let rows = client.query(sql, &[&namespace]).await.map_err(explain)?;
    rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
}

/// Migrates one instance, whether it has failed before or not, and says how it went.
///
/// # Errors
/// When the database refuses to try.
pub async fn migrate(client: &Client, namespace: &str, id: Option<&str>) -> Result<Value> {
    one(client, "SELECT edgebase.try_migrate($1::text, $2::text, true)", namespace, id).await
}

/// Migrates the next instance after number `after` that is behind and that nobody is busy with.
///
/// # Errors
/// When the database refuses to try.
pub async fn migrate_next(
    client: &Client,
    block: Option<&str>,
    retry: bool,
    after: i64,
) -> Result<Option<Value>> {
    let row = client
        .query_one(
            "SELECT edgebase.migrate_behind($1::text, $2::boolean, $3::bigint)",
            &[&block, &retry, &after],
        )
        .await
        .map_err(explain)?;
    Ok(row.try_get(0)?)
}

/// How many instances are behind.
///
/// # Errors
/// When the database refuses.
pub async fn behind(client: &Client, block: Option<&str>) -> Result<Behind> {
    let row = client
        .query_one(
            "SELECT count(*) FILTER (WHERE state <> 'failed'), count(*) FILTER (WHERE state = 'failed')
               FROM edgebase.instances WHERE NOT current AND ($1::text IS NULL OR namespace = $1)",
            &[&block],
        )
        .await
        .map_err(explain)?;
    let number = |i| row.try_get::<_, i64>(i).map(|n| n.try_into().unwrap_or(0));
    Ok(Behind { waiting: number(0)?, failed: number(1)? })
}

/// Every instance whose migration has failed, as `{"key", "sqlstate", "message"}`.
///
/// # Errors
/// When the database refuses.
pub async fn failures(client: &Client, block: Option<&str>) -> Result<Vec<Value>> {
    let rows = client
        .query(
            "SELECT jsonb_build_object('key', key) || failure FROM edgebase.instances
              WHERE state = 'failed' AND ($1::text IS NULL OR namespace = $1) ORDER BY key",
            &[&block],
        )
        .await
        .map_err(explain)?;
    rows.iter().map(|row| row.try_get(0).map_err(Into::into)).collect()
}

async fn one(client: &Client, sql: &str, namespace: &str, id: Option<&str>) -> Result<Value> {
    let row = client.query_one(sql, &[&namespace, &id]).await.map_err(explain)?;
    Ok(row.try_get(0)?)
}

/// The database's own message, detail and hint; the driver's text alone says only "db error".
pub fn explain(error: tokio_postgres::Error) -> anyhow::Error {
    let Some(db) = error.as_db_error() else {
        return anyhow::Error::new(error);
    };
    let mut text = format!("{} (SQLSTATE {})", db.message(), db.code().code());
    for (label, part) in [("Detail", db.detail()), ("Hint", db.hint())] {
        if let Some(part) = part {
            // Writing into a String cannot fail.
            let _ = write!(text, "\n{label}: {part}");
        }
    }
    anyhow!(error).context(text)
}
