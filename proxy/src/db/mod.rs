//! How does a request run in its instance, and nowhere else?
//!
//! Everything that reads or writes tenant data goes through [`Database::run`] or
//! [`Database::begin`]: `edgebase.enter` and the statements leave in one write and cost one round
//! trip. They are one transaction, which the server ends by itself for `run` and which `begin`
//! holds open. If `enter` fails the server skips the rest; without `enter` the login role may
//! read nothing. A connection returns to its slot only outside a transaction, where the
//! extension has given the session its login role back; in any other state it is closed.

pub mod address;
mod connect;
pub mod failure;
mod prepared;
pub mod row;
mod secure;
mod slots;
pub mod sqlstate;
pub mod statement;
mod tables;
mod transaction;
mod turns;
pub mod wire;

use crate::error::{Error, Result};
use address::Address;
use deadpool::Status;
use edgebase_blocks::{InstanceKey, Table};
use failure::Failure;
use moka::sync::Cache;
pub use row::Row;
use serde_json::Value;
use slots::{Lease, Slots};
use sqlstate::Signal;
use statement::{Bind, Sql};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
pub use transaction::Transaction;
use turns::{Turns, Work};
use wire::Step;

/// How long a request waits for a free connection.
const WAIT: Duration = Duration::from_secs(5);
/// Instances remembered; each is some 500 bytes.
const REMEMBERED: u64 = 100_000;

/// What came of running statements in an instance.
#[derive(Debug)]
pub enum Outcome<T> {
    /// They ran.
    Done(T),
    /// There is no such instance.
    Absent,
    /// The instance has not got the table yet.
    NoTable,
}

/// What happens to a connection before it is used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reuse {
    /// Nothing: the statements are the proxy's own, settings are transaction-local and the
    /// switch ends with the transaction. In any other state a connection is closed.
    AsIs,
    /// `DISCARD ALL`: somebody else's statements ran on it.
    Reset,
}

/// How a transaction begins and whether it ends by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Committed in the same round trip.
    Commit,
    /// The same, unable to write.
    Read,
    /// Without entering the instance: a function of the extension that does so by itself.
    Call,
    /// Left open.
    Hold,
    /// Left open, read-only, all statements on one snapshot.
    Snapshot,
}

impl Mode {
    /// What is said first. Statements up to a Sync are one transaction without any BEGIN.
    fn begin(self) -> Option<&'static str> {
        match self {
            Self::Commit | Self::Read | Self::Call => None,
            Self::Hold => Some("BEGIN"),
            Self::Snapshot => Some("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"),
        }
    }

    fn work(self) -> Work {
        match self {
            Self::Read | Self::Call => Work::Read,
            Self::Commit | Self::Hold | Self::Snapshot => Work::Write,
        }
    }

    /// How the instance is entered.
    fn enter(self) -> Option<&'static str> {
        match self {
            Self::Read => Some("SELECT edgebase.enter_read_only("),
            Self::Commit | Self::Hold | Self::Snapshot => Some("SELECT edgebase.enter("),
            Self::Call => None,
        }
    }
}

/// Builds statements for the schema an instance lives in.
pub type Build<'a> = &'a (dyn Fn(&str) -> Vec<Sql> + Send + Sync);

/// The connections to one database, and what is remembered of its instances.
pub struct Database {
    slots: Slots,
    /// Connections that one instance can reach.
    reach: usize,
    instances: Cache<InstanceKey, Arc<Known>>,
}

/// What the proxy remembers of an instance.
struct Known {
    /// Where it was last seen.
    schema: Mutex<Option<Arc<str>>>,
    /// Made by this proxy and not used since.
    made: AtomicBool,
    tables: tables::Seen,
    turns: Arc<Turns>,
}

