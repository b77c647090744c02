//! Many records by id in one transaction.
//!
//! Up to 500 inserts, updates and deletes; all happen or none. Each operation answers to its
//! own rule, updates and deletes on each row they touch (contract 13.1). Only the keys that were
//! sent come back.

use super::answer;
use super::record::{RowChange, change_row, finish, first, hooked_row};
use super::target::{IfAbsent, Target};
use super::upsert::is_upsert;
use super::upsert::{Upsert, conflict_target, refuse_target, upsert_row};
use crate::access::{Refused, Standing, refused_record};

use crate::db::Transaction;
use crate::error::{Error, Result};
use crate::http::parameters::query::Query;
use crate::http::parameters::{self, MAX_OPERATIONS, body::check};
use crate::http::response;
use crate::ops::hooks::Event;
use crate::pattern::Budget;
use crate::query::record::{self, NewRow, Object, Place};
use crate::query::row_json::{self, Record};
use crate::query::{read, write};
use axum::http::StatusCode;
use axum::response::Response;
use edgebase_blocks::Table;
use edgebase_blocks::block::TableConfig;
use serde_json::{Value, json};
use std::sync::Arc;

#[derive(Debug)]
enum Inserts {
    Plain(Vec<(NewRow, Object)>),
    Upserts(Vec<Upsert>),
}

#[derive(Debug)]
struct Update {
    id: String,
    data: Object,
    change: RowChange,
}

/// A checked batch.
#[derive(Debug)]
pub struct BatchRequest {
    inserts: Option<Inserts>,
    updates: Option<Vec<Update>>,
    deletes: Option<Vec<String>>,
}

impl BatchRequest {
    pub(super) fn parse(
        table: &Table,
        query: &Query<'_>,
        body: &Object,
        patterns: &Budget,
    ) -> Result<Self> {
        if !is_upsert(query) {
            refuse_target(query)?;
        }
        check(body, "Batch", parameters::BATCH)?;
        let list = |name: &str| body.get(name).and_then(Value::as_array);
        let (inserts, updates, deletes) = (list("inserts"), list("updates"), list("deletes"));
        let operations =
            [inserts, updates, deletes].iter().flatten().map(|l| l.len()).sum::<usize>();
        if operations > MAX_OPERATIONS {
            return Err(Error::BadRequest(format!(
                "Batch limit exceeded: {operations} operations (max {MAX_OPERATIONS})."
            )));
        }
        Ok(Self {
            inserts: inserts.map(|l| parse_inserts(table, query, l, patterns)).transpose()?,
            updates: updates
                .map(|l| l.iter().map(|u| Update::parse(table, u, patterns)).collect())
                .transpose()?,
            deletes: deletes
                .map(|l| {
                    l.iter()
                        .map(|id| {
                            id.as_str().map(str::to_owned).ok_or_else(|| {
                                Error::BadRequest("Each batch delete entry must be an id.".into())
                            })
                        })
                        .collect()
                })
                .transpose()?,
        })
    }
}

fn parse_inserts(
    table: &Table,
    query: &Query<'_>,
    items: &[Value],
    patterns: &Budget,
) -> Result<Inserts> {
    let object = |item: &Value| {
        item.as_object()
            .cloned()
            .ok_or_else(|| Error::BadRequest("Each batch insert entry must be a record.".into()))
    };
    if is_upsert(query) {
        let target = conflict_target(table, query)?;
        return items
            .iter()
            .map(|item| Upsert::new(table, object(item)?, &target, Place::BatchInsert, patterns))
            .collect::<Result<_>>()
            .map(Inserts::Upserts);
    }
    items
        .iter()
        .map(|item| {
            let body = object(item)?;
            Ok((record::new_row(table, &body, Place::BatchInsert, patterns)?, body))
        })
        .collect::<Result<_>>()
        .map(Inserts::Plain)
}

impl Update {
    fn parse(table: &Table, item: &Value, patterns: &Budget) -> Result<Self> {
        let id = item
            .get("id")
            .and_then(Value::as_str)
            .filter(|id| !id.is_empty() && !id.contains('\0'))
            .ok_or_else(|| {
                Error::BadRequest("Each batch update entry must include an id.".into())
            })?;
        let data = item.get("data").and_then(Value::as_object).ok_or_else(|| {
            Error::BadRequest("Each batch update entry must include a data object.".into())
        })?;
        if let Some(entry) = item.as_object() {
            check(entry, "Each batch update entry", parameters::BATCH_UPDATE)?;
        }
        let changes = record::changes(table, data, Place::BatchUpdate, patterns)?;
        let change = RowChange::Update { body: data.clone(), changes };
        Ok(Self { id: id.to_owned(), data: data.clone(), change })
    }
}

