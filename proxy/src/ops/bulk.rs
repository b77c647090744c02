//! All rows that match: update or delete by filter.
//!
//! At most 500 rows a call, in one transaction: the first that match the filter, that `read` lets
//! the caller see and that the operation's rule lets pass. Without `read` a filter would tell what
//! is in rows that the caller may only write. Other rows are left alone and not counted. The
//! filter must not be empty: "everything" has to be said in so many words.

use super::answer;
use super::list::too_many;
use super::record::{RowChange, change_row, finish};
use super::scan::{BOUND, CHUNK};
use super::target::{IfAbsent, Target};
use crate::access::{no_rule, refused_bulk};
use crate::db::{PAGE, Row, Transaction};
use crate::error::{Error, Result};
use crate::http::parameters::{BATCH_BY_FILTER, body::check};
use crate::http::response;
use crate::memory;
use crate::ops::hooks::Event;
use crate::pattern::Budget;
use crate::query::filter::Filter;
use crate::query::read::{self, Selection};
use crate::query::record::{self, Object, Place};
use crate::query::row_json::{self, Record};
use crate::query::row_scope::RowScope;
use axum::http::StatusCode;
use axum::response::Response;
use edgebase_blocks::block::TableConfig;
use edgebase_blocks::{Rule, Table};
use serde_json::{Value, json};
use std::sync::Arc;

/// Rows of one call.
const MAX_ROWS: i64 = 500;
/// Rows of the first chunk that a rule looks at: as many of the largest as a statement may give.
const FIRST_CHUNK: usize = 2;

/// A checked request.
#[derive(Debug)]
pub struct BulkRequest {
    change: RowChange,
    filter: Filter,
    limit: i64,
}

impl BulkRequest {
    pub(super) fn parse(table: &Table, body: Object, patterns: &Budget) -> Result<Self> {
        let bad = |message: &str| Error::BadRequest(message.to_owned());
        let action = body.get("action").and_then(Value::as_str);
        if !matches!(action, Some("update" | "delete")) {
            return Err(bad("batch-by-filter requires 'action' to be 'delete' or 'update'."));
        }
        if body.get("filter").and_then(Value::as_array).is_none_or(Vec::is_empty) {
            return Err(bad("batch-by-filter requires 'filter' to be a non-empty array."));
        }
        let change = if action == Some("delete") {
            RowChange::Delete
        } else {
            let update = body
                .get("update")
                .and_then(Value::as_object)
                .filter(|u| !u.is_empty())
                .ok_or_else(|| {
                    bad("batch-by-filter with action 'update' requires 'update' data.")
                })?;
            let changes = record::changes(table, update, Place::Update, patterns)?;
            RowChange::Update { body: update.clone(), changes }
        };
        check(&body, "batch-by-filter", BATCH_BY_FILTER)?;
        if action == Some("delete") && body.contains_key("update") {
            return Err(bad("batch-by-filter with action 'delete' takes no 'update'."));
        }
        let limit = match body.get("limit") {
            None | Some(Value::Null) => MAX_ROWS,
            Some(limit) => whole(limit)
                .filter(|l| *l >= 0)
                .ok_or_else(|| bad("limit must be a non-negative integer."))?,
        };
        let filter = Filter::parse(table, body.get("filter"), body.get("orFilter"))?;
        Ok(Self { change, filter, limit: limit.min(MAX_ROWS) })
    }
}

/// An integer, also one that a client's number type writes with a fraction (`10.0`).
fn whole(number: &Value) -> Option<i64> {
    #[allow(clippy::cast_possible_truncation)] // a cast beyond the range stops at its end
    let of_float = |n: f64| (n.fract() == 0.0).then_some(n as i64);
    number.as_i64().or_else(|| number.as_f64().and_then(of_float))
}

pub(super) async fn bulk(target: &Target<'_>, request: BulkRequest) -> Result<Response> {
    let config = target.table()?;
    let table = &config.table;
    let change = &request.change;
    let operation = change.operation();
    let rules = Rules { write: change.rule(config), read: answer::read_rule(config) };
    let access = target.access();
    let scope = access.row_scope(rules.write, table, operation).await?;
    if let RowScope::None(reason) = &scope {
        let error = match rules.write {
            None => no_rule(table, operation),
            Some(_) => refused_bulk(table, operation),
        };
        return Err(access.by(error, table, operation, reason));
    }
    let visible = access.readable(rules.read, table, "batch-by-filter").await?;
    let scopes = [scope, visible];
    let per_row = scopes.contains(&RowScope::PerRow);
    let selection = Selection { filter: &request.filter, search: None, scopes: &scopes };
    let open = target
        .begin(table, IfAbsent::Nothing, &|s| {
            vec![if per_row {
                read::none(s, table)
            } else if change.is_hooked(config) {
                read::lock_matching(s, table, &selection, None, request.limit)
            } else {
                read::lock_keys(s, table, &selection, request.limit)
            }]
        })
        .await?;
    let done = match open {
        None => 0,
        Some((transaction, locked)) => {
            let work = Work { transaction: &transaction, target, config, rules, selection };
            let work = async {
                let locked = locked.first().map_or(&[][..], Vec::as_slice);
                let chosen = if per_row {
                    work.choose(change, request.limit).await?
                } else if change.is_hooked(config) {
                    Chosen::Records(row_json::records(table, locked)?)
                } else {
                    let keys = locked.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>();
                    Chosen::Keys(keys.map_err(Error::internal)?)
                };
                work.perform(change, chosen).await
            }
            .await;
            let (done, events) = finish(transaction, table, work).await?;
            for event in events {
                target.spawn_after_hook(config, event);
            }
            done
        }
    };
    Ok(response::json(StatusCode::OK, json!({"processed": done, "succeeded": done}).to_string()))
}

