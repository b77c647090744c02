//! How is the database administered from outside SQL?
//!
//! One function per lifecycle function of the extension, and nothing more: what a change means,
//! whether it is allowed and what it leaves behind is decided in the database, where direct SQL
//! gets the same answer. `edgebase dev`, `apply` and `instances` all come through here.

use crate::db::address::Address;
use anyhow::{Context, Result, anyhow};
use edgebase_blocks::{Config, StoredBlock};
use serde_json::Value;
use std::fmt::Write as _;
use tokio_postgres::Client;

/// One step of `apply_config`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The block.
    pub namespace: String,
    /// The table, when the step is about one.
    pub table: Option<String>,
    /// What happens, e.g. `create_table`, or `unchanged`.
    pub change: String,
    /// Whether data is lost by it.
    pub destructive: bool,
    /// The statement, when there is one.
    pub statement: Option<String>,
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

/// Connects as an administrator.
///
/// # Errors
/// When the database does not answer or refuses, with its own words.
pub async fn connect(url: &str) -> Result<Client> {
    let Address { config, tls } = url.parse().context("reading the address of the database")?;
    let (client, connection) = config
        .connect(tls)
        .await
        .map_err(explain)
        .context("connecting to the database as administrator")?;
    tokio::spawn(async move {
        if let Err(e) = connection.await {
            tracing::debug!("administrator's connection ended: {e}");
        }
    });
    Ok(client)
}

/// Registers the config's blocks; with `dry_run` only says what that would change.
///
/// # Errors
/// When the database refuses, e.g. a destructive change that no migration covers.
pub async fn apply_config(client: &Client, config: &Config, dry_run: bool) -> Result<Vec<Change>> {
    let blocks: Vec<StoredBlock> = config.databases.values().map(|b| b.storage()).collect();
    let rows = client
        .query(
            "SELECT namespace, table_name, change, destructive, statement
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
            })
        })
        .collect()
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
