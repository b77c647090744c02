//! One record, new or changed.
//!
//! The row behind the conflict key is looked for and locked. If it is there, the caller needs
//! the `update` rule on that very row and only the fields sent are written; if not, the `insert`
//! rule (contract 8.4: the original lets an insert permission overwrite any row). A row
//! that the caller may neither change nor see, met by another field than its id, says what it
//! would say to an insert: that the value is taken.

use super::record::{RowChange, allow, change_row, finish, first, hooked_row};
use super::{Target, answer};
use crate::db::Transaction;
use crate::db::statement::Bind;
use crate::error::{Error, Result};
use crate::http::parameters::query::{Query, malformed};
use crate::http::parameters::{CONFLICT_TARGET, UPSERT};
use crate::http::response;
use crate::ops::hooks::Event;
use crate::pattern::Budget;
use crate::query::column::DOCUMENT;
use crate::query::filter::Filter;
use crate::query::record::{self, Change, Changes, NewRow, Object, Place};
use crate::query::row_json::{self, Record};
use crate::query::{read, write};
use axum::http::StatusCode;
use axum::response::Response;
use edgebase_blocks::Table;
use edgebase_blocks::block::TableConfig;
use serde_json::Value;

/// Attempts against concurrent writers of the same key.
const ATTEMPTS: usize = 3;

/// A row with the key that decides whether it is new.
#[derive(Debug)]
pub struct Upsert {
    row: NewRow,
    body: Object,
    place: Place,
    /// Finds the row it collides with; `None` when it cannot collide.
    existing: Option<Filter>,
}

/// A checked upsert.
#[derive(Debug)]
pub struct UpsertRequest {
    row: Upsert,
}

/// Whether a row was new.
#[derive(Clone, Debug, PartialEq)]
pub enum Happened {
    /// It was.
    Inserted,
    /// It was there, like this, and has been changed.
    Updated(Value),
}

impl Happened {
    /// What the after-hook is told.
    pub(super) fn event(self, record: Value) -> Event {
        match self {
            Self::Inserted => Event::Inserted(record),
            Self::Updated(before) => Event::Updated { before, after: record },
        }
    }
}

/// The field named by `conflictTarget`, checked.
pub(super) fn conflict_target(table: &Table, query: &Query<'_>) -> Result<String> {
    let Some(name) = query.text(&CONFLICT_TARGET).filter(|name| *name != "id") else {
        return Ok("id".into());
    };
    match table.field(name) {
        None => Err(Error::BadRequest(format!("Field '{name}' does not exist in schema."))),
        Some(field) if !field.unique => Err(Error::BadRequest(format!(
            "Field '{name}' is not unique. conflictTarget must be a unique field."
        ))),
        Some(_) => Ok(name.to_owned()),
    }
}

/// Refuses `conflictTarget` of an insert: it names the row to change, and an insert changes none.
pub(super) fn refuse_target(query: &Query<'_>) -> Result<()> {
    match query.text(&CONFLICT_TARGET) {
        None => Ok(()),
        Some(_) => Err(malformed(CONFLICT_TARGET.name, "the parameter needs upsert=true")),
    }
}

impl Upsert {
    pub(super) fn new(
        table: &Table,
        body: Object,
        target: &str,
        place: Place,
        patterns: &Budget,
    ) -> Result<Self> {
        let row = record::new_row(table, &body, place, patterns)?;
        let existing = match (target, body.get(target)) {
            ("id", _) => row.has_own_id.then(|| Filter::key(&row.id)),
            (_, None | Some(Value::Null)) => None,
            (field, Some(value)) => Some(Filter::equal(table, field, value)?),
        };
        Ok(Self { row, body, place, existing })
    }

    /// Whether the caller has named the record by its id.
    fn names(&self, record: &Record) -> bool {
        self.row.has_own_id && self.row.id == record.id
    }

    /// What is said of the written record to a caller who may not see it. The id of a row that
    /// was found by another field is not.
    pub(super) fn echo(&self, record: &Record, happened: &Happened) -> Value {
        let is_known = *happened == Happened::Inserted || self.names(record);
        Value::Object(answer::echo(is_known.then_some(&record.id), &self.body))
    }
}