pub(super) async fn batch(target: &Target<'_>, request: BatchRequest) -> Result<Response> {
    let config = target.table()?;
    let table = &config.table;
    let creates = match &request.inserts {
        Some(Inserts::Plain(rows)) => {
            target.access().insert(config, "batch insert").await?;
            !rows.is_empty()
        }
        Some(Inserts::Upserts(rows)) => {
            target.access().upsert(config).await?;
            !rows.is_empty()
        }
        None => false,
    };
    let need = if creates { IfAbsent::Create } else { IfAbsent::Nothing };
    let answer = match target.begin_on(table, need).await? {
        None => absent(&request),
        Some(transaction) => {
            let work = Work { transaction: &transaction, target, config }.perform(&request).await;
            let (answer, events) = finish(transaction, table, work).await?;
            for event in events {
                target.spawn_after_hook(config, event);
            }
            answer
        }
    };
    Ok(response::json(StatusCode::OK, answer.to_string()))
}

/// The answer of an instance or table that does not exist: nothing is found.
fn absent(request: &BatchRequest) -> Value {
    let mut answer = Object::new();
    if request.inserts.is_some() {
        answer.insert("inserted".into(), json!([]));
    }
    if let Some(updates) = &request.updates {
        answer.insert("updated".into(), updates.iter().map(Update::echo).collect());
    }
    if let Some(deletes) = &request.deletes {
        answer.insert("deleted".into(), json!(deletes.len()));
    }
    Value::Object(answer)
}

impl Update {
    /// What an update of a missing record answers (contract 13.1).
    fn echo(&self) -> Value {
        Value::Object(answer::echo(Some(&self.id), &self.data))
    }
}

/// A batch on its way, inside its transaction.
struct Work<'a> {
    transaction: &'a Transaction,
    target: &'a Target<'a>,
    config: &'a TableConfig,
}