impl Known {
    fn schema(&self) -> Option<Arc<str>> {
        self.schema.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set_schema(&self, schema: Option<Arc<str>>) {
        *self.schema.lock().unwrap_or_else(PoisonError::into_inner) = schema;
    }
}

impl Database {
    /// Connections to `url`, made on first use.
    ///
    /// # Errors
    /// When the address cannot be understood.
    pub fn new(url: &str, connections: usize, reuse: Reuse) -> anyhow::Result<Self> {
        let mut address: Address = url.parse()?;
        if address.config.get_application_name().is_none() {
            address.config.application_name("edgebase");
        }
        if address.config.get_options().is_none() {
            // One request, one processor: with parallel workers a single scan takes them all.
            address.config.options("-c max_parallel_workers_per_gather=0");
        }
        let slots = Slots::new(address, connections, reuse)?;
        let reach = slots.reach();
        Ok(Self { slots, reach, instances: Cache::new(REMEMBERED) })
    }

    /// Runs statements in one transaction of the instance, in one round trip.
    ///
    /// # Errors
    /// The first error, in the client's words; `table` names the fields behind constraints.
    pub async fn run(
        &self,
        key: &InstanceKey,
        table: &Table,
        build: Build<'_>,
    ) -> Result<Outcome<Vec<Vec<Row>>>> {
        self.at_once(key, table, build, Mode::Commit).await
    }

    /// Like [`Self::run`], in a transaction that cannot write.
    ///
    /// # Errors
    /// As for `run`.
    pub async fn read(
        &self,
        key: &InstanceKey,
        table: &Table,
        build: Build<'_>,
    ) -> Result<Outcome<Vec<Vec<Row>>>> {
        self.at_once(key, table, build, Mode::Read).await
    }

    /// The one row of a call of `edgebase.read_record`, unless it begins with null.
    ///
    /// # Errors
    /// As for `run`.
    pub async fn record(
        &self,
        key: &InstanceKey,
        table: &Table,
        call: &Sql,
    ) -> Result<Outcome<Option<Row>>> {
        let build = |_: &str| vec![call.clone()];
        let rows = match self.at_once(key, table, &build, Mode::Call).await? {
            Outcome::Done(rows) => rows,
            Outcome::Absent => return Ok(Outcome::Absent),
            Outcome::NoTable => return Ok(Outcome::NoTable),
        };
        let row = rows.into_iter().flatten().next();
        Ok(Outcome::Done(row.filter(|row| row.cells().next().is_some_and(|c| c.is_some()))))
    }

    async fn at_once(
        &self,
        key: &InstanceKey,
        table: &Table,
        build: Build<'_>,
        mode: Mode,
    ) -> Result<Outcome<Vec<Vec<Row>>>> {
        // The transaction is over: dropped, its connection returns to its slot.
        Ok(match self.open(key, table, build, mode).await? {
            Outcome::Done((_, rows)) => Outcome::Done(rows),
            Outcome::Absent => Outcome::Absent,
            Outcome::NoTable => Outcome::NoTable,
        })
    }

    /// Like [`Self::run`], but leaves the transaction open for further statements.
    ///
    /// # Errors
    /// As for `run`.
    pub async fn begin(
        &self,
        key: &InstanceKey,
        table: &Table,
        build: Build<'_>,
    ) -> Result<Outcome<(Transaction, Vec<Vec<Row>>)>> {
        self.begin_as(Mode::Hold, key, table, build).await
    }

    /// Like [`Self::begin`], in the mode given.
    ///
    /// # Errors
    /// As for `run`.
    pub async fn begin_as(
        &self,
        mode: Mode,
        key: &InstanceKey,
        table: &Table,
        build: Build<'_>,
    ) -> Result<Outcome<(Transaction, Vec<Vec<Row>>)>> {
        self.open(key, table, build, mode).await
    }

    /// The connections of all slots: how many there are, are free, may be, and are waited for.
    #[must_use]
    pub fn connections(&self) -> Status {
        self.slots.status()
    }

