//! Who may not be evaluated for a while, and what?
//!
//! A circuit breaker for evaluations that cost the engine threads. It is kept by function and
//! caller, that is, by principal and instance: whoever made a function stall repeatedly is
//! refused it there for a while, and nobody else is. Whoever does so in several instances, or
//! with several functions, is refused everything that takes a thread. A row on which a function
//! stalled, or used up its limits, is remembered beside: it is not evaluated again for that
//! caller, nor for anybody once a second caller has had the same, so a row that somebody planted
//! costs its readers no more than two threads in all.
//!
//! Invariant: what is remembered is bounded; what must be forgotten early is the oldest.

use crate::caller::{Caller, Principal, keyed_hash};
use crate::syntax::Mention;
use serde_json::Value;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// So many lost threads within [`WINDOW`] trip the breaker of a function and a caller, and so
/// many that of a principal.
const STALLS: usize = 2;
const STALLS_OF_PRINCIPAL: usize = 4;
const WINDOW: Duration = Duration::from_secs(60);
/// After the first trip every further lost thread trips it again, for twice as long up to this.
const LONGEST: Duration = Duration::from_secs(3600);
/// So many callers, and so many rows, are remembered.
const REMEMBERED: usize = 4_096;

/// See the module.
#[derive(Default)]
pub(crate) struct Stalls {
    /// Whether there is anything to remember, to be read without the lock.
    any: AtomicBool,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    /// Those with anything to remember, and whether they have cost a thread.
    functions: HashMap<u32, bool>,
    callers: HashMap<(u32, Caller), Breaker>,
    principals: HashMap<Principal, Breaker>,
    rows: HashMap<(u32, u64), Row>,
}

struct Breaker {
    stalls: Vec<Instant>,
    until: Option<Instant>,
    suspended: Option<Duration>,
    last: Instant,
}

struct Row {
    first: Caller,
    /// Whether another caller stalled on it, too.
    confirmed: bool,
    last: Instant,
    until: Instant,
}

