//! What stands between the proxy and one database?
//!
//! A [`Database`] is its connections, and what is remembered of its instances. What is remembered
//! saves a question and decides nothing: the database checks every request and says so when an
//! instance has moved, has gone or is behind. Tenants' data is reached through `request` alone;
//! `lifecycle` makes and drops instances; what concerns no instance runs as the login role, which
//! may read nothing of them.

pub mod address;
mod bound;
mod call;
mod cancel;
pub mod connect;
pub mod failure;
mod gather;
mod hosts;
mod lifecycle;
mod outage;
pub mod pool_set;
mod prepared;
mod probe;
mod request;
pub mod row;
mod secure;
mod settings;
mod slots;
pub mod source;
pub mod sql_token;
pub mod sqlstate;
pub mod statement;
mod tables;
mod traced;
mod transaction;
mod turns;
mod wear;
pub mod wire;

use crate::error::Result;
pub use bound::{Bound, PAGE};
use call::one;
use deadpool::Status;
use edgebase_blocks::InstanceKey;
use gather::Gathering;
use moka::sync::Cache;
pub use request::{Build, Mode, Outcome};
pub use row::Row;
use slots::Slots;
use source::Source;
use statement::Sql;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
pub use transaction::Transaction;
use turns::Turns;

/// How long a request waits for a free connection.
const WAIT: Duration = Duration::from_secs(5);
/// Instances remembered; each is some 500 bytes.
const REMEMBERED: u64 = 100_000;

/// What happens to a connection before it is used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reuse {
    /// Nothing: the statements are the proxy's own, settings are transaction-local and the
    /// switch ends with the transaction. In any other state a connection is closed.
    AsIs,
    /// `DISCARD ALL`: somebody else's statements ran on it.
    Reset,
}

/// The connections to one database, and what is remembered of its instances.
pub struct Database {
    source: Arc<Source>,
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
    gets: Arc<Gathering>,
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
    /// Connections to an address, made on first use.
    ///
    /// # Errors
    /// When there are to be none.
    pub fn new(source: &Arc<Source>, connections: usize, reuse: Reuse) -> anyhow::Result<Self> {
        let slots = Slots::new(source, connections, reuse)?;
        let reach = slots.reach();
        let instances = Cache::new(REMEMBERED);
        Ok(Self { source: Arc::clone(source), slots, reach, instances })
    }

    /// Fails for a database that cannot be served from.
    ///
    /// # Errors
    /// Says what to do about it.
    pub async fn probe(&self) -> anyhow::Result<()> {
        probe::check(&self.source.current()).await
    }

    /// The connections of all slots: how many there are, are free, may be, and are waited for.
    #[must_use]
    pub fn connections(&self) -> Status {
        self.slots.status()
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
                    gets: Arc::default(),
                })
            })
        })
    }
}
