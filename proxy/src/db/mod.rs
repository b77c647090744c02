//! How does a request run in its instance, and nowhere else?
//!
//! Everything that reads or writes tenant data goes through [`Database::run`] or
//! [`Database::begin`]: `BEGIN`, `edgebase.enter`, the statements and, for `run`, `COMMIT` leave
//! in one write and cost one round trip. If `enter` fails the rest stands in an aborted
//! transaction and cannot run; if there is no transaction at all the login role may read
//! nothing. A connection returns to the pool only outside a transaction, where the extension
//! has given the session its login role back; in any other state it is closed.

pub mod sqlstate;
pub mod statement;
mod transaction;
mod turns;

use crate::error::{Error, Result};
use deadpool_postgres::{
    Manager, ManagerConfig, Object, Pool, PoolError, RecyclingMethod, Runtime,
};
use edgebase_blocks::{InstanceKey, Table};
use futures::future::{join_all, join4};
use moka::sync::Cache;
use serde_json::Value;
use sqlstate::Signal;
use statement::{Bind, Sql};
use std::sync::Arc;
use std::time::Duration;
use tokio_postgres::{NoTls, Row};
pub use transaction::Transaction;
use turns::Turns;

/// How long a request waits for a free connection.
const WAIT: Duration = Duration::from_secs(5);
/// Schema names kept; each is some 100 bytes.
const LOCATIONS: u64 = 200_000;

/// What came of running statements in an instance.
#[derive(Debug)]
pub enum Outcome<T> {
    /// They ran.
    Done(T),
    /// There is no such instance.
    Absent,
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
    /// Left open.
    Hold,
    /// Left open, read-only, all statements on one snapshot.
    Snapshot,
}

impl Mode {
    fn begin(self) -> &'static str {
        match self {
            Self::Commit | Self::Hold => "BEGIN",
            Self::Read => "BEGIN READ ONLY",
            Self::Snapshot => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        }
    }
}

/// Builds statements for the schema an instance lives in.
pub type Build<'a> = &'a (dyn Fn(&str) -> Vec<Sql> + Send + Sync);

/// The pool of role-switched connections and the instances' whereabouts.
pub struct Database {
    pool: Pool,
    turns: Turns,
    locations: Cache<InstanceKey, Arc<str>>,
}

