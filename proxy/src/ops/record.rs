//! One record: get, insert, update, delete.
//!
//! When neither rule nor hook has to see the row, the whole operation is one round trip: a rule
//! that the database can evaluate is a condition of the write. When one has to, the row is locked,
//! rule and hook decide, and the write follows in the same transaction, so that what they saw is
//! what is written over.

use super::answer;
use super::list::{fields, only};
use super::target::{IfAbsent, Target};
use crate::access::{Standing, refused_record};
use crate::db::statement::Sql;
use crate::db::{Row, Transaction};
use crate::error::denial::Reason;
use crate::error::{Error, Result};
use crate::http::parameters::query::Query;
use crate::http::response;
use crate::ops::hooks::{self, Event, arg};
use crate::pattern::Budget;
use crate::query::record::{self, Changes, NewRow, Object, Place};
use crate::query::row_json::{self, Record};
use crate::query::row_scope::RowScope;
use crate::query::{read, write};
use axum::http::StatusCode;
use axum::response::Response;
use edgebase_blocks::block::TableConfig;
use edgebase_blocks::datetime::Moment;
use edgebase_blocks::{Rule, Table};
use serde_json::Value;
use std::borrow::Cow;

/// A checked get.
#[derive(Debug)]
pub struct GetRequest {
    id: String,
    fields: Option<Vec<String>>,
}

/// A checked insert.
#[derive(Debug)]
pub struct InsertRequest {
    row: NewRow,
    body: Object,
}

/// A checked write to one existing record.
#[derive(Debug)]
pub struct ChangeRequest {
    id: String,
    change: RowChange,
}

/// What is to happen to an existing row.
#[derive(Clone, Debug)]
pub(super) enum RowChange {
    /// These fields change; the body is kept for hooks.
    Update { body: Object, changes: Changes },
    /// It goes.
    Delete,
}

impl GetRequest {
    pub(super) fn parse(table: &Table, query: &Query<'_>, id: String) -> Result<Self> {
        Ok(Self { id, fields: fields(table, query)? })
    }
}

impl InsertRequest {
    pub(super) fn parse(table: &Table, body: Object, patterns: &Budget) -> Result<Self> {
        Ok(Self { row: record::new_row(table, &body, Place::Insert, patterns)?, body })
    }
}

impl ChangeRequest {
    pub(super) fn update(
        table: &Table,
        id: String,
        body: Object,
        patterns: &Budget,
    ) -> Result<Self> {
        let changes = record::changes(table, &body, Place::Update, patterns)?;
        Ok(Self { id, change: RowChange::Update { body, changes } })
    }

    pub(super) fn delete(id: String) -> Self {
        Self { id, change: RowChange::Delete }
    }
}

impl RowChange {
    pub(super) fn operation(&self) -> &'static str {
        match self {
            Self::Update { .. } => "update",
            Self::Delete => "delete",
        }
    }

    /// The access rule that it answers to.
    pub(super) fn rule<'a>(&self, config: &'a TableConfig) -> Option<&'a Rule> {
        let access = config.access.as_ref()?;
        match self {
            Self::Update { .. } => access.update.as_ref(),
            Self::Delete => access.delete.as_ref(),
        }
    }

    /// Whether a hook has to see the row.
    pub(super) fn is_hooked(&self, config: &TableConfig) -> bool {
        let hooks = &config.hooks;
        match self {
            Self::Update { .. } => hooks.before_update.is_some() || hooks.after_update.is_some(),
            Self::Delete => hooks.before_delete.is_some() || hooks.after_delete.is_some(),
        }
    }

    /// The statement for rows of these ids, which their rule has let pass.
    pub(super) fn statement(&self, schema: &str, table: &Table, ids: &[String]) -> Sql {
        self.within(schema, table, ids, &RowScope::All)
    }

    /// The same where nobody looks at what was written: only keys come back.
    pub(super) fn unseen(&self, schema: &str, table: &Table, ids: &[String]) -> Sql {
        match self {
            Self::Update { changes, .. } => write::update_unseen(schema, table, ids, changes),
            Self::Delete => write::delete(schema, table, ids, &RowScope::All),
        }
    }

    /// The statement for those of these rows that the scope reaches.
    fn within(&self, schema: &str, table: &Table, ids: &[String], scope: &RowScope) -> Sql {
        match self {
            Self::Update { changes, .. } => write::update(schema, table, ids, scope, changes),
            Self::Delete => write::delete(schema, table, ids, scope),
        }
    }

    /// Runs the before-hook on one row; an update may come back changed.
    pub(super) async fn before(
        &self,
        target: &Target<'_>,
        config: &TableConfig,
        existing: &Value,
    ) -> Result<Self> {
        match (self, config.hooks.before_update, config.hooks.before_delete) {
            (Self::Update { body, .. }, Some(hook), _) => {
                let mut data = body.clone();
                if config.table.auto.updated_at {
                    data.insert("updatedAt".into(), Moment::now().to_string().into());
                }
                let extra = target
                    .before(hook, "Update", vec![arg(existing.clone()), arg(Value::Object(data))])
                    .await?;
                let mut body = body.clone();
                body.extend(extra);
                let changes =
                    record::changes(&config.table, &body, Place::Update, &target.patterns)?;
                Ok(Self::Update { body, changes })
            }
            (Self::Delete, _, Some(hook)) => {
                target.before(hook, "Delete", vec![arg(existing.clone())]).await?;
                Ok(Self::Delete)
            }
            _ => Ok(self.clone()),
        }
    }

    /// What its after-hook is told: the row before, and the row that was written.
    pub(super) fn event(&self, table: &Table, before: Value, written: &[Row]) -> Result<Event> {
        Ok(match self {
            Self::Update { .. } => {
                let after = written
                    .first()
                    .map_or(Ok(Value::Null), |row| row_json::decode_row(table, row))?;
                Event::Updated { before, after }
            }
            Self::Delete => Event::Deleted(before),
        })
    }
}