    /// Makes the instance, with that table and those that it refers to, or with all; idempotent.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn create(&self, key: &InstanceKey, table: Option<&Table>) -> Result<()> {
        let known = self.known(key);
        let _turn = known.turns.take(key, Work::Write).await?;
        let mut lease = self.slots.take_for_newcomer(key).await?;
        let mut sql = tables::call("SELECT edgebase.create_instance(", key, table);
        sql.push(" ->> 'created'");
        let made = one(&mut lease, &sql).await.map_err(|e| sqlstate::to_error(&e, None))?;
        // Another creator may have chosen other tables.
        if made.first().is_some_and(|row| row.try_get::<&str>(0).is_ok_and(|made| made == "true")) {
            table.into_iter().for_each(|t| known.tables.set(t, true));
        }
        known.made.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// Drops the instance and answers its receipt; `None` when there is no such instance.
    ///
    /// # Errors
    /// When the database refuses, or running requests do not end in time.
    pub async fn drop(&self, key: &InstanceKey) -> Result<Option<Value>> {
        let known = self.known(key);
        let _turn = known.turns.take(key, Work::Write).await?;
        let (_permit, mut lease) = self.slots.take_for_leaver(key).await?;
        let result = call(&mut lease, "SELECT edgebase.drop_instance(", key).await;
        known.set_schema(None);
        match result {
            Ok(rows) => rows
                .first()
                .map(|row| {
                    let text = row.try_get(0).map_err(Error::internal)?;
                    serde_json::from_str(text).map_err(Error::internal)
                })
                .transpose(),
            Err(e) if sqlstate::signal(&e) == Some(Signal::Absent) => Ok(None),
            Err(e) => Err(sqlstate::to_error(&e, None)),
        }
    }

    /// Whether the instance does not exist, as far as can be said without waiting for a
    /// connection.
    ///
    /// # Errors
    /// When the database cannot say.
    pub async fn is_known_absent(&self, key: &InstanceKey) -> Result<bool> {
        let known = self.known(key);
        Ok(known.schema().is_none()
            && self.slots.is_free_for_newcomer(key)
            && self.locate(key, &known).await?.is_none())
    }

    /// A trivial statement, to see that the database answers.
    ///
    /// # Errors
    /// When it does not.
    pub async fn ping(&self) -> Result<()> {
        self.plain(&Sql::new("SELECT 1")).await.map(drop)
    }

    /// Rows of a statement that concerns no instance, as the login role.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn plain(&self, sql: &Sql) -> Result<Vec<Row>> {
        let mut lease = self.slots.any().await?;
        one(&mut lease, sql).await.map_err(|e| sqlstate::to_error(&e, None))
    }

    fn known(&self, key: &InstanceKey) -> Arc<Known> {
        self.instances.get(key).unwrap_or_else(|| {
            self.instances.get_with_by_ref(key, || {
                Arc::new(Known {
                    schema: Mutex::new(None),
                    made: AtomicBool::new(false),
                    tables: tables::Seen::default(),
                    turns: Arc::new(Turns::new(self.reach)),
                })
            })
        })
    }

    /// Brings the instance up to date, unless that has failed a moment ago. Whatever stops it is
    /// no fault of the request, so it is a 503 whose cause is in the log and in the registry.
    async fn migrate(&self, key: &InstanceKey) -> Result<()> {
        let mut lease = self.slots.take(key).await?;
        let rows = call(&mut lease, "SELECT edgebase.try_migrate(", key).await.map_err(|e| {
            match sqlstate::signal(&e) {
                // Dropped meanwhile: the next look at it says so.
                Some(Signal::Absent) => sqlstate::to_error(&e, None),
                _ => Error::unavailable(
                    "This database is being migrated and cannot serve yet. Try again.",
                    format!("migration of '{key}': {e}"),
                ),
            }
        })?;
        let answer: Value = match rows.first() {
            Some(row) => {
                let text = row.try_get(0).map_err(Error::internal)?;
                serde_json::from_str(text).map_err(Error::internal)?
            }
            None => Value::Null,
        };
        match answer.get("failed") {
            None => Ok(()),
            Some(why) => Err(Error::unavailable(
                "This database could not be brought up to date with the config. Its data is unchanged; try again later.",
                format!("migration of '{key}' failed: {why}"),
            )),
        }
    }

    async fn locate(&self, key: &InstanceKey, known: &Known) -> Result<Option<Arc<str>>> {
        let mut lease = self.slots.take_for_newcomer(key).await?;
        let rows = call(&mut lease, "SELECT edgebase.locate(", key)
            .await
            .map_err(|e| sqlstate::to_error(&e, None))?;
        let schema: Option<&str> = match rows.first() {
            Some(row) => row.try_get(0).map_err(Error::internal)?,
            None => None,
        };
        let schema = schema.map(Arc::<str>::from);
        known.set_schema(schema.clone());
        Ok(schema)
    }