/// The fields sent, as a change of the row that is there.
fn changes(row: &NewRow) -> Changes {
    row.values
        .iter()
        .filter(|(column, _)| row.given.contains(column))
        .flat_map(|(column, value)| match value {
            // A schemaless table's one column: each of its keys is a field.
            Bind::Json(Some(Value::Object(document))) if column == DOCUMENT => {
                document.iter().map(|(k, v)| (k.clone(), Change::SetKey(v.clone()))).collect()
            }
            value => vec![(column.clone(), Change::Set(value.clone()))],
        })
        .collect()
}

impl UpsertRequest {
    pub(super) fn parse(
        table: &Table,
        query: &Query<'_>,
        body: Object,
        patterns: &Budget,
    ) -> Result<Self> {
        let target = conflict_target(table, query)?;
        Ok(Self { row: Upsert::new(table, body, &target, Place::Insert, patterns)? })
    }
}

pub(super) async fn upsert(target: &Target<'_>, request: UpsertRequest) -> Result<Response> {
    let config = target.table()?;
    let table = &config.table;
    let transaction = target.begin_writing(table).await?;
    let work = upsert_row(&transaction, target, config, &request.row).await;
    let (record, happened) = finish(transaction, table, work).await?;
    let value = row_json::decode(&record)?;
    let (status, action) = match happened {
        Happened::Inserted => (StatusCode::CREATED, "inserted"),
        Happened::Updated(_) => (StatusCode::OK, "updated"),
    };
    let mut shown =
        match answer::readable(target, config, std::slice::from_ref(&record)).await.first() {
            Some(true) => value.clone(),
            _ => request.row.echo(&record, &happened),
        };
    target.spawn_after_hook(config, happened.event(value));
    if let Value::Object(map) = &mut shown {
        map.insert("action".into(), action.into());
    }
    Ok(response::json(status, shown.to_string()))
}

/// Writes one row inside an open transaction.
pub(super) async fn upsert_row(
    transaction: &Transaction,
    target: &Target<'_>,
    config: &TableConfig,
    upsert: &Upsert,
) -> Result<(Record, Happened)> {
    let table = &config.table;
    let schema = transaction.schema();
    let (row, body) =
        hooked_row(target, config, upsert.row.clone(), &upsert.body, upsert.place).await?;
    let rows = std::slice::from_ref(&row);
    for attempt in 0..ATTEMPTS {
        let mut is_taken = false;
        if let Some(filter) = &upsert.existing {
            let found = transaction.query(&read::lock_by(schema, table, filter), table).await?;
            if let Some(existing) = first(table, &found)? {
                let body = body.clone().into_owned();
                let change = RowChange::Update { body, changes: changes(&row) };
                match allow(target, table, change.rule(config), "update", &existing).await {
                    Ok(()) => {
                        let (changed, before) =
                            change_row(transaction, target, config, &change, &existing).await?;
                        let record =
                            first(table, &changed)?.ok_or_else(|| Error::unwritten(&table.name))?;
                        return Ok((record, Happened::Updated(before)));
                    }
                    Err(refusal)
                        if refusal.status() != StatusCode::FORBIDDEN
                            || upsert.names(&existing)
                            || answer::readable(
                                target,
                                config,
                                std::slice::from_ref(&existing),
                            )
                            .await
                            .contains(&true) =>
                    {
                        return Err(refusal);
                    }
                    Err(_) => is_taken = true,
                }
            }
        }
        let what = if upsert.place == Place::Insert { "upsert" } else { "batch insert" };
        target.access().insert(config, what).await?;
        // The last attempt lets the violation of another unique field be reported as such.
        let skip_conflicts = upsert.existing.is_some() && !is_taken && attempt + 1 < ATTEMPTS;
        let inserted =
            transaction.query(&write::insert(schema, table, rows, skip_conflicts), table).await?;
        if let Some(record) = first(table, &inserted)? {
            return Ok((record, Happened::Inserted));
        }
        if !skip_conflicts {
            return Err(Error::unwritten(&table.name));
        }
    }
    Err(Error::Conflict)
}

/// Whether an insert may change a row that is there.
#[must_use]
pub fn is_upsert(query: &Query<'_>) -> bool {
    query.boolean(&UPSERT) == Some(true)
}