pub(super) fn not_found(table: &Table, id: &str) -> Error {
    Error::RecordNotFound { id: id.to_owned(), table: table.name.clone() }
}

/// The first record of a statement's rows.
pub(super) fn first(table: &Table, rows: &[Row]) -> Result<Option<Record>> {
    rows.first().map(|row| row_json::record(table, row)).transpose()
}

/// The first record of the first statement of several.
fn first_of(table: &Table, results: &[Vec<Row>]) -> Result<Option<Record>> {
    results.first().map_or(Ok(None), |rows| first(table, rows))
}

pub(super) async fn get(target: &Target<'_>, request: GetRequest) -> Result<Response> {
    let config = target.table()?;
    let table = &config.table;
    let id = known_id(table, &request.id)?;
    let rule = answer::read_rule(config);
    // A rule may look at every field.
    let looks = target.access().standing(rule) == Standing::PerRow;
    let fields = only(config, request.fields.as_deref()).filter(|_| !looks);
    let row = target.record(table, id, fields).await?.ok_or_else(|| not_found(table, id))?;
    let record = row_json::record(table, &row)?;
    allow(target, table, rule, "read", &record).await?;
    let text = if request.fields.is_none() && config.hooks.on_enrich.is_none() {
        record.text
    } else {
        let mut value = row_json::decode(&record)?;
        if let Some(fields) = &request.fields {
            value = row_json::project(&value, fields);
        }
        if let Some(hook) = config.hooks.on_enrich {
            value = target.enrich(hook, value, hooks::deadline()).await;
        }
        value.to_string()
    };
    Ok(response::json(StatusCode::OK, text))
}

pub(super) async fn insert(target: &Target<'_>, request: InsertRequest) -> Result<Response> {
    let config = target.table()?;
    let table = &config.table;
    let InsertRequest { row, body } = request;
    let rows = match config.hooks.before_insert {
        None => {
            let row = [row];
            target
                .run(table, IfAbsent::Create, &|s| vec![write::insert(s, table, &row, false)])
                .await?
        }
        Some(_) => {
            let transaction = target.begin_writing(table).await?;
            let written = async {
                let (row, _) = hooked_row(target, config, row, &body, Place::Insert).await?;
                transaction
                    .query(&write::insert(transaction.schema(), table, &[row], false), table)
                    .await
            }
            .await;
            Some(vec![finish(transaction, table, written).await?])
        }
    };
    let record =
        first_of(table, &rows.unwrap_or_default())?.ok_or_else(|| Error::unwritten(&table.name))?;
    if config.hooks.after_insert.is_some() {
        target.spawn_after_hook(config, Event::Inserted(row_json::decode(&record)?));
    }
    Ok(response::json(StatusCode::CREATED, answer::record(target, config, record, &body).await))
}

/// The row as `beforeInsert` wants it, validated once more, and the body that would make it.
pub(super) async fn hooked_row<'b>(
    target: &Target<'_>,
    config: &TableConfig,
    row: NewRow,
    body: &'b Object,
    place: Place,
) -> Result<(NewRow, Cow<'b, Object>)> {
    let Some(hook) = config.hooks.before_insert else { return Ok((row, Cow::Borrowed(body))) };
    let extra = target.before_insert(hook, &config.table, &row.id, body).await?;
    let mut body = body.clone();
    body.insert("id".into(), row.id.clone().into());
    body.extend(extra);
    let hooked = record::new_row(&config.table, &body, place, &target.patterns)?;
    Ok((NewRow { has_own_id: row.has_own_id, ..hooked }, Cow::Owned(body)))
}

/// Commits when the work succeeded, rolls back when it did not.
pub(super) async fn finish<T>(
    transaction: Transaction,
    table: &Table,
    work: Result<T>,
) -> Result<T> {
    match work {
        Ok(done) => transaction.commit(table).await.map(|()| done),
        Err(error) => {
            transaction.rollback().await;
            Err(error)
        }
    }
}

