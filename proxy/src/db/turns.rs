//! How many requests of one instance may hold a connection at a time?
//!
//! A share, so that an instance whose requests all wait (for a lock, a deletion) can never take
//! every connection from the others. Requests beyond the share queue without a connection, in
//! order, and give up after a bounded wait; beyond a bounded queue they are refused at once.
//!
//! An instance with slow requests takes processors from the others, however few connections it has. So
//! the share of a slow instance shrinks to half as many requests as there are processors. The database
//! is taken to have as many processors as the proxy.
//!
//! The service time of a request is the time that it held its connection, divided by the instance's
//! concurrency meanwhile, so that contention among an instance's own requests does not count as
//! slowness. Writes have an average of their own: they wait for the disk, which several share.

use crate::error::{Error, Result};
use edgebase_blocks::InstanceKey;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How long a request queues.
pub const WAIT: Duration = Duration::from_secs(5);
/// How many requests of an instance queue.
pub const QUEUE: usize = 1_000;
/// Reads that take longer than this, on average, are slow.
const SLOW_READ: Duration = Duration::from_millis(5);
/// Writes that do.
const SLOW_WRITE: Duration = Duration::from_millis(25);
/// Half of the processors, or one: what slow requests of one instance keep busy at most, and gets.
pub static HALF: LazyLock<u32> = LazyLock::new(|| {
    let processors = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    u32::try_from(processors / 2).unwrap_or(u32::MAX).max(1)
});

/// The answer when an instance is asked for more than it can do.
pub fn busy(detail: String) -> Error {
    Error::unavailable("This database is busy. Try again.", detail)
}

/// What a turn is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// One round trip that writes nothing.
    Read,
    /// Anything else that a client asks for.
    Write,
    /// Making, changing or deleting the instance: one at a time, and apart from its requests. It
    /// waits for locks more than it works, and a deletion that a backup holds up must not hold up
    /// the requests.
    Change,
}

impl Work {
    /// How many of the requests that share the processors it is.
    fn runs(self) -> usize {
        usize::from(self != Self::Change)
    }
}

/// The turns of one instance.
#[derive(Debug)]
pub struct Turns {
    share: u32,
    free: Arc<Semaphore>,
    changes: Arc<Semaphore>,
    queued: AtomicUsize,
    running: AtomicUsize,
    /// Moving averages of what a read and a write took, in microseconds.
    paces: [AtomicU64; 2],
}

/// The right to hold one connection; given back when its last copy is dropped.
#[derive(Clone, Debug)]
pub struct Turn {
    _taken: Arc<Taken>,
}

