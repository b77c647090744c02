//! What does `ctx.db` find when no database is asked?
//!
//! Records written down beforehand, by table and id. A table must be one that the rule could
//! read on the server; of the options of `list` only equalities and `limit` are understood.

use anyhow::{Result, bail};
use edgebase_blocks::InstanceKey;
use edgebase_proxy::query::page::MAX_LIMIT;
use edgebase_proxy::rule_db::find;
use edgebase_proxy::snapshot::Snapshot;
use edgebase_rules::{Context, DbRead, ReadError};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use serde_json::{Map, Value};
use std::sync::Arc;

/// The records.
pub(super) struct Fixture {
    snapshot: Arc<Snapshot>,
    key: InstanceKey,
    /// `None` when none were given at all.
    tables: Option<Map<String, Value>>,
}

impl Fixture {
    /// Records as `{table: {id: record}}`; every record learns its id.
    pub fn new(snapshot: Arc<Snapshot>, key: InstanceKey, data: Option<Value>) -> Result<Self> {
        let tables = match data {
            None => None,
            Some(Value::Object(mut tables)) => {
                for (table, records) in &mut tables {
                    let Value::Object(records) = records else {
                        bail!("--data: '{table}' must be an object of records by id.");
                    };
                    for (id, record) in records {
                        let Value::Object(record) = record else {
                            bail!("--data: record '{id}' of '{table}' must be an object.");
                        };
                        record.entry("id").or_insert_with(|| id.clone().into());
                    }
                }
                Some(tables)
            }
            Some(_) => bail!("--data must be an object {{table: {{id: record}}}}."),
        };
        Ok(Self { snapshot, key, tables })
    }

    fn answer(&self, read: DbRead) -> Result<Value, String> {
        let Some(tables) = &self.tables else {
            return Err("ctx.db: there is nothing to read; give --data or --database-url".into());
        };
        let records = |table: &str| {
            find(&self.snapshot.config, self.key.namespace(), Some(&self.key), table)?;
            Ok::<_, String>(tables.get(table).and_then(Value::as_object))
        };
        match read {
            DbRead::Get { table, id } => {
                Ok(records(&table)?.and_then(|r| r.get(&id)).cloned().unwrap_or_default())
            }
            DbRead::Exists { table, filter } => {
                let found = records(&table)?.is_some_and(|r| r.values().any(|r| fits(r, &filter)));
                Ok(found.into())
            }
            DbRead::List { table, options } => {
                let filter = options.get("filter").cloned().unwrap_or_default();
                if filter.is_array() || options.get("orFilter").is_some() {
                    return Err(
                        "ctx.db.list: --data answers equalities only; use --database-url".into()
                    );
                }
                let limit = options.get("limit").and_then(Value::as_i64).unwrap_or(100);
                let limit = usize::try_from(limit.clamp(0, MAX_LIMIT)).unwrap_or_default();
                let all = records(&table)?.into_iter().flat_map(Map::values);
                Ok(all.filter(|r| fits(r, &filter)).take(limit).cloned().collect())
            }
        }
    }
}

impl Context for Fixture {
    fn read(&self, read: DbRead) -> BoxFuture<'static, Result<Value, ReadError>> {
        std::future::ready(self.answer(read).map_err(ReadError::from)).boxed()
    }
}

/// Whether a record has these values; null asks for null or nothing.
fn fits(record: &Value, equalities: &Value) -> bool {
    let wanted = equalities.as_object().into_iter().flatten();
    wanted.into_iter().all(|(field, value)| {
        let found = record.get(field).unwrap_or(&Value::Null);
        match (found.as_f64(), value.as_f64()) {
            (Some(a), Some(b)) => a == b,
            _ => found == value,
        }
    })
}
