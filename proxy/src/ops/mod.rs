//! Which operation is asked for, and how does it run?
//!
//! [`Request`] is a table request with every parameter and field checked; [`run`] performs it.
//! Reads of an instance that does not exist answer as from an empty database and create
//! nothing; the first write creates it, when `canCreate` allows (contract 9 and the design). So it
//! is with a table that the instance has not got yet: who may write to it makes it.

mod answer;
mod batch;
mod bulk;
mod list;
mod record;
mod scan;
mod upsert;

use crate::access::Access;
use crate::app::{App, is_upsert};
use crate::auth::Principal;
use crate::db::{Build, Database, Outcome, Row, Transaction};
use crate::error::{Error, Result};
use crate::hooks;
use crate::parameters::query::Query;
use crate::pattern::Budget;
use crate::query::read;
use crate::query::record::Object;
use crate::query::search::Search;
use crate::route::{Action, TablePath};
use crate::snapshot::Snapshot;
use axum::response::Response;
use edgebase_blocks::block::Block;
use edgebase_blocks::{BlockKind, InstanceKey, Table};
use edgebase_rules::Caller;
use std::sync::Arc;

pub use batch::MAX_OPERATIONS;

/// What the stages before have established.
pub struct Target<'a> {
    /// The server.
    pub app: &'a Arc<App>,
    /// The config in force.
    pub snapshot: &'a Arc<Snapshot>,
    /// Who asks.
    pub principal: &'a Principal,
    /// Who bears what rules and hooks cost.
    pub caller: Caller,
    /// The block.
    pub block: &'a Block,
    /// The instance.
    pub key: InstanceKey,
    /// As the path names it.
    pub path: &'a TablePath,
    /// What comparing values with patterns may still cost.
    pub patterns: Budget,
}

/// A checked request.
#[derive(Debug)]
pub enum Request {
    /// List, and search that answers as a list.
    List(list::ListRequest),
    /// Count.
    Count(list::CountRequest),
    /// One record by id.
    Get(record::GetRequest),
    /// One new record.
    Insert(record::InsertRequest),
    /// One record, new or changed.
    Upsert(upsert::UpsertRequest),
    /// An update or the deletion of one record.
    Change(record::ChangeRequest),
    /// Inserts, updates and deletes by id.
    Batch(batch::BatchRequest),
    /// An update or delete of all rows that match.
    Bulk(bulk::BulkRequest),
}

impl Request {
    /// Checks everything that can be checked without the database.
    ///
    /// # Errors
    /// 400 in the contract's words.
    pub fn parse(
        table: &Table,
        action: Action,
        query: &Query<'_>,
        body: Option<Object>,
        patterns: &Budget,
    ) -> Result<Self> {
        let body = body.unwrap_or_default();
        Ok(match action {
            Action::List => Self::List(list::ListRequest::parse(table, query, false)?),
            Action::Search => Self::List(list::ListRequest::parse(table, query, true)?),
            Action::Count => Self::Count(list::CountRequest::parse(table, query)?),
            Action::Get(id) => Self::Get(record::GetRequest::parse(table, query, id)?),
            Action::Insert if is_upsert(query) => {
                Self::Upsert(upsert::UpsertRequest::parse(table, query, body, patterns)?)
            }
            Action::Insert => {
                upsert::refuse_target(query)?;
                Self::Insert(record::InsertRequest::parse(table, body, patterns)?)
            }
            Action::Update(id) => {
                Self::Change(record::ChangeRequest::update(table, id, body, patterns)?)
            }
            Action::Delete(id) => Self::Change(record::ChangeRequest::delete(id)),
            Action::Batch => {
                Self::Batch(batch::BatchRequest::parse(table, query, &body, patterns)?)
            }
            Action::BatchByFilter => Self::Bulk(bulk::BulkRequest::parse(table, body, patterns)?),
        })
    }
}

impl Request {
    fn is_write(&self) -> bool {
        !matches!(self, Self::List(_) | Self::Count(_) | Self::Get(_))
    }
}

/// Performs a request. What after-hooks follow is finished even when its client goes away
/// meanwhile, so that no committed write is without them.
///
/// # Errors
/// In the words of the contract.
pub async fn run(target: &Target<'_>, request: Request) -> Result<Response> {
    if request.is_write() && hooks::follow_writes(&target.table()?.hooks) {
        return target.to_the_end(request).await;
    }
    perform(target, request).await
}

async fn perform(target: &Target<'_>, request: Request) -> Result<Response> {
    match request {
        Request::List(r) => list::list(target, r).await,
        Request::Count(r) => list::count(target, r).await,
        Request::Get(r) => record::get(target, r).await,
        Request::Insert(r) => record::insert(target, r).await,
        Request::Upsert(r) => upsert::upsert(target, r).await,
        Request::Change(r) => record::change(target, r).await,
        Request::Batch(r) => batch::batch(target, r).await,
        Request::Bulk(r) => bulk::bulk(target, r).await,
    }
}

/// Tries of an operation: the instance is made, then its table, as another request may have made
/// it with another one.
const ATTEMPTS: usize = 3;

/// Whether an operation may bring its instance into being.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Need {
    /// It writes new rows: the instance and its table are created.
    Creates,
    /// It can be answered as from an empty database.
    Existing,
}

