//! Which connections serve an instance, and for how long does one live?
//!
//! A server process keeps what it has learnt of every tenant it ever served (11 to 20 kB each),
//! and a tenant it does not know yet costs it several times the work. So connections are grouped
//! into slots; an instance belongs to two of them, by hash, and uses the less busy (shuffle
//! sharding). That keeps the processes warm, bounds what each of them learns, and leaves most
//! slots untouched by an instance that takes all it can get. Inside a slot the connection used
//! last is used next, so a quiet server keeps few processes warm instead of many lukewarm.
//!
//! Instances that the proxy does not know yet have a slot to themselves: there it is asked whether
//! they exist, there they are made, and there the request that made them runs. Each creation
//! invalidates about 100 catalog entries in every process, and a process that is some 15 creations
//! behind drops its whole cache. A few processes that make all instances never fall so far behind;
//! thirty-two that take turns always do, which costs four times as much. Instances are dropped there
//! too, two at a time: a deletion may wait for requests of its instance and must not hold up
//! creations.

use super::address::Address;
use super::cancel::{CancelHandle, IfDropped, settle};
use super::connect::connect;
use super::failure::Failure;
use super::settings;
use super::source::Source;
use super::sqlstate;
use super::turns::Turn;
use super::wear::Wear;
use super::wire::Wire;
use super::{Reuse, WAIT};
use crate::error::{Error, Result};
use deadpool::managed::{
    Manager, Metrics, Object, Pool, PoolError, QueueMode, RecycleError, RecycleResult,
};
use deadpool::{Runtime, Status};
use edgebase_blocks::InstanceKey;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_postgres::config::TargetSessionAttrs;

/// Connections of a slot.
const SLOT: usize = 4;
/// Deletions at a time.
const LEAVERS: usize = 2;

/// Pools, each a slot.
pub struct Slots {
    pools: Vec<Pool<Maker>>,
    /// The slot of instances not known yet; none where there are few connections.
    newcomers: Option<Pool<Maker>>,
    leavers: Arc<Semaphore>,
}

impl Slots {
    /// Slots for that many connections; connects on first use.
    pub fn new(source: &Arc<Source>, connections: usize, reuse: Reuse) -> anyhow::Result<Self> {
        let newcomers = if connections >= 4 * SLOT { SLOT } else { 0 };
        let connections = connections - newcomers;
        let slots = (connections / SLOT).max(1);
        // Making one is bounded for each of the address's servers.
        let pool = |size: usize| {
            Pool::builder(Maker { source: Arc::clone(source), reuse })
                .max_size(size)
                .queue_mode(QueueMode::Lifo)
                .wait_timeout(Some(WAIT))
                .recycle_timeout(Some(WAIT))
                .runtime(Runtime::Tokio1)
                .build()
        };
        // What does not divide evenly goes to the first ones.
        let size = |n: usize| connections / slots + usize::from(n < connections % slots);
        Ok(Self {
            pools: (0..slots).map(|n| pool(size(n))).collect::<Result<_, _>>()?,
            newcomers: (newcomers > 0).then(|| pool(newcomers)).transpose()?,
            leavers: Arc::new(Semaphore::new(LEAVERS)),
        })
    }

    /// How many connections an instance can reach.
    pub fn reach(&self) -> usize {
        self.pools.iter().take(2).map(|p| p.status().max_size).sum()
    }

    /// A connection for the instance.
    ///
    /// # Errors
    /// 503 when none is free in time, or the database cannot be reached.
    pub async fn take(&self, key: &InstanceKey) -> Result<Lease> {
        let hash = hash(key);
        Self::lease(self.pool(hash), hash).await
    }

    /// A connection for an instance that is not known yet, or was made a moment ago. Nothing that
    /// may wait long is done with one, so that no instance keeps others from being made.
    ///
    /// # Errors
    /// As for `take`.
    pub async fn take_for_newcomer(&self, key: &InstanceKey) -> Result<Lease> {
        let hash = hash(key);
        Self::lease(self.newcomers.as_ref().or_else(|| self.pool(hash)), hash).await
    }