impl Work<'_> {
    /// Does everything; the answer, and what after-hooks are to be told.
    async fn perform(&self, request: &BatchRequest) -> Result<(Value, Vec<Event>)> {
        let mut answer = Object::new();
        let mut events = Vec::new();
        if let Some(inserts) = &request.inserts {
            answer.insert("inserted".into(), self.insert(inserts, &mut events).await?);
        }
        if let Some(updates) = &request.updates {
            answer.insert("updated".into(), self.update(updates, &mut events).await?);
        }
        if let Some(deletes) = &request.deletes {
            self.delete(deletes, &mut events).await?;
            answer.insert("deleted".into(), json!(deletes.len()));
        }
        Ok((Value::Object(answer), events))
    }

    async fn insert(&self, inserts: &Inserts, events: &mut Vec<Event>) -> Result<Value> {
        match inserts {
            Inserts::Plain(rows) => self.insert_rows(rows, events).await,
            Inserts::Upserts(rows) => self.upsert_rows(rows, events).await,
        }
    }

    async fn insert_rows(
        &self,
        rows: &[(NewRow, Object)],
        events: &mut Vec<Event>,
    ) -> Result<Value> {
        let table = &self.config.table;
        let mut hooked = Vec::with_capacity(rows.len());
        for (row, body) in rows {
            let place = Place::BatchInsert;
            let (row, _) = hooked_row(self.target, self.config, row.clone(), body, place).await?;
            hooked.push(row);
        }
        let mut records = Vec::with_capacity(rows.len());
        // A statement takes 65,535 parameters at most.
        let columns = hooked.first().map_or(1, |r| r.values.len() + 1);
        for chunk in hooked.chunks((60_000 / columns).max(1)) {
            let statement = write::insert(self.transaction.schema(), table, chunk, false);
            let rows = self.transaction.query(&statement, table).await?;
            if rows.len() != chunk.len() {
                return Err(Error::unwritten(&table.name));
            }
            records.extend(row_json::records(table, &rows)?);
        }
        if self.config.hooks.after_insert.is_some() {
            for record in &records {
                events.push(Event::Inserted(row_json::decode(record)?));
            }
        }
        // Rows come back in the order of their VALUES.
        let sent: Vec<&Object> = rows.iter().map(|(_, body)| body).collect();
        answer::records(self.target, self.config, &records, &sent).await.map(Value::Array)
    }

    async fn upsert_rows(&self, rows: &[Upsert], events: &mut Vec<Event>) -> Result<Value> {
        let mut records = Vec::with_capacity(rows.len());
        let mut happenings = Vec::with_capacity(rows.len());
        for row in rows {
            let (record, happened) =
                upsert_row(self.transaction, self.target, self.config, row).await?;
            records.push(record);
            happenings.push(happened);
        }
        let readable = answer::readable(self.target, self.config, &records).await;
        let mut shown = Vec::with_capacity(rows.len());
        for (((row, record), happened), readable) in
            rows.iter().zip(&records).zip(happenings).zip(readable)
        {
            let value = row_json::decode(record)?;
            shown.push(if readable { value.clone() } else { row.echo(record, &happened) });
            events.push(happened.event(value));
        }
        Ok(Value::Array(shown))
    }

    async fn update(&self, updates: &[Update], events: &mut Vec<Event>) -> Result<Value> {
        let table = &self.config.table;
        let ids: Vec<String> = updates.iter().map(|u| u.id.clone()).collect();
        let locked = self.locked(updates.first().map(|u| &u.change), &ids).await?;
        let mut written = Vec::with_capacity(updates.len());
        if self.config.hooks.before_update.is_none() && self.config.hooks.after_update.is_none() {
            let schema = self.transaction.schema();
            let statement =
                |u: &Update| u.change.statement(schema, table, std::slice::from_ref(&u.id));
            let statements: Vec<_> = updates.iter().map(statement).collect();
            for rows in self.transaction.query_all(&statements, table).await? {
                written.push(first(table, &rows)?);
            }
        } else {
            for update in updates {
                let Some(row) = locked.iter().find(|r| r.id == update.id) else {
                    written.push(None);
                    continue;
                };
                let (rows, before) =
                    change_row(self.transaction, self.target, self.config, &update.change, row)
                        .await?;
                written.push(first(table, &rows)?);
                events.push(update.change.event(table, before, &rows)?);
            }
        }
        let records: Vec<Record> = written.iter().flatten().cloned().collect();
        let mut readable = answer::readable(self.target, self.config, &records).await.into_iter();
        let each = updates.iter().zip(&written).map(|(update, record)| match record {
            Some(record) if readable.next() == Some(true) => row_json::decode(record),
            _ => Ok(update.echo()),
        });
        each.collect::<Result<_>>().map(Value::Array)
    }

    async fn delete(&self, deletes: &[String], events: &mut Vec<Event>) -> Result<()> {
        let table = &self.config.table;
        let change = RowChange::Delete;
        let ids: Vec<String> = deletes.iter().filter(|id| !id.contains('\0')).cloned().collect();
        let locked = self.locked(Some(&change), &ids).await?;
        if !change.is_hooked(self.config) {
            if !ids.is_empty() {
                self.transaction
                    .query(&change.statement(self.transaction.schema(), table, &ids), table)
                    .await?;
            }
            return Ok(());
        }
        for row in &locked {
            let (rows, before) =
                change_row(self.transaction, self.target, self.config, &change, row).await?;
            events.push(change.event(table, before, &rows)?);
        }
        Ok(())
    }

    /// The rows about to be written to, locked and passed by their rule; none when neither a
    /// rule nor a hook has to see them.
    async fn locked(&self, change: Option<&RowChange>, ids: &[String]) -> Result<Vec<Record>> {
        let table = &self.config.table;
        let access = self.target.access();
        let Some(change) = change else { return Ok(Vec::new()) };
        let rule = change.rule(self.config);
        if ids.is_empty()
            || (access.standing(rule) == Standing::Open && !change.is_hooked(self.config))
        {
            return Ok(Vec::new());
        }
        let rows = self
            .transaction
            .query(&read::lock(self.transaction.schema(), table, ids), table)
            .await?;
        let records = row_json::records(table, &rows)?;
        let values = Arc::new(records.iter().map(row_json::decode).collect::<Result<Vec<_>>>()?);
        match access.first_refused(rule, &values).await {
            None => Ok(records),
            Some(Refused { index, reason }) => {
                let id = records.get(index).map_or("", |r| &r.id);
                let operation = change.operation();
                let error = refused_record(table, operation, id);
                Err(access.by(error, table, operation, &reason))
            }
        }
    }
}