impl<'a> Target<'a> {
    /// The rules, as they apply to this caller.
    #[must_use]
    pub fn access(&self) -> Access<'a> {
        Access::new(self.snapshot, self.principal, &self.path.namespace, self.caller)
    }

    /// Performs a request in a task of its own, which nobody can break off.
    async fn to_the_end(&self, request: Request) -> Result<Response> {
        let (app, snapshot) = (Arc::clone(self.app), Arc::clone(self.snapshot));
        let (principal, path, key) = (self.principal.clone(), self.path.clone(), self.key.clone());
        let caller = self.caller;
        let task = tokio::spawn(async move {
            let _under_way = app.after_hooks.hold();
            let block = snapshot.config.databases.get(&path.namespace);
            let block = block.ok_or_else(|| Error::internal("a block has left its config"))?;
            let (app, snapshot) = (&app, &snapshot);
            let target = Target {
                app,
                snapshot,
                principal: &principal,
                caller,
                block,
                key,
                path: &path,
                patterns: Budget::default(),
            };
            perform(&target, request).await
        });
        task.await.unwrap_or_else(|e| Err(Error::internal(e)))
    }

    /// The database that the instance is in.
    pub(crate) fn db(&self) -> &'a Database {
        self.app.db_of(self.snapshot, self.key.namespace())
    }

    /// Runs statements that write nothing in one round trip; `None` when the instance or its table
    /// does not exist.
    async fn select(&self, table: &Table, build: Build<'_>) -> Result<Option<Vec<Vec<Row>>>> {
        let outcome = self.db().read(&self.key, table, build).await?;
        self.selected(table, outcome).await
    }

    /// The same, within the time of a search if there is one.
    async fn look(
        &self,
        table: &Table,
        search: Option<&Search>,
        build: Build<'_>,
    ) -> Result<Option<Vec<Vec<Row>>>> {
        if search.is_none() {
            return self.select(table, build).await;
        }
        let outcome = self.db().search(&self.key, table, build).await?;
        self.selected(table, outcome).await
    }

    async fn selected<T>(&self, table: &Table, outcome: Outcome<T>) -> Result<Option<T>> {
        match outcome {
            Outcome::Done(rows) => Ok(Some(rows)),
            Outcome::Absent => self.create(table, Need::Existing).await.map(|_| None),
            Outcome::NoTable => Ok(None),
        }
    }

    /// Runs statements in one round trip; `None` when the instance or its table does not exist and
    /// need not.
    async fn run(
        &self,
        table: &Table,
        need: Need,
        build: Build<'_>,
    ) -> Result<Option<Vec<Vec<Row>>>> {
        for _ in 0..ATTEMPTS {
            match self.db().run(&self.key, table, build).await? {
                Outcome::Done(rows) => return Ok(Some(rows)),
                Outcome::Absent if self.create(table, need).await? => {}
                Outcome::NoTable if self.make(table, need).await? => {}
                Outcome::Absent | Outcome::NoTable => return Ok(None),
            }
        }
        Err(vanished(&self.key))
    }

    /// The record of that id, with those fields if they are given; `None` when it, the table or the
    /// instance does not exist.
    async fn record(
        &self,
        table: &Table,
        id: &str,
        fields: Option<&[String]>,
    ) -> Result<Option<Row>> {
        let call = read::get(&self.key, table, id, fields);
        let statement = |schema: &str| vec![read::get_inside(schema, table, id, fields)];
        match self.db().record(&self.key, table, &call, &statement).await? {
            Outcome::Done(row) => Ok(row),
            Outcome::Absent => self.create(table, Need::Existing).await.map(|_| None),
            Outcome::NoTable => Ok(None),
        }
    }

    /// Like [`Self::run`], leaving the transaction open.
    async fn begin(
        &self,
        table: &Table,
        need: Need,
        build: Build<'_>,
    ) -> Result<Option<(Transaction, Vec<Vec<Row>>)>> {
        for _ in 0..ATTEMPTS {
            match self.db().begin(&self.key, table, build).await? {
                Outcome::Done(open) => return Ok(Some(open)),
                Outcome::Absent if self.create(table, need).await? => {}
                Outcome::NoTable if self.make(table, need).await? => {}
                Outcome::Absent | Outcome::NoTable => return Ok(None),
            }
        }
        Err(vanished(&self.key))
    }

    /// Begins work on a table that later statements name: it is there, or the work needs none.
    async fn begin_on(&self, table: &Table, need: Need) -> Result<Option<Transaction>> {
        let open = self.begin(table, need, &|schema| vec![read::none(schema, table)]).await?;
        Ok(open.map(|(transaction, _)| transaction))
    }

    /// The same for work that creates what is not there.
    async fn begin_writing(&self, table: &Table) -> Result<Transaction> {
        let open = self.begin_on(table, Need::Creates).await?;
        open.ok_or_else(|| Error::internal("an instance that was to be created is absent"))
    }

    /// The instance has not got the table: must it? Answers whether it has it now.
    async fn make(&self, table: &Table, need: Need) -> Result<bool> {
        if need == Need::Creates {
            self.db().ensure_tables(&self.key, Some(table)).await?;
        }
        Ok(need == Need::Creates)
    }

    /// The instance does not exist: may it, and must it? Answers whether it has been created.
    async fn create(&self, table: &Table, need: Need) -> Result<bool> {
        let Some(id) = self.key.id().filter(|_| self.block.kind == BlockKind::Dynamic) else {
            return Err(Error::unavailable(
                "This database is not set up yet. Apply the config to the server's database.",
                format!("single-instance block '{}' has no instance", self.key),
            ));
        };
        self.access().can_create(self.block, id).await?;
        if need == Need::Creates {
            self.db().create(&self.key, Some(table)).await?;
        }
        Ok(need == Need::Creates)
    }
}

/// Created and gone again between two statements: somebody deletes it at this moment.
fn vanished(key: &InstanceKey) -> Error {
    Error::unavailable(
        "This database is being deleted. Try again.",
        format!("{key} vanished after its creation"),
    )
}
