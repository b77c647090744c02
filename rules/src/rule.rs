//! What has a rule done so far?
//!
//! Counters for the metrics endpoint.

use crate::api::{Cause, RuleMetrics};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// How an evaluation ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Allowed,
    Denied,
    /// By a throw or a limit of the rule's own.
    Failed,
    /// Not at all; one of [`Cause::INCOMPLETE`].
    Incomplete(usize),
}

impl From<Option<&Cause>> for End {
    fn from(cause: Option<&Cause>) -> Self {
        match (cause, cause.and_then(Cause::incomplete)) {
            (None, _) => Self::Allowed,
            (Some(Cause::Falsy), _) => Self::Denied,
            (Some(_), None) => Self::Failed,
            (Some(_), Some(which)) => Self::Incomplete(which),
        }
    }
}

/// One rule's record.
#[derive(Default)]
pub(crate) struct Record {
    evaluations: AtomicU64,
    fast: AtomicU64,
    denials: AtomicU64,
    errors: AtomicU64,
    nanos: AtomicU64,
    incomplete: [AtomicU64; Cause::INCOMPLETE.len()],
    remarked: AtomicBool,
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
        if matches!(end, End::Failed | End::Incomplete(_)) {
            self.errors.fetch_add(1, Ordering::Relaxed);
        }
        if let End::Incomplete(which) = end
            && let Some(counter) = self.incomplete.get(which)
        {
            counter.fetch_add(1, Ordering::Relaxed);
        }
        self.nanos.fetch_add(time.as_nanos() as u64, Ordering::Relaxed);
    }

    /// Whether something said once about the rule is said now for the first time.
    pub fn first_remark(&self) -> bool {
        !self.remarked.swap(true, Ordering::Relaxed)
    }

    pub fn snapshot(&self, path: &str, fast: bool) -> RuleMetrics {
        RuleMetrics {
            path: path.to_owned(),
            fast,
            evaluations: self.evaluations.load(Ordering::Relaxed),
            fast_evaluations: self.fast.load(Ordering::Relaxed),
            denials: self.denials.load(Ordering::Relaxed),
            errors: self.errors.load(Ordering::Relaxed),
            incomplete: std::array::from_fn(|n| self.incomplete[n].load(Ordering::Relaxed)),
            time: Duration::from_nanos(self.nanos.load(Ordering::Relaxed)),
        }
    }
}
