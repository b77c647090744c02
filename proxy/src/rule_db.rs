//! What may a rule read?
//!
//! `ctx.db.get`, `exists` and `list` (contract 8.2 and 14.1). Each read is a read-only transaction
//! of its own inside the sealed instance it reads: always current, never cached, unable to write.
//! The table is looked for in the current instance first, then in the single-instance blocks; an
//! unknown table rejects the promise, which denies.

use crate::db::{Database, Outcome, Row};
use crate::error::Error;
use crate::query::filter::Filter;
use crate::query::page::MAX_LIMIT;
use crate::query::read::{self, Selection};
use crate::query::row_json::decode_row;
use crate::snapshot::Snapshot;
use crate::state::App;
use edgebase_blocks::{BlockKind, Config, InstanceKey, Table};
use edgebase_rules::{Context, DbRead, ReadError};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use serde_json::{Value, json};
use std::sync::Arc;

/// The reads of one request's rules.
#[derive(Clone)]
pub struct RuleDb {
    /// The server.
    pub app: Arc<App>,
    /// The config in force.
    pub snapshot: Arc<Snapshot>,
    /// The block that the request is about.
    pub namespace: String,
    /// Its instance; `None` when the request's id is no legal one.
    pub key: Option<InstanceKey>,
    /// Whose connections to use.
    pub pool: PoolKind,
}

/// Which connections a read may wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PoolKind {
    /// Those of requests: the reader holds none.
    Requests,
    /// A few of their own: the reader's request holds a transaction open.
    Hooks,
}

impl Context for RuleDb {
    fn read(&self, read: DbRead) -> BoxFuture<'static, Result<Value, ReadError>> {
        let this = self.clone();
        async move { this.perform(read).await }.boxed()
    }

    fn is_for_hooks(&self) -> bool {
        self.pool == PoolKind::Hooks
    }
}

/// Where a table is that a rule about `key` reads: in that instance if its block declares it,
/// else in the first single-instance block that does.
///
/// # Errors
/// What the rule is told when there is no such table.
pub fn find<'c>(
    config: &'c Config,
    namespace: &str,
    key: Option<&InstanceKey>,
    name: &str,
) -> Result<(InstanceKey, &'c Table), String> {
    let blocks = &config.databases;
    if let Some(table) = blocks.get(namespace).and_then(|b| b.tables.get(name))
        && let Some(key) = key
    {
        return Ok((key.clone(), &table.table));
    }
    blocks
        .values()
        .filter(|b| b.kind == BlockKind::Single)
        .find_map(|b| {
            let table = b.tables.get(name)?;
            Some((InstanceKey::new(&b.namespace, None).ok()?, &table.table))
        })
        .ok_or_else(|| {
            format!("ctx.db: no table '{name}' in this database or in a single-instance block")
        })
}

impl RuleDb {
    fn find(&self, name: &str) -> Result<(InstanceKey, &Table), String> {
        find(&self.snapshot.config, &self.namespace, self.key.as_ref(), name)
    }

    async fn perform(&self, read: DbRead) -> Result<Value, ReadError> {
        match read {
            DbRead::Get { table, id } => {
                let (key, table) = self.find(&table)?;
                if id.contains('\0') {
                    return Ok(Value::Null);
                }
                let call = read::get(&key, table, &id, None);
                let statement = |schema: &str| vec![read::get_inside(schema, table, &id, None)];
                let found = self.db(&key).record(&key, table, &call, &statement).await;
                let row = match found.map_err(refused)? {
                    Outcome::Done(row) => row,
                    Outcome::Absent | Outcome::NoTable => None,
                };
                Ok(row.map_or(Ok(Value::Null), |row| decode(table, &row))?)
            }
            DbRead::Exists { table, filter } => {
                let (key, table) = self.find(&table)?;
                let filter = equalities(table, &filter)?;
                let selection = Selection::of(&filter);
                let rows = self
                    .rows(&key, table, &|s| read::matching(s, table, &selection, None, 1))
                    .await?;
                Ok(Value::Bool(!rows.is_empty()))
            }
            DbRead::List { table, options } => {
                let (key, table) = self.find(&table)?;
                let or_filter = options.get("orFilter").filter(|list| !list.is_null());
                let filter = match options.get("filter") {
                    all @ Some(Value::Array(_)) => {
                        Filter::parse(table, all, or_filter).map_err(|e| e.to_string())?
                    }
                    Some(map) => equalities(table, map)?,
                    None => Filter::default(),
                };
                let limit =
                    options.get("limit").and_then(Value::as_i64).unwrap_or(100).clamp(0, MAX_LIMIT);
                let selection = Selection::of(&filter);
                let rows = self
                    .rows(&key, table, &|s| read::matching(s, table, &selection, None, limit))
                    .await?;
                Ok(Value::Array(rows))
            }
        }
    }

    async fn rows(
        &self,
        key: &InstanceKey,
        table: &Table,
        build: &(dyn Fn(&str) -> crate::db::statement::Sql + Send + Sync),
    ) -> Result<Vec<Value>, ReadError> {
        let build = |schema: &str| vec![build(schema)];
        match self.db(key).read(key, table, &build).await.map_err(refused)? {
            Outcome::Absent | Outcome::NoTable => Ok(Vec::new()),
            Outcome::Done(mut results) => Ok(results
                .swap_remove(0)
                .iter()
                .map(|row| decode(table, row))
                .collect::<Result<_, _>>()?),
        }
    }

    fn db(&self, key: &InstanceKey) -> &Database {
        match self.pool {
            PoolKind::Requests => &self.app.pools_of(&self.snapshot, key).requests,
            PoolKind::Hooks => &self.app.pools_of(&self.snapshot, key).hooks,
        }
    }
}

fn decode(table: &Table, row: &Row) -> Result<Value, String> {
    decode_row(table, row).map_err(|e| e.to_string())
}

/// What a rule is told of a failed read; the rest is logged.
fn refused(error: Error) -> ReadError {
    tracing::warn!(detail = error.detail(), "a rule's read failed");
    let message = format!("ctx.db: {error}");
    if error.status().is_server_error() || matches!(error, Error::Conflict) {
        ReadError::Unavailable(message)
    } else {
        ReadError::Refused(message)
    }
}

/// `{field: value, …}` as a filter; null asks for null.
fn equalities(table: &Table, map: &Value) -> Result<Filter, String> {
    let triples: Vec<Value> = map
        .as_object()
        .into_iter()
        .flatten()
        .map(
            |(field, v)| {
                if v.is_null() { json!([field, "is null"]) } else { json!([field, "==", v]) }
            },
        )
        .collect();
    Filter::parse(table, Some(&Value::Array(triples)), None).map_err(|e| e.to_string())
}
