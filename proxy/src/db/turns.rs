//! How many requests of one instance may hold a connection at a time?
//!
//! A share, so that an instance whose requests all wait (for a lock, a deletion) can never take
//! every connection from the others. Requests beyond the share queue without a connection, in
//! order, and give up after a bounded wait; beyond a bounded queue they are refused at once.
//!
//! An instance whose requests take long takes the server's processors from everybody, whatever
//! connections it leaves: its turns count for more, so that they keep half of the processors busy
//! at most. Those of the database are not known here; they are taken to be as many as the proxy's.

use crate::error::{Error, Result};
use edgebase_blocks::InstanceKey;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How long a request queues.
const WAIT: Duration = Duration::from_secs(5);
/// How many requests of an instance queue.
const QUEUE: usize = 1_000;
/// Requests that hold a connection longer than this, on average, are slow.
const SLOW: Duration = Duration::from_millis(25);
/// Slow requests of one instance that run at a time, at most.
static SLOW_SHARE: LazyLock<u32> = LazyLock::new(|| {
    let processors = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    u32::try_from(processors / 2).unwrap_or(u32::MAX).max(1)
});

/// The turns of one instance.
#[derive(Debug)]
pub struct Turns {
    share: u32,
    free: Arc<Semaphore>,
    queued: AtomicUsize,
    /// Moving average of how long a turn was held, in microseconds.
    pace: AtomicU64,
}

/// The right to hold one connection; given back when dropped.
#[derive(Debug)]
pub struct Turn {
    turns: Arc<Turns>,
    since: Instant,
    _permit: OwnedSemaphorePermit,
}

impl Turns {
    /// The share of an instance that can reach that many connections: one is always left.
    pub fn new(reach: usize) -> Self {
        let share = u32::try_from(reach.saturating_sub(1).max(1)).unwrap_or(u32::MAX);
        Self {
            share,
            free: Arc::new(Semaphore::new(share as usize)),
            queued: AtomicUsize::new(0),
            pace: AtomicU64::new(0),
        }
    }

    /// Waits for a turn.
    ///
    /// # Errors
    /// 503 when none comes in time, or too many wait already.
    pub async fn take(self: &Arc<Self>, key: &InstanceKey) -> Result<Turn> {
        let turn =
            |permit| Turn { turns: Arc::clone(self), since: Instant::now(), _permit: permit };
        let weight = self.weight();
        if let Ok(permit) = Arc::clone(&self.free).try_acquire_many_owned(weight) {
            return Ok(turn(permit));
        }
        let busy = |detail| Error::unavailable("This database is busy. Try again.", detail);
        let queued = Queued::join(&self.queued);
        if queued.is_full() {
            return Err(busy(format!("{QUEUE} requests wait for '{key}' already")));
        }
        let wait = Arc::clone(&self.free).acquire_many_owned(weight);
        match tokio::time::timeout(WAIT, wait).await {
            Ok(Ok(permit)) => Ok(turn(permit)),
            _ => Err(busy(format!("no turn for '{key}' in time"))),
        }
    }

    /// What a turn counts for now.
    fn weight(&self) -> u32 {
        if u128::from(self.pace.load(Ordering::Relaxed)) < SLOW.as_micros() {
            1
        } else {
            (self.share / *SLOW_SHARE).max(1)
        }
    }

    /// Of two turns that end at once one may be lost to the average, which does not matter.
    fn record(&self, held: Duration) {
        let held = u64::try_from(held.as_micros()).unwrap_or(u64::MAX / 8);
        let pace = self.pace.load(Ordering::Relaxed);
        self.pace.store(pace - pace / 8 + held / 8, Ordering::Relaxed);
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.turns.record(self.since.elapsed());
    }
}

/// A place in the queue; given up when dropped.
struct Queued<'a> {
    queue: &'a AtomicUsize,
    before: usize,
}

impl<'a> Queued<'a> {
    fn join(queue: &'a AtomicUsize) -> Self {
        Self { queue, before: queue.fetch_add(1, Ordering::Relaxed) }
    }

    fn is_full(&self) -> bool {
        self.before >= QUEUE
    }
}

impl Drop for Queued<'_> {
    fn drop(&mut self) {
        self.queue.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt as _;

    fn key() -> InstanceKey {
        InstanceKey::new("user", Some("a")).unwrap()
    }

    #[tokio::test]
    async fn a_turn_is_left_and_comes_back() {
        let turns = Arc::new(Turns::new(4));
        let mut held = Vec::new();
        for _ in 0..3 {
            held.push(turns.take(&key()).now_or_never().unwrap().unwrap());
        }
        assert!(turns.take(&key()).now_or_never().is_none());
        held.pop();
        assert!(turns.take(&key()).now_or_never().is_some());
        assert_eq!(turns.queued.load(Ordering::Relaxed), 0);
    }

    #[tokio::test]
    async fn slow_requests_keep_half_of_the_processors_at_most() {
        let turns = Arc::new(Turns::new(1_000));
        for _ in 0..40 {
            turns.record(SLOW * 2);
        }
        let mut held = Vec::new();
        for _ in 0..*SLOW_SHARE {
            held.push(turns.take(&key()).now_or_never().unwrap().unwrap());
        }
        assert!(turns.take(&key()).now_or_never().is_none());
        drop(held);
        for _ in 0..40 {
            turns.record(Duration::ZERO);
        }
        assert_eq!(turns.weight(), 1);
    }

    #[tokio::test]
    async fn a_full_queue_refuses_at_once() {
        let turns = Arc::new(Turns::new(1));
        let _held = turns.take(&key()).await.unwrap();
        turns.queued.store(QUEUE, Ordering::Relaxed);
        assert!(turns.take(&key()).now_or_never().unwrap().is_err());
    }
}