impl Stalls {
    fn known(&self) -> Option<MutexGuard<'_, Known>> {
        self.any.load(Ordering::Acquire).then(|| self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the function has ever cost a thread.
    pub fn has_stalled(&self, function: u32) -> bool {
        self.known().is_some_and(|known| known.functions.get(&function) == Some(&true))
    }

    /// Whether a caller is refused the function now.
    pub fn is_suspended(&self, function: u32, caller: Caller) -> bool {
        let Some(known) = self.known() else { return false };
        let is_open = |breaker: Option<&Breaker>| {
            breaker.and_then(|b| b.until).is_some_and(|until| Instant::now() < until)
        };
        is_open(known.callers.get(&(function, caller)))
            || is_open(known.principals.get(&caller.principal))
    }

    /// Whether the function is known to stall on a row, whose hash is asked for only when needed.
    pub fn is_known_row(&self, function: u32, caller: Caller, row: impl FnOnce() -> u64) -> bool {
        if !self.known().is_some_and(|known| known.functions.contains_key(&function)) {
            return false;
        }
        let hash = row();
        let known = self.lock();
        known
            .rows
            .get(&(function, hash))
            .is_some_and(|row| (row.confirmed || row.first == caller) && Instant::now() < row.until)
    }

    /// Notes a row on which a function used up its limits.
    pub fn note_row(&self, function: u32, caller: Caller, hash: u64) {
        let mut known = self.lock();
        self.any.store(true, Ordering::Release);
        known.functions.entry(function).or_insert(false);
        known.note_row((function, hash), caller, Instant::now(), WINDOW);
    }

    /// Notes that a function cost a thread; true when the caller is suspended for it.
    pub fn note(&self, function: u32, caller: Caller, row: Option<u64>) -> bool {
        let now = Instant::now();
        let mut known = self.lock();
        self.any.store(true, Ordering::Release);
        known.functions.insert(function, true);
        if let Some(hash) = row {
            known.note_row((function, hash), caller, now, LONGEST);
        }
        let by_principal = trip(&mut known.principals, caller.principal, STALLS_OF_PRINCIPAL, now);
        trip(&mut known.callers, (function, caller), STALLS, now) || by_principal
    }
}

impl Known {
    fn note_row(&mut self, row: (u32, u64), caller: Caller, now: Instant, time: Duration) {
        make_room(&mut self.rows, |row| row.last);
        let new = || Row { first: caller, confirmed: false, last: now, until: now };
        let row = self.rows.entry(row).or_insert_with(new);
        row.confirmed |= row.first != caller;
        row.last = now;
        row.until = row.until.max(now + time);
    }
}

/// A row as far as a function can see it.
pub(crate) fn hash_of(row: &Value, mention: &Mention) -> u64 {
    match (row, mention) {
        (Value::Object(map), Mention::Fields(fields)) => {
            let seen: Vec<_> = fields.iter().map(|field| map.get(&**field)).collect();
            keyed_hash(&seen)
        }
        _ => keyed_hash(row),
    }
}

/// Counts a stall; true when it opens the breaker.
fn trip<K: Eq + Hash>(
    breakers: &mut HashMap<K, Breaker>,
    key: K,
    most: usize,
    now: Instant,
) -> bool {
    make_room(breakers, |breaker| breaker.last);
    let new = || Breaker { stalls: Vec::new(), until: None, suspended: None, last: now };
    let breaker = breakers.entry(key).or_insert_with(new);
    breaker.last = now;
    breaker.stalls.retain(|at| now.duration_since(*at) < WINDOW);
    breaker.stalls.push(now);
    let suspended = match breaker.suspended {
        Some(last) => (last * 2).min(LONGEST),
        None if breaker.stalls.len() >= most => WINDOW,
        None => return false,
    };
    breaker.suspended = Some(suspended);
    breaker.until = Some(now + suspended);
    true
}

/// Forgets the older half when there are too many.
fn make_room<K: Eq + Hash, V>(map: &mut HashMap<K, V>, last: impl Fn(&V) -> Instant) {
    if map.len() < REMEMBERED {
        return;
    }
    let mut times: Vec<Instant> = map.values().map(&last).collect();
    times.sort_unstable();
    let middle = times[times.len() / 2];
    map.retain(|_, value| last(value) > middle);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_stalls_a_function_is_suspended_alone() {
        let stalls = Stalls::default();
        let (bad, good) = (Caller::of(&"bad", &"i"), Caller::of(&"good", &"i"));
        assert!(!stalls.is_suspended(1, bad));
        assert!(!stalls.note(1, bad, None));
        assert!(stalls.note(1, bad, None));
        assert!(stalls.is_suspended(1, bad));
        assert!(!stalls.is_suspended(1, good) && !stalls.is_suspended(2, bad));
        assert!(stalls.has_stalled(1) && !stalls.has_stalled(2));
    }

    #[test]
    fn a_principal_gets_no_more_stalls_by_using_more_instances() {
        let stalls = Stalls::default();
        for n in 0..STALLS_OF_PRINCIPAL {
            let caller = Caller::of(&"bad", &n);
            assert!(!stalls.is_suspended(1, caller));
            stalls.note(1, caller, None);
        }
        assert!(stalls.is_suspended(1, Caller::of(&"bad", &"another")));
        assert!(!stalls.is_suspended(1, Caller::of(&"good", &0)));
    }

    #[test]
    fn a_row_that_used_up_the_limits_is_known_and_suspends_nobody() {
        let stalls = Stalls::default();
        let caller = Caller::of(&"a", &"i");
        for _ in 0..9 {
            stalls.note_row(1, caller, 7);
        }
        assert!(stalls.is_known_row(1, caller, || 7) && !stalls.has_stalled(1));
        assert!(!stalls.is_suspended(1, caller));
    }

    #[test]
    fn a_row_is_known_to_whom_it_stalled_and_to_all_once_it_stalled_two() {
        let stalls = Stalls::default();
        let callers = ["a", "b", "c"].map(|name| Caller::of(&name, &"i"));
        let knows = |n: usize| stalls.is_known_row(1, callers[n], || 7);
        stalls.note(1, callers[0], Some(7));
        assert!(knows(0) && !knows(1));
        stalls.note(1, callers[0], Some(7));
        assert!(!knows(1), "one caller alone cannot hide a row from the others");
        stalls.note(1, callers[1], Some(7));
        assert!(knows(1) && knows(2));
        assert!(!stalls.is_known_row(1, callers[2], || 8));
        assert!(!stalls.is_known_row(2, callers[2], || 7));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let stalls = Stalls::default();
        for n in 0..3 * REMEMBERED as u64 {
            stalls.note(1, Caller::of(&n, &"i"), Some(n));
        }
        let known = stalls.lock();
        assert!(known.callers.len() <= REMEMBERED && known.rows.len() <= REMEMBERED);
    }
}