/// Update or delete of one record.
pub(super) async fn change(target: &Target<'_>, request: ChangeRequest) -> Result<Response> {
    let config = target.table()?;
    let table = &config.table;
    let id = known_id(table, &request.id)?;
    let ids = [id.to_owned()];
    let change = &request.change;
    let rows = if let Some(scope) = scope_at_once(target, config, change) {
        let write = |schema: &str| vec![change.within(schema, table, &ids, &scope)];
        let results = target.run(table, IfAbsent::Nothing, &write).await?;
        let rows = results.and_then(|r| r.into_iter().next()).unwrap_or_default();
        if rows.is_empty() {
            return Err(match scope {
                RowScope::All => not_there(target, table, id).await?,
                _ => not_written(target, config, change, id).await?,
            });
        }
        rows
    } else {
        let Some((transaction, locked)) =
            target.begin(table, IfAbsent::Nothing, &|s| vec![read::lock(s, table, &ids)]).await?
        else {
            return Err(not_found(table, id));
        };
        let decided = async {
            let row = first_of(table, &locked)?.ok_or_else(|| not_found(table, id))?;
            allow(target, table, change.rule(config), change.operation(), &row).await?;
            let existing = row_json::decode(&row)?;
            Ok((change.before(target, config, &existing).await?, existing))
        }
        .await;
        let (change, before) = match decided {
            Ok(decided) => decided,
            Err(error) => {
                transaction.rollback().await;
                return Err(error);
            }
        };
        let statement = change.statement(transaction.schema(), table, &ids);
        let results = transaction.finish(&[statement], table).await?;
        let rows = results.into_iter().next().unwrap_or_default();
        if rows.is_empty() {
            return Err(Error::unwritten(&table.name));
        }
        target.spawn_after_hook(config, change.event(table, before, &rows)?);
        rows
    };
    match change {
        RowChange::Delete if !rows.is_empty() => {
            Ok(response::json(StatusCode::OK, r#"{"deleted":true}"#.into()))
        }
        RowChange::Delete => Err(not_found(table, id)),
        RowChange::Update { body, .. } => {
            let record = first(table, &rows)?.ok_or_else(|| not_found(table, id))?;
            Ok(response::json(StatusCode::OK, answer::record(target, config, record, body).await))
        }
    }
}

/// The rows that a change reaches, where the database can tell and nobody has to see them before.
fn scope_at_once(
    target: &Target<'_>,
    config: &TableConfig,
    change: &RowChange,
) -> Option<RowScope> {
    let access = target.access();
    let rule = change.rule(config);
    let scope = match access.standing(rule) {
        Standing::Open => RowScope::All,
        Standing::PerRow => access.compiled(rule, &config.table),
        Standing::Closed | Standing::PerRequest => return None,
    };
    (scope != RowScope::PerRow && !change.is_hooked(config)).then_some(scope)
}

/// Why a change that no rule stands in the way of has written nothing.
async fn not_there(target: &Target<'_>, table: &Table, id: &str) -> Result<Error> {
    let there = target.record(table, id, None).await?.is_some();
    Ok(if there { Error::unwritten(&table.name) } else { not_found(table, id) })
}

/// Why a change under a rule has written nothing: there is no such record, or the rule refuses it.
/// Only a request that fails asks this.
async fn not_written(
    target: &Target<'_>,
    config: &TableConfig,
    change: &RowChange,
    id: &str,
) -> Result<Error> {
    let table = &config.table;
    let Some(row) = target.record(table, id, None).await? else { return Ok(not_found(table, id)) };
    let record = row_json::record(table, &row)?;
    let refused = allow(target, table, change.rule(config), change.operation(), &record).await;
    // The row has changed since, so that the rule lets it pass now.
    Ok(refused.err().unwrap_or(Error::Conflict))
}

/// Writes to one locked row that its rule has let pass, under its hook; the rows written and the
/// row before.
pub(super) async fn change_row(
    transaction: &Transaction,
    target: &Target<'_>,
    config: &TableConfig,
    change: &RowChange,
    row: &Record,
) -> Result<(Vec<Row>, Value)> {
    let table = &config.table;
    let existing = row_json::decode(row)?;
    let change = change.before(target, config, &existing).await?;
    let ids = [row.id.clone()];
    let rows =
        transaction.query(&change.statement(transaction.schema(), table, &ids), table).await?;
    if rows.is_empty() {
        return Err(Error::unwritten(&table.name));
    }
    Ok((rows, existing))
}

/// 403 unless the rule allows this record.
pub(super) async fn allow(
    target: &Target<'_>,
    table: &Table,
    rule: Option<&Rule>,
    operation: &str,
    record: &Record,
) -> Result<()> {
    let access = target.access();
    let verdict = match access.standing(rule) {
        Standing::Open => Ok(()),
        Standing::Closed => Err(Reason::of(rule)),
        Standing::PerRequest => access.any_row(rule).await,
        Standing::PerRow => access.row(rule, access.seen(rule, record)?).await,
    };
    verdict.map_err(|reason| {
        access.by(refused_record(table, operation, &record.id), table, operation, &reason)
    })
}

/// An id that no row can have is simply not found. Those that SQL has given may have any other
/// characters.
fn known_id<'a>(table: &Table, id: &'a str) -> Result<&'a str> {
    if id.contains('\0') { Err(not_found(table, id)) } else { Ok(id) }
}