/// The rules that a row has to pass.
#[derive(Clone, Copy)]
struct Rules<'a> {
    write: Option<&'a Rule>,
    read: Option<&'a Rule>,
}

/// The rows to be written, locked: as records where a hook has to see them.
enum Chosen {
    Keys(Vec<String>),
    Records(Vec<Record>),
}

impl Chosen {
    fn len(&self) -> usize {
        match self {
            Self::Keys(keys) => keys.len(),
            Self::Records(records) => records.len(),
        }
    }

    /// What is held of the rows.
    fn bytes(&self) -> usize {
        match self {
            Self::Keys(_) => 0,
            Self::Records(records) => records.iter().map(|r| r.text.len()).sum(),
        }
    }

    fn extend(&mut self, records: Vec<Record>) {
        match self {
            Self::Keys(keys) => keys.extend(records.into_iter().map(|r| r.id)),
            Self::Records(all) => all.extend(records),
        }
    }
}

/// A write on its way, inside its transaction.
struct Work<'a> {
    transaction: &'a Transaction,
    target: &'a Target<'a>,
    config: &'a TableConfig,
    rules: Rules<'a>,
    selection: Selection<'a>,
}

impl Work<'_> {
    /// The first rows that pass both rules, locked. Rows are chosen without a lock and looked at
    /// once more under it, so that rows which do not pass are never locked. A chunk has as many rows
    /// as come to a page if they are like those of the chunk before.
    async fn choose(&self, change: &RowChange, limit: i64) -> Result<Chosen> {
        let operation = change.operation();
        let table = &self.config.table;
        let schema = self.transaction.schema();
        let limit = usize::try_from(limit).unwrap_or_default();
        let mut chosen = match change.is_hooked(self.config) {
            true => Chosen::Records(Vec::new()),
            false => Chosen::Keys(Vec::new()),
        };
        let (mut size, mut examined, mut behind) = (FIRST_CHUNK, 0, None::<String>);
        while chosen.len() < limit {
            if examined >= BOUND {
                return Err(too_many(table, operation, "batch-by-filter"));
            }
            size = size.min(BOUND - examined);
            let chunk = i64::try_from(size).unwrap_or(i64::MAX);
            let statement =
                read::matching(schema, table, &self.selection, behind.as_deref(), chunk);
            let rows = self.transaction.query(&statement, table).await?;
            examined += rows.len();
            let bytes: usize =
                rows.iter().flat_map(|row| row.cells().flatten()).map(<[u8]>::len).sum();
            let passing = self.passing(&rows, operation).await?;
            let ids: Vec<String> = passing.into_iter().map(|r| r.id).collect();
            if !ids.is_empty() {
                let left = i64::try_from(limit - chosen.len()).unwrap_or_default();
                let statement =
                    read::lock_matching(schema, table, &self.selection, Some(&ids), left);
                let locked = self.transaction.query(&statement, table).await?;
                chosen.extend(self.passing(&locked, operation).await?);
            }
            match rows.last() {
                Some(last) if rows.len() == size => {
                    behind = Some(last.try_get(1).map_err(Error::internal)?);
                }
                _ => break,
            }
            size = (PAGE / (bytes / rows.len()).max(1)).clamp(1, CHUNK.min(4 * size));
            drop(rows);
            memory::keep(chosen.bytes());
        }
        Ok(chosen)
    }

    /// The records of these rows that pass both rules; one that cannot be decoded does not.
    async fn passing(&self, rows: &[Row], operation: &str) -> Result<Vec<Record>> {
        let table = &self.config.table;
        let access = self.target.access();
        let mut records: Vec<Record> =
            rows.iter().filter_map(|row| row_json::record(table, row).ok()).collect();
        for (rule, name) in [(self.rules.write, operation), (self.rules.read, "read")] {
            let mut seen = Vec::with_capacity(records.len());
            records.retain(|record| access.seen(rule, record).map(|v| seen.push(v)).is_ok());
            let passing = access.passing(rule, &Arc::new(seen), table, name).await?;
            let mut passing = passing.into_iter();
            records.retain(|_| passing.next() == Some(true));
        }
        Ok(records)
    }

    async fn perform(&self, change: &RowChange, chosen: Chosen) -> Result<(usize, Vec<Event>)> {
        let table = &self.config.table;
        let (count, mut events) = (chosen.len(), Vec::new());
        match chosen {
            Chosen::Records(records) => {
                for record in &records {
                    let (rows, before) =
                        change_row(self.transaction, self.target, self.config, change, record)
                            .await?;
                    events.push(change.event(table, before, &rows)?);
                }
            }
            Chosen::Keys(keys) if keys.is_empty() => {}
            Chosen::Keys(keys) => {
                let statement = change.unseen(self.transaction.schema(), table, &keys);
                let rows = self.transaction.query(&statement, table).await?;
                if rows.len() != keys.len() {
                    return Err(Error::unwritten(&table.name));
                }
            }
        }
        Ok((count, events))
    }
}
