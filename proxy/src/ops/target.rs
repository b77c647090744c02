//! Which instance and table is a request about, and how do its statements reach them?
//!
//! A [`Target`] is what the stages before an operation have established. Its statements run in the
//! instance and nowhere else. Where the instance or the table does not exist, [`IfAbsent`] says
//! whether the statement brings it into being.

use crate::access::Access;
use crate::auth::Principal;
use crate::db::{Build, Database, Outcome, Row, Transaction};
use crate::error::{Error, Result};
use crate::http::route::TablePath;
use crate::pattern::Budget;
use crate::query::read;
use crate::query::search::Search;
use crate::snapshot::Snapshot;
use crate::state::App;
use edgebase_blocks::block::{Block, TableConfig};
use edgebase_blocks::{BlockKind, InstanceKey, Table};
use edgebase_rules::Caller;
use std::sync::Arc;

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

/// Tries of an operation: the instance is made, then its table, as another request may have made
/// it with another one.
const ATTEMPTS: usize = 3;

/// What an operation does about an instance or table that does not exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum IfAbsent {
    /// It writes new rows: the instance and its table are created.
    Create,
    /// It is answered as from an empty database.
    Nothing,
}

impl<'a> Target<'a> {
    /// The table, or 404.
    ///
    /// # Errors
    /// 404 when the block has no such table.
    pub fn table(&self) -> Result<&'a TableConfig> {
        self.block.tables.get(&self.path.table).ok_or_else(|| {
            Error::NotFound(format!(
                "Table '{}' not found in database '{}'.",
                self.path.table, self.path.namespace
            ))
        })
    }

    /// The rules, as they apply to this caller.
    #[must_use]
    pub fn access(&self) -> Access<'a> {
        Access::new(self.snapshot, self.principal, &self.path.namespace, self.caller)
    }

    /// The database that the instance is in.
    pub(crate) fn db(&self) -> &'a Database {
        &self.app.pools_of(self.snapshot, &self.key).requests
    }

    /// Runs statements that write nothing in one round trip; `None` when the instance or its table
    /// does not exist.
    pub(super) async fn select(
        &self,
        table: &Table,
        build: Build<'_>,
    ) -> Result<Option<Vec<Vec<Row>>>> {
        let outcome = self.db().read(&self.key, table, build).await?;
        self.selected(table, outcome).await
    }

    /// The same, within the time of a search if there is one.
    pub(super) async fn look(
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
            Outcome::Absent => self.create(table, IfAbsent::Nothing).await.map(|_| None),
            Outcome::NoTable => Ok(None),
        }
    }

    /// Runs statements in one round trip; `None` when the instance or its table does not exist and
    /// need not.
    pub(super) async fn run(
        &self,
        table: &Table,
        if_absent: IfAbsent,
        build: Build<'_>,
    ) -> Result<Option<Vec<Vec<Row>>>> {
        for _ in 0..ATTEMPTS {
            match self.db().run(&self.key, table, build).await? {
                Outcome::Done(rows) => return Ok(Some(rows)),
                Outcome::Absent if self.create(table, if_absent).await? => {}
                Outcome::NoTable if self.ensure_table(table, if_absent).await? => {}
                Outcome::Absent | Outcome::NoTable => return Ok(None),
            }
        }
        Err(vanished(&self.key))
    }

    /// The record of that id, with those fields if they are given; `None` when it, the table or the
    /// instance does not exist.
    pub(super) async fn record(
        &self,
        table: &Table,
        id: &str,
        fields: Option<&[String]>,
    ) -> Result<Option<Row>> {
        let call = read::get(&self.key, table, id, fields);
        let statement = |schema: &str| vec![read::get_inside(schema, table, id, fields)];
        match self.db().record(&self.key, table, &call, &statement).await? {
            Outcome::Done(row) => Ok(row),
            Outcome::Absent => self.create(table, IfAbsent::Nothing).await.map(|_| None),
            Outcome::NoTable => Ok(None),
        }
    }

    /// Like [`Self::run`], leaving the transaction open.
    pub(super) async fn begin(
        &self,
        table: &Table,
        if_absent: IfAbsent,
        build: Build<'_>,
    ) -> Result<Option<(Transaction, Vec<Vec<Row>>)>> {
        for _ in 0..ATTEMPTS {
            match self.db().begin(&self.key, table, build).await? {
                Outcome::Done(open) => return Ok(Some(open)),
                Outcome::Absent if self.create(table, if_absent).await? => {}
                Outcome::NoTable if self.ensure_table(table, if_absent).await? => {}
                Outcome::Absent | Outcome::NoTable => return Ok(None),
            }
        }
        Err(vanished(&self.key))
    }

    /// Begins work on a table that later statements name: it is there, or the work needs none.
    pub(super) async fn begin_on(
        &self,
        table: &Table,
        if_absent: IfAbsent,
    ) -> Result<Option<Transaction>> {
        let open = self.begin(table, if_absent, &|schema| vec![read::none(schema, table)]).await?;
        Ok(open.map(|(transaction, _)| transaction))
    }

    /// The same for work that creates what is not there.
    pub(super) async fn begin_writing(&self, table: &Table) -> Result<Transaction> {
        let open = self.begin_on(table, IfAbsent::Create).await?;
        open.ok_or_else(|| Error::internal("an instance that was to be created is absent"))
    }

    /// The instance has not got the table: must it? Answers whether it has it now.
    async fn ensure_table(&self, table: &Table, if_absent: IfAbsent) -> Result<bool> {
        if if_absent == IfAbsent::Create {
            self.db().ensure_tables(&self.key, Some(table)).await?;
        }
        Ok(if_absent == IfAbsent::Create)
    }

    /// The instance does not exist: may it, and must it? Answers whether it has been created.
    async fn create(&self, table: &Table, if_absent: IfAbsent) -> Result<bool> {
        let Some(id) = self.key.id().filter(|_| self.block.kind == BlockKind::Dynamic) else {
            return Err(Error::unavailable(
                "This database is not set up yet. Apply the config to the server's database.",
                format!("single-instance block '{}' has no instance", self.key),
            ));
        };
        self.access().can_create(self.block, id).await?;
        if if_absent == IfAbsent::Create {
            self.db().create(&self.key, Some(table)).await?;
        }
        Ok(if_absent == IfAbsent::Create)
    }
}

/// Created and gone again between two statements: somebody deletes it at this moment.
fn vanished(key: &InstanceKey) -> Error {
    Error::unavailable(
        "This database is being deleted. Try again.",
        format!("{key} vanished after its creation"),
    )
}