    async fn open(
        &self,
        key: &InstanceKey,
        table: &Table,
        build: Build<'_>,
        mode: Mode,
    ) -> Result<Outcome<(Transaction, Vec<Vec<Row>>)>> {
        let known = self.known(key);
        let turn = known.turns.take(key, mode.work()).await?;
        let mut migrated = false;
        let mut relocated = false;
        loop {
            let cached = known.schema();
            let is_cached = cached.is_some();
            let schema = match cached {
                Some(schema) => schema,
                None => match self.locate(key, &known).await? {
                    Some(schema) => schema,
                    None => return Ok(Outcome::Absent),
                },
            };
            if mode != Mode::Call
                && known.tables.is_unknown(key, table)
                && self.lacks(key, table).await?
            {
                return Ok(Outcome::NoTable);
            }
            // Where it was made its tables are known already.
            let lease = if known.made.swap(false, Ordering::Relaxed) {
                self.slots.take_for_newcomer(key).await?
            } else {
                self.slots.take(key).await?
            };
            let error = match attempt(lease, key, &build(&schema), mode).await {
                Ok((lease, rows)) => {
                    return Ok(Outcome::Done((Transaction::new(lease, schema, turn), rows)));
                }
                Err(error) => error,
            };
            match sqlstate::signal(&error) {
                Some(Signal::Absent) => {
                    known.set_schema(None);
                    return Ok(Outcome::Absent);
                }
                Some(Signal::Behind) if !migrated => {
                    migrated = true;
                    self.migrate(key).await?;
                }
                Some(Signal::NoTable) if self.lacks(key, table).await? => {
                    return Ok(Outcome::NoTable);
                }
                // Or another request has made it meanwhile.
                Some(Signal::NoTable) if !relocated => {
                    relocated = true;
                    known.set_schema(None);
                }
                Some(Signal::Moved) if is_cached && !relocated => {
                    relocated = true;
                    known.set_schema(None);
                }
                _ => return Err(sqlstate::to_error(&error, Some(table))),
            }
        }
    }
}

/// One try: everything is sent before anything is awaited.
async fn attempt(
    mut lease: Lease,
    key: &InstanceKey,
    statements: &[Sql],
    mode: Mode,
) -> Result<(Lease, Vec<Vec<Row>>), Failure> {
    let enter = mode.enter().map(|function| key_call(function, key));
    let begin = mode.begin().map(Step::text);
    let begin_was_said = begin.is_some();
    let before = usize::from(begin_was_said) + usize::from(enter.is_some());
    let mut steps = Vec::with_capacity(before + statements.len());
    steps.extend(begin);
    steps.extend(enter.iter().map(Step::from));
    steps.extend(statements.iter().map(Step::from));
    match lease.batch(&steps).await {
        Ok(replies) => Ok((lease, replies.into_iter().skip(before).map(|r| r.rows).collect())),
        Err(failure) => {
            if begin_was_said && failure.code().is_some() {
                // What goes wrong here shows in the connection's state, which decides.
                let _ = lease.batch(&[Step::text("ROLLBACK")]).await;
            }
            Err(failure)
        }
    }
}

async fn one(lease: &mut Lease, sql: &Sql) -> Result<Vec<Row>, Failure> {
    let mut replies = lease.batch(&[sql.into()]).await?;
    Ok(replies.pop().unwrap_or_default().rows)
}

/// Calls a function of the extension as the login role; its answer as text.
async fn call(lease: &mut Lease, function: &str, key: &InstanceKey) -> Result<Vec<Row>, Failure> {
    let mut sql = key_call(function, key);
    sql.push("::text");
    one(lease, &sql).await
}

/// `SELECT edgebase.f(namespace, id)`.
fn key_call(function: &str, key: &InstanceKey) -> Sql {
    let mut sql = key_args(function, key);
    sql.push(")");
    sql
}

/// The same, to be continued with further arguments.
fn key_args(function: &str, key: &InstanceKey) -> Sql {
    let mut sql = Sql::new(function);
    sql.bind(Bind::text(key.namespace())).push(", ").bind(Bind::Text(key.id().map(str::to_owned)));
    sql
}