    /// A connection for an instance that is to be dropped, when few others are.
    ///
    /// # Errors
    /// As for `take`.
    pub async fn take_for_leaver(&self, key: &InstanceKey) -> Result<Lease> {
        let permit = Arc::clone(&self.leavers).acquire_owned();
        let permit = match tokio::time::timeout(WAIT, permit).await {
            Ok(permit) => permit.map_err(Error::internal)?,
            Err(_) => {
                return Err(Error::unavailable(
                    "Other databases are being deleted. Try again.",
                    format!("no turn to delete '{key}' in time"),
                ));
            }
        };
        let mut lease = self.take_for_newcomer(key).await?;
        lease.leaver = Some(permit);
        Ok(lease)
    }

    async fn lease(pool: Option<&Pool<Maker>>, hash: u64) -> Result<Lease> {
        let pool = pool.ok_or_else(|| Error::internal("there are no connections"))?;
        let mut lease = Self::get(pool).await?;
        if let Some(object) = &mut lease.object {
            object.wear.count(hash);
        }
        Ok(lease)
    }

    /// What the slots have together.
    pub fn status(&self) -> Status {
        let none = Status { max_size: 0, size: 0, available: 0, waiting: 0 };
        self.pools.iter().chain(&self.newcomers).map(Pool::status).fold(none, |sum, slot| Status {
            max_size: sum.max_size + slot.max_size,
            size: sum.size + slot.size,
            available: sum.available + slot.available,
            waiting: sum.waiting + slot.waiting,
        })
    }

    /// Whether an instance that is not known yet would get a connection without waiting.
    pub fn is_free_for_newcomer(&self, key: &InstanceKey) -> bool {
        let pool = self.newcomers.as_ref().or_else(|| self.pool(hash(key)));
        pool.is_some_and(|pool| load(pool) < pool.status().max_size)
    }

    /// The less busy of the two slots of a hash.
    fn pool(&self, hash: u64) -> Option<&Pool<Maker>> {
        let (first, second) = pair(hash, self.pools.len());
        let (a, b) = (self.pools.get(first)?, self.pools.get(second)?);
        Some(if load(b) < load(a) { b } else { a })
    }

    /// A connection for what concerns no instance.
    ///
    /// # Errors
    /// As for `take`.
    pub async fn any(&self) -> Result<Lease> {
        match self.pools.iter().min_by_key(|p| load(p)) {
            Some(pool) => Self::get(pool).await,
            None => Err(Error::internal("there are no connections")),
        }
    }

    async fn get(pool: &Pool<Maker>) -> Result<Lease> {
        pool.get().await.map(Lease::new).map_err(|e| match e {
            PoolError::Timeout(kind) => Error::unavailable(
                "The server is busy. Try again.",
                format!("no connection in time ({kind:?})"),
            ),
            PoolError::Backend(failure) => match sqlstate::to_error(&failure, None) {
                known @ Error::Unavailable { .. } => known,
                _ => Error::unavailable("The database is not reachable. Try again.", failure),
            },
            other => Error::unavailable("The database is not reachable. Try again.", other),
        })
    }
}

fn hash(key: &InstanceKey) -> u64 {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    hasher.finish()
}

/// The two slots of a hash among `slots`; the same one twice when there is only one.
fn pair(hash: u64, slots: usize) -> (usize, usize) {
    let slots = slots as u64;
    let first = hash % slots;
    let step = if slots > 1 { 1 + (hash >> 32) % (slots - 1) } else { 0 };
    (first as usize, ((first + step) % slots) as usize)
}

/// Connections in use, and requests waiting for one.
fn load(pool: &Pool<Maker>) -> usize {
    let status = pool.status();
    status.size - status.available + status.waiting
}

/// A connection taken from its slot. Dropped in no transaction and not worn, it goes back. Dropped
/// in the middle of something, it keeps its place in the slot, and the turn that it was taken
/// under, until the backend is idle again.
#[derive(Debug)]
pub struct Lease {
    object: Option<Object<Maker>>,
    if_dropped: IfDropped,
    turn: Option<Turn>,
    leaver: Option<OwnedSemaphorePermit>,
}

