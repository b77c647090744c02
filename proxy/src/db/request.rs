//! How does a request run in its instance, and nowhere else?
//!
//! Everything that reads or writes tenant data goes through [`Database::run`] or
//! [`Database::begin`]: `edgebase.enter` and the statements leave in one write and cost one round
//! trip. They are one transaction, which the server ends by itself for `run` and which `begin`
//! holds open. If `enter` fails the server skips the rest; without `enter` the login role may
//! read nothing. A connection returns to its slot only outside a transaction, where the
//! extension has given the session its login role back.

use super::Database;
use super::call::key_call;
use super::failure::Failure;
use super::row::Row;
use super::slots::Lease;
use super::sqlstate::{self, Signal};
use super::statement::Sql;
use super::transaction::Transaction;
use super::turns::Work;
use super::wire::Step;
use crate::error::Result;
use edgebase_blocks::{InstanceKey, Table};
use std::sync::atomic::Ordering;

/// What row security would hide fails the statement: a snapshot is read to its end.
const ALL_ROWS: &str = "SELECT pg_catalog.set_config('row_security', 'off', true)";
/// Each statement of a search is stopped after five seconds.
const SEARCH_TIME: &str = "SELECT pg_catalog.set_config('statement_timeout', '5s', true)";

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

/// How a transaction begins and whether it ends by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Committed in the same round trip.
    Commit,
    /// The same, unable to write.
    Read,
    /// As `Read`, within the time that a search may take.
    Search,
    /// Without entering the instance: a function of the extension that does so by itself.
    Call,
    /// Left open.
    Hold,
    /// Left open, read-only, all statements on one snapshot, which sees all rows.
    Snapshot,
}

impl Mode {
    /// What is said first. Statements up to a Sync are one transaction without any BEGIN.
    fn begin(self) -> Option<&'static str> {
        match self {
            Self::Commit | Self::Read | Self::Search | Self::Call => None,
            Self::Hold => Some("BEGIN"),
            Self::Snapshot => Some("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"),
        }
    }

    /// What is set before the instance is entered, which lets a stricter limit stand, and inside
    /// which nothing may be set.
    fn limit(self) -> Option<&'static str> {
        match self {
            Self::Search => Some(SEARCH_TIME),
            Self::Snapshot => Some(ALL_ROWS),
            Self::Commit | Self::Read | Self::Call | Self::Hold => None,
        }
    }

    fn work(self) -> Work {
        match self {
            Self::Read | Self::Search | Self::Call => Work::Read,
            Self::Commit | Self::Hold | Self::Snapshot => Work::Write,
        }
    }

    /// How the instance is entered.
    fn enter(self) -> Option<&'static str> {
        match self {
            Self::Read | Self::Search => Some("SELECT edgebase.enter_read_only("),
            Self::Commit | Self::Hold | Self::Snapshot => Some("SELECT edgebase.enter("),
            Self::Call => None,
        }
    }
}

/// Builds statements for the schema an instance lives in.
pub type Build<'a> = &'a (dyn Fn(&str) -> Vec<Sql> + Send + Sync);

impl Database {
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

    /// Like [`Self::read`], for statements that look through the text of every row.
    ///
    /// # Errors
    /// As for `run`.
    pub async fn search(
        &self,
        key: &InstanceKey,
        table: &Table,
        build: Build<'_>,
    ) -> Result<Outcome<Vec<Vec<Row>>>> {
        self.at_once(key, table, build, Mode::Search).await
    }

    pub(super) async fn at_once(
        &self,
        key: &InstanceKey,
        table: &Table,
        build: Build<'_>,
        mode: Mode,
    ) -> Result<Outcome<Vec<Vec<Row>>>> {
        self.at_once_or(key, table, build, mode, None).await
    }

    /// The same, with other statements for a table that a call of the extension cannot read.
    pub(super) async fn at_once_or(
        &self,
        key: &InstanceKey,
        table: &Table,
        build: Build<'_>,
        mode: Mode,
        otherwise: Option<Build<'_>>,
    ) -> Result<Outcome<Vec<Vec<Row>>>> {
        // The transaction is over: dropped, its connection returns to its slot.
        Ok(match self.open(key, table, build, mode, otherwise).await? {
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
        self.open(key, table, build, mode, None).await
    }

    async fn open(
        &self,
        key: &InstanceKey,
        table: &Table,
        mut build: Build<'_>,
        mut mode: Mode,
        mut otherwise: Option<Build<'_>>,
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
                None => match self.locate(key, &known, Some(&turn)).await? {
                    Some(schema) => schema,
                    None => return Ok(Outcome::Absent),
                },
            };
            if mode != Mode::Call
                && known.tables.is_unknown(key, table)
                && self.lacks_under(key, table, Some(&turn)).await?
            {
                return Ok(Outcome::NoTable);
            }
            // Where it was made its tables are known already.
            let lease = if known.made.swap(false, Ordering::Relaxed) {
                self.slots.take_for_newcomer(key).await?
            } else {
                self.slots.take(key).await?
            };
            let error = match attempt(lease.under(&turn), key, &build(&schema), mode).await {
                Ok((lease, rows)) => {
                    return Ok(Outcome::Done((Transaction::new(lease, schema), rows)));
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
                    self.migrate(key, &turn).await?;
                }
                Some(Signal::NoTable) if self.lacks_under(key, table, Some(&turn)).await? => {
                    return Ok(Outcome::NoTable);
                }
                // Or another request has made it meanwhile.
                Some(Signal::NoTable) if !relocated => {
                    relocated = true;
                    known.set_schema(None);
                }
                Some(Signal::Unreadable) if let Some(statements) = otherwise.take() => {
                    (build, mode) = (statements, Mode::Read);
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
    let begin = mode.begin().map(Step::bare);
    let begin_was_said = begin.is_some();
    let limit = mode.limit().map(Step::bare);
    let before =
        [begin_was_said, limit.is_some(), enter.is_some()].into_iter().filter(|b| *b).count();
    let mut steps = Vec::with_capacity(before + statements.len());
    steps.extend(begin);
    steps.extend(limit);
    steps.extend(enter.iter().map(Step::from));
    // What writes is committed at the end of the same round trip.
    let commits = mode == Mode::Commit;
    let step = |sql| if commits { Step::from(sql).committed() } else { Step::from(sql) };
    steps.extend(statements.iter().map(step));
    match lease.batch(&steps).await {
        Ok(replies) => Ok((lease, replies.into_iter().skip(before).map(|r| r.rows).collect())),
        Err(failure) => {
            if begin_was_said && failure.code().is_some() {
                // What goes wrong here shows in the connection's state, which decides.
                let _ = lease.batch(&[Step::bare("ROLLBACK")]).await;
            }
            Err(failure)
        }
    }
}
