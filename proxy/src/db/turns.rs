//! How many requests of one instance may hold a connection at a time?
//!
//! A share of the pool, so that an instance whose requests all wait (for a lock, a deletion, a
//! slow query) can never take every connection from the others. Requests beyond the share queue
//! without a connection and give up after a bounded wait.

use crate::error::{Error, Result};
use edgebase_blocks::InstanceKey;
use moka::sync::Cache;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How long a request queues.
const WAIT: Duration = Duration::from_secs(5);
/// An instance nobody has asked for this long is forgotten.
const IDLE: Duration = Duration::from_secs(120);

/// The right to hold one connection; given back when dropped.
pub type Turn = OwnedSemaphorePermit;

/// The shares of all instances in use.
pub struct Turns {
    share: usize,
    instances: Cache<InstanceKey, Arc<Semaphore>>,
}

impl Turns {
    /// Shares for a pool of that many connections: half of it each, at least one.
    pub fn new(connections: usize) -> Self {
        let instances = Cache::builder().time_to_idle(IDLE).build();
        Self { share: (connections / 2).max(1), instances }
    }

    /// Waits for a turn.
    ///
    /// # Errors
    /// 503 when none comes in time.
    pub async fn take(&self, key: &InstanceKey) -> Result<Turn> {
        let share = self.share;
        let semaphore = match self.instances.get(key) {
            Some(semaphore) => semaphore,
            None => self.instances.get_with_by_ref(key, || Arc::new(Semaphore::new(share))),
        };
        match tokio::time::timeout(WAIT, semaphore.acquire_owned()).await {
            Ok(Ok(turn)) => Ok(turn),
            _ => Err(Error::unavailable(
                "This database is busy. Try again.",
                format!("no turn for '{key}' in time"),
            )),
        }
    }
}