#[derive(Debug)]
struct Taken {
    turns: Arc<Turns>,
    work: Work,
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
            changes: Arc::new(Semaphore::new(1)),
            queued: AtomicUsize::new(0),
            running: AtomicUsize::new(0),
            paces: [AtomicU64::new(0), AtomicU64::new(0)],
        }
    }

    /// Waits for a turn.
    ///
    /// # Errors
    /// 503 when none comes in time, or too many wait already.
    pub async fn take(self: &Arc<Self>, key: &InstanceKey, work: Work) -> Result<Turn> {
        let turn = |permit| {
            self.running.fetch_add(work.runs(), Ordering::Relaxed);
            let taken =
                Taken { turns: Arc::clone(self), work, since: Instant::now(), _permit: permit };
            Turn { _taken: Arc::new(taken) }
        };
        let weight = self.weight(work);
        let free = if work == Work::Change { &self.changes } else { &self.free };
        if let Ok(permit) = Arc::clone(free).try_acquire_many_owned(weight) {
            return Ok(turn(permit));
        }
        let queued = Queued::join(&self.queued);
        if queued.is_full() {
            return Err(busy(format!("{QUEUE} requests wait for '{key}' already")));
        }
        let wait = Arc::clone(free).acquire_many_owned(weight);
        match tokio::time::timeout(WAIT, wait).await {
            Ok(Ok(permit)) => Ok(turn(permit)),
            _ => Err(busy(format!("no turn for '{key}' in time"))),
        }
    }

    /// What a turn counts for now.
    fn weight(&self, work: Work) -> u32 {
        let is_slow = self.pace(work).is_some_and(|(pace, slow)| {
            u128::from(pace.load(Ordering::Relaxed)) >= slow.as_micros()
        });
        if is_slow { (self.share / *HALF).max(1) } else { 1 }
    }

    fn pace(&self, work: Work) -> Option<(&AtomicU64, Duration)> {
        match work {
            Work::Read => Some((&self.paces[0], SLOW_READ)),
            Work::Write => Some((&self.paces[1], SLOW_WRITE)),
            Work::Change => None,
        }
    }

    /// Of two turns that end at once one may be lost to the average, which does not matter.
    fn record(&self, work: Work, held: Duration, running: usize) {
        let Some((pace, _)) = self.pace(work) else { return };
        let took = held.as_micros() / running.max(1) as u128;
        let took = u64::try_from(took).unwrap_or(u64::MAX / 8);
        let before = pace.load(Ordering::Relaxed);
        pace.store(before - before / 8 + took / 8, Ordering::Relaxed);
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        let running = self.turns.running.fetch_sub(self.work.runs(), Ordering::Relaxed);
        self.turns.record(self.work, self.since.elapsed(), running);
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
            held.push(turns.take(&key(), Work::Write).now_or_never().unwrap().unwrap());
        }
        assert!(turns.take(&key(), Work::Read).now_or_never().is_none());
        held.pop();
        assert!(turns.take(&key(), Work::Read).now_or_never().is_some());
        assert_eq!(turns.queued.load(Ordering::Relaxed), 0);
        assert_eq!(turns.running.load(Ordering::Relaxed), 2);
    }

    #[tokio::test]
    async fn slow_reads_keep_half_of_the_processors_at_most_and_writes_are_not_held_to_it() {
        let turns = Arc::new(Turns::new(1_000));
        for _ in 0..40 {
            turns.record(Work::Read, SLOW_READ * 2, 1);
            turns.record(Work::Write, SLOW_READ * 2, 1);
        }
        let mut held = Vec::new();
        for _ in 0..*HALF {
            held.push(turns.take(&key(), Work::Read).now_or_never().unwrap().unwrap());
        }
        assert!(turns.take(&key(), Work::Read).now_or_never().is_none());
        assert_eq!(turns.weight(Work::Write), 1);
        drop(held);
        for _ in 0..40 {
            turns.record(Work::Read, Duration::ZERO, 1);
        }
        assert_eq!(turns.weight(Work::Read), 1);
    }

    #[tokio::test]
    async fn a_change_that_waits_holds_up_no_request_however_slow() {
        let turns = Arc::new(Turns::new(8));
        for _ in 0..40 {
            turns.record(Work::Change, Duration::from_secs(10), 1);
        }
        assert_eq!(turns.weight(Work::Write), 1);
        for _ in 0..40 {
            turns.record(Work::Read, SLOW_READ * 2, 1);
        }
        let change = turns.take(&key(), Work::Change).await.unwrap();
        assert!(turns.take(&key(), Work::Change).now_or_never().is_none());
        assert_eq!(turns.running.load(Ordering::Relaxed), 0);
        // One that counts for as much as there may be.
        assert!(turns.take(&key(), Work::Read).now_or_never().is_some());
        drop(change);
        assert!(turns.take(&key(), Work::Change).now_or_never().is_some());
    }

    #[test]
    fn reads_that_slow_each_other_down_are_as_slow_as_alone() {
        let turns = Turns::new(8);
        for _ in 0..40 {
            turns.record(Work::Read, SLOW_READ * 3, 7);
        }
        assert_eq!(turns.weight(Work::Read), 1);
        for _ in 0..40 {
            turns.record(Work::Read, SLOW_READ * 14, 7);
        }
        assert!(turns.weight(Work::Read) > 1);
    }

    #[tokio::test]
    async fn a_full_queue_refuses_at_once() {
        let turns = Arc::new(Turns::new(1));
        let _held = turns.take(&key(), Work::Read).await.unwrap();
        turns.queued.store(QUEUE, Ordering::Relaxed);
        assert!(turns.take(&key(), Work::Read).now_or_never().unwrap().is_err());
    }
}