impl Database {
    /// A pool for `url`; connects on first use.
    ///
    /// # Errors
    /// When the address cannot be understood.
    pub fn new(url: &str, connections: usize, reuse: Reuse) -> anyhow::Result<Self> {
        let mut config: tokio_postgres::Config = url.parse()?;
        if config.get_application_name().is_none() {
            config.application_name("edgebase");
        }
        config.connect_timeout(WAIT);
        let manager = Manager::from_config(
            config,
            NoTls,
            ManagerConfig {
                recycling_method: match reuse {
                    Reuse::AsIs => RecyclingMethod::Fast,
                    Reuse::Reset => RecyclingMethod::Custom("DISCARD ALL".into()),
                },
            },
        );
        let pool = Pool::builder(manager)
            .max_size(connections)
            .wait_timeout(Some(WAIT))
            .create_timeout(Some(WAIT))
            .recycle_timeout(Some(WAIT))
            .runtime(Runtime::Tokio1)
            .build()?;
        Ok(Self { pool, turns: Turns::new(connections), locations: Cache::new(LOCATIONS) })
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

    async fn at_once(
        &self,
        key: &InstanceKey,
        table: &Table,
        build: Build<'_>,
        mode: Mode,
    ) -> Result<Outcome<Vec<Vec<Row>>>> {
        Ok(match self.open(key, table, build, mode).await? {
            Outcome::Done((_, rows)) => Outcome::Done(rows),
            Outcome::Absent => Outcome::Absent,
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

    /// The pool's connections: how many there are, are free, may be, and are waited for.
    #[must_use]
    pub fn connections(&self) -> deadpool_postgres::Status {
        self.pool.status()
    }

    /// Makes the instance; idempotent.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn create(&self, key: &InstanceKey) -> Result<()> {
        self.call("SELECT edgebase.create_instance(", key).await.map(drop)
    }

    /// Drops the instance and answers its receipt; `None` when there is no such instance.
    ///
    /// # Errors
    /// When the database refuses, or running requests do not end in time.
    pub async fn drop(&self, key: &InstanceKey) -> Result<Option<Value>> {
        let _turn = self.turns.take(key).await?;
        let client = self.connection().await?;
        let sql = key_call("SELECT edgebase.drop_instance(", key);
        let result = client.query_typed(sql.text(), &sql.params()).await;
        self.locations.invalidate(key);
        match result {
            Ok(rows) => rows.first().map(|row| row.try_get(0)).transpose().map_err(Error::internal),
            Err(e) if sqlstate::signal(&e) == Some(Signal::Absent) => Ok(None),
            Err(e) => Err(sqlstate::to_error(&e, None)),
        }
    }

    /// Whether the instance exists now.
    ///
    /// # Errors
    /// When the database cannot say.
    pub async fn exists(&self, key: &InstanceKey) -> Result<bool> {
        Ok(self.locate(key).await?.is_some())
    }

    /// A trivial statement, to see that the database answers.
    ///
    /// # Errors
    /// When it does not.
    pub async fn ping(&self) -> Result<()> {
        let client = self.connection().await?;
        client.batch_execute("SELECT 1").await.map_err(|e| sqlstate::to_error(&e, None))
    }

    /// Rows of a statement that concerns no instance, as the login role.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn plain(&self, sql: &Sql) -> Result<Vec<Row>> {
        let client = self.connection().await?;
        client
            .query_typed(sql.text(), &sql.params())
            .await
            .map_err(|e| sqlstate::to_error(&e, None))
    }

    async fn connection(&self) -> Result<Object> {
        self.pool.get().await.map_err(|e| match e {
            PoolError::Timeout(kind) => Error::unavailable(
                "The server is busy. Try again.",
                format!("no connection in time ({kind:?})"),
            ),
            PoolError::Backend(e) => Error::unavailable(
                "The database is not reachable. Try again.",
                sqlstate::describe(&e),
            ),
            other => Error::unavailable("The database is not reachable. Try again.", other),
        })
    }

    async fn call(&self, function: &str, key: &InstanceKey) -> Result<Vec<Row>> {
        self.plain(&key_call(function, key)).await
    }

    /// Brings the instance up to date. Whatever stops it is no fault of the request, so it is
    /// a 503 whose cause is in the log.
    async fn migrate(&self, key: &InstanceKey) -> Result<()> {
        let _turn = self.turns.take(key).await?;
        let sql = key_call("SELECT edgebase.migrate(", key);
        let client = self.connection().await?;
        client.query_typed(sql.text(), &sql.params()).await.map(drop).map_err(|e| {
            Error::unavailable(
                "This database could not be brought up to date with the config. Its data is unchanged; try again later.",
                format!("migration of '{key}' failed: {}", sqlstate::describe(&e)),
            )
        })
    }

    async fn locate(&self, key: &InstanceKey) -> Result<Option<Arc<str>>> {
        let rows = self.call("SELECT edgebase.locate(", key).await?;
        let schema: Option<String> = match rows.first() {
            Some(row) => row.try_get(0).map_err(Error::internal)?,
            None => None,
        };
        let schema = schema.map(Arc::<str>::from);
        if let Some(schema) = &schema {
            self.locations.insert(key.clone(), Arc::clone(schema));
        }
        Ok(schema)
    }

    async fn open(
        &self,
        key: &InstanceKey,
        table: &Table,
        build: Build<'_>,
        mode: Mode,
    ) -> Result<Outcome<(Transaction, Vec<Vec<Row>>)>> {
        let mut migrated = false;
        let mut relocated = false;
        loop {
            let cached = self.locations.get(key);
            let is_cached = cached.is_some();
            let schema = match cached {
                Some(schema) => schema,
                None => match self.locate(key).await? {
                    Some(schema) => schema,
                    None => return Ok(Outcome::Absent),
                },
            };
            let error = match self.attempt(key, &schema, build(&schema), mode).await? {
                Ok(done) => return Ok(Outcome::Done(done)),
                Err(error) => error,
            };
            match sqlstate::signal(&error) {
                Some(Signal::Absent) => {
                    self.locations.invalidate(key);
                    return Ok(Outcome::Absent);
                }
                Some(Signal::Behind) if !migrated => {
                    migrated = true;
                    self.migrate(key).await?;
                }
                Some(Signal::Moved) if is_cached && !relocated => {
                    relocated = true;
                    self.locations.invalidate(key);
                }
                _ => return Err(sqlstate::to_error(&error, Some(table))),
            }
        }
    }

    /// One try: everything is sent before anything is awaited.
    async fn attempt(
        &self,
        key: &InstanceKey,
        schema: &Arc<str>,
        statements: Vec<Sql>,
        mode: Mode,
    ) -> Result<std::result::Result<(Transaction, Vec<Vec<Row>>), tokio_postgres::Error>> {
        let turn = self.turns.take(key).await?;
        let client = self.connection().await?;
        let transaction =
            Transaction { client: Some(client), schema: Arc::clone(schema), _turn: Some(turn) };
        let client = transaction.client()?;
        let commit = matches!(mode, Mode::Commit | Mode::Read);
        let enter = key_call("SELECT edgebase.enter(", key);
        let enter_params = enter.params();
        let params: Vec<_> = statements.iter().map(|s| (s.text(), s.params())).collect();
        // The futures of a join are first polled in order, and the driver sends on that poll.
        let (begun, entered, ran, committed) = join4(
            client.batch_execute(mode.begin()),
            client.query_typed(enter.text(), &enter_params),
            join_all(params.iter().map(|(text, params)| client.query_typed(text, params))),
            async { if commit { client.batch_execute("COMMIT").await } else { Ok(()) } },
        )
        .await;
        let error = begun
            .err()
            .or(entered.err())
            .map_or_else(|| ran.into_iter().collect::<std::result::Result<Vec<_>, _>>(), Err)
            .and_then(|rows| committed.map(|()| rows));
        match error {
            Ok(rows) if commit => {
                transaction.release();
                Ok(Ok((
                    Transaction { client: None, schema: Arc::clone(schema), _turn: None },
                    rows,
                )))
            }
            Ok(rows) => Ok(Ok((transaction, rows))),
            Err(error) => {
                if commit && error.as_db_error().is_some() {
                    // COMMIT of an aborted transaction has rolled it back.
                    transaction.release();
                } else {
                    transaction.rollback().await;
                }
                Ok(Err(error))
            }
        }
    }
}

/// `SELECT edgebase.f(namespace, id)`.
fn key_call(function: &str, key: &InstanceKey) -> Sql {
    let mut sql = Sql::new(function);
    sql.bind(Bind::text(key.namespace()))
        .push(", ")
        .bind(Bind::Text(key.id().map(str::to_owned)))
        .push(")");
    sql
}
