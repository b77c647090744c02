//! What has a rule done so far, and may it go on?
//!
//! Counters for the metrics endpoint, and a circuit breaker: a rule that cost the engine
//! several threads within a minute is denied unevaluated for a minute, so that requests cannot
//! spend threads.

use crate::api::RuleMetrics;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// So many lost threads within [`WINDOW`] trip the breaker.
const STALLS: usize = 3;
const WINDOW: Duration = Duration::from_secs(60);
/// After the first trip every further lost thread trips it again, for twice as long up to this,
/// so that one bad rule cannot use up the threads that may be lost in all.
const LONGEST: Duration = Duration::from_secs(3600);

/// How an evaluation ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Allowed,
    Denied,
    Failed,
}

/// One rule's record.
#[derive(Default)]
pub(crate) struct Record {
    evaluations: AtomicU64,
    fast: AtomicU64,
    denials: AtomicU64,
    errors: AtomicU64,
    nanos: AtomicU64,
    remarked: AtomicBool,
    breaker: Mutex<Breaker>,
    /// Whether `breaker` has anything to say, to be read without its lock.
    stalled: AtomicU64,
}

#[derive(Default)]
struct Breaker {
    stalls: Vec<Instant>,
    until: Option<Instant>,
    last: Option<Duration>,
}

impl Record {
    /// Counts `looked_at` evaluations that ended so.
    pub fn count(&self, looked_at: u64, end: End, fast: bool, time: Duration) {
        self.evaluations.fetch_add(looked_at, Ordering::Relaxed);
        if fast {
            self.fast.fetch_add(looked_at, Ordering::Relaxed);
        }
        if end != End::Allowed {
            self.denials.fetch_add(1, Ordering::Relaxed);
        }
        if end == End::Failed {
            self.errors.fetch_add(1, Ordering::Relaxed);
        }
        self.nanos.fetch_add(time.as_nanos() as u64, Ordering::Relaxed);
    }

    /// Whether something said once about the rule is said now for the first time.
    pub fn first_remark(&self) -> bool {
        !self.remarked.swap(true, Ordering::Relaxed)
    }

    /// Whether the rule is suspended now.
    pub fn is_tripped(&self) -> bool {
        if self.stalled.load(Ordering::Relaxed) == 0 {
            return false;
        }
        let breaker = self.breaker.lock().unwrap_or_else(PoisonError::into_inner);
        breaker.until.is_some_and(|until| Instant::now() < until)
    }

    /// Notes that the rule cost a thread; true when that trips the breaker.
    pub fn stall(&self) -> bool {
        let now = Instant::now();
        let mut breaker = self.breaker.lock().unwrap_or_else(PoisonError::into_inner);
        breaker.stalls.retain(|at| now.duration_since(*at) < WINDOW);
        breaker.stalls.push(now);
        self.stalled.fetch_add(1, Ordering::Relaxed);
        let suspended = match breaker.last {
            Some(last) => (last * 2).min(LONGEST),
            None if breaker.stalls.len() >= STALLS => WINDOW,
            None => return false,
        };
        breaker.last = Some(suspended);
        breaker.until = Some(now + suspended);
        true
    }

    pub fn snapshot(&self, path: &str, fast: bool) -> RuleMetrics {
        RuleMetrics {
            path: path.to_owned(),
            fast,
            evaluations: self.evaluations.load(Ordering::Relaxed),
            fast_evaluations: self.fast.load(Ordering::Relaxed),
            denials: self.denials.load(Ordering::Relaxed),
            errors: self.errors.load(Ordering::Relaxed),
            time: Duration::from_nanos(self.nanos.load(Ordering::Relaxed)),
        }
    }
}
