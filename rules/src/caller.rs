//! On whose behalf is an evaluation?
//!
//! What an evaluation costs is borne by its [`Caller`]: a principal in an instance. Time and the
//! number of evaluations under way are the principal's, whatever instances it uses, so that it
//! gets no more by using many. The engine knows nothing of users and tenants; both are hashes of
//! whatever identifies them, keyed anew in every process so that nobody can choose to collide
//! with somebody else.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

/// Who asks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Principal(u64);

/// Whoever bears the cost of an evaluation: who asks, and about which instance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Caller {
    pub(crate) principal: Principal,
    instance: u64,
}

static KEYS: LazyLock<RandomState> = LazyLock::new(RandomState::new);

/// A hash that nobody outside of the process can predict.
pub(crate) fn keyed_hash(value: &impl Hash) -> u64 {
    KEYS.hash_one(value)
}

impl Caller {
    /// The caller that these identify.
    #[must_use]
    pub fn of(principal: &impl Hash, instance: &impl Hash) -> Self {
        Self { principal: Principal(keyed_hash(principal)), instance: keyed_hash(instance) }
    }
}

/// How many evaluations each principal has queued or suspended.
#[derive(Default)]
pub(crate) struct Shares {
    held: Mutex<HashMap<Principal, usize>>,
}

/// One evaluation's part of its principal's share, for as long as it is queued or suspended.
pub(crate) struct Share {
    of: Arc<Shares>,
    pub principal: Principal,
}

impl Shares {
    /// Takes one, unless the principal has `most` already.
    pub fn take(self: &Arc<Self>, principal: Principal, most: usize) -> Option<Share> {
        let mut all = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let held = all.entry(principal).or_default();
        if *held >= most {
            return None;
        }
        *held += 1;
        drop(all);
        Some(Share { of: Arc::clone(self), principal })
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut all = self.of.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(held) = all.get_mut(&self.principal) {
            *held -= 1;
            if *held == 0 {
                all.remove(&self.principal);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_principal_is_the_same_in_all_instances() {
        let caller = |who, instance| Caller::of(&who, &instance);
        assert_eq!(caller("a", 1).principal, caller("a", 2).principal);
        assert_ne!(caller("a", 1), caller("a", 2));
        assert_ne!(caller("a", 1).principal, caller("b", 1).principal);
    }

    #[test]
    fn a_share_ends_with_its_evaluation_and_is_the_principals_own() {
        let shares = Arc::new(Shares::default());
        let (a, b) = (Principal(1), Principal(2));
        let held: Vec<_> = (0..3).map_while(|_| shares.take(a, 2)).collect();
        assert_eq!(held.len(), 2);
        assert!(shares.take(b, 2).is_some());
        drop(held);
        assert!(shares.take(a, 2).is_some());
        // A principal that has nothing under way leaves nothing behind.
        assert!(shares.held.lock().unwrap().is_empty());
    }
}