impl Lease {
    fn new(object: Object<Maker>) -> Self {
        Self { object: Some(object), if_dropped: IfDropped::Cancel, turn: None, leaver: None }
    }

    /// The same, holding on to the turn.
    pub fn under<'a>(mut self, turn: impl Into<Option<&'a Turn>>) -> Self {
        self.turn = turn.into().cloned();
        self
    }

    /// The same for work that others wait for too: it is not cancelled with its request.
    pub fn finishing(mut self) -> Self {
        self.if_dropped = IfDropped::Finish;
        self
    }

    fn object(&self) -> &Object<Maker> {
        // Only `drop` takes it.
        self.object.as_ref().expect("a lease holds its connection")
    }
}

impl Deref for Lease {
    type Target = Wire;

    fn deref(&self) -> &Wire {
        &self.object().wire
    }
}

impl DerefMut for Lease {
    fn deref_mut(&mut self) -> &mut Wire {
        &mut self.object.as_mut().expect("a lease holds its connection").wire
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let Some(mut object) = self.object.take() else { return };
        if object.wire.is_idle() && !object.wear.is_over() {
            return;
        }
        if !object.wire.is_given_up() && !object.wire.is_open() {
            drop(Object::take(object));
            return;
        }
        let (if_dropped, turn, leaver) = (self.if_dropped, self.turn.take(), self.leaver.take());
        let address = Arc::clone(&object.address);
        object.runtime.clone().spawn(async move {
            let connection = &mut *object;
            let settled = settle(&mut connection.wire, &connection.cancel, &address, if_dropped);
            if let Err(failure) = settled.await {
                tracing::warn!(detail = %failure, "a connection was closed: its statement did not end");
            }
            if object.wire.is_idle() && !object.wear.is_over() {
                drop(object);
            } else {
                drop(Object::take(object));
            }
            drop((turn, leaver));
        });
    }
}

/// A connection and what it has been through.
#[derive(Debug)]
pub struct Connection {
    wire: Wire,
    address: Arc<Address>,
    cancel: CancelHandle,
    /// Where its socket is waited on.
    runtime: Handle,
    wear: Wear,
}

/// What makes connections.
#[derive(Debug)]
pub struct Maker {
    source: Arc<Source>,
    reuse: Reuse,
}

impl Manager for Maker {
    type Type = Connection;
    type Error = Failure;

    async fn create(&self) -> Result<Connection, Failure> {
        let mut address = self.source.current();
        let (mut wire, cancel) = match connect(&address).await {
            Ok(connected) => connected,
            // The password or the certificates may be those of before.
            Err(failure) => match self.source.reload_if_changed().await {
                None => return Err(failure),
                Some(changed) => {
                    address = changed;
                    connect(&address).await?
                }
            },
        };
        settings::pin(&mut wire).await?;
        Ok(Connection { wire, address, cancel, runtime: Handle::current(), wear: Wear::new() })
    }

    async fn recycle(&self, connection: &mut Connection, _: &Metrics) -> RecycleResult<Failure> {
        let wire = &mut connection.wire;
        if !wire.is_idle() || wire.is_stale() {
            return Err(RecycleError::message("the server has closed the connection"));
        }
        if !Arc::ptr_eq(&connection.address, &self.source.current()) {
            return Err(RecycleError::message("the address has changed"));
        }
        let attributes = connection.address.config.get_target_session_attrs();
        if wire.is_read_only() && attributes == TargetSessionAttrs::ReadWrite {
            return Err(RecycleError::message("the server has become read-only"));
        }
        match self.reuse {
            Reuse::AsIs => Ok(()),
            Reuse::Reset => {
                wire.discard_all().await.map_err(RecycleError::Backend)?;
                settings::pin(wire).await.map_err(RecycleError::Backend)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn the_two_slots_of_an_instance_differ_and_every_slot_is_used() {
        let mut used = HashSet::new();
        for n in 0_u64..1000 {
            let (a, b) = pair(n.wrapping_mul(0x9E37_79B9_7F4A_7C15), 8);
            assert!(a != b && a < 8 && b < 8);
            used.extend([a, b]);
        }
        assert_eq!(used.len(), 8);
        assert_eq!(pair(12345, 1), (0, 0));
    }
}
