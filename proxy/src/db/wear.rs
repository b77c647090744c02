//! For how long does a connection live?
//!
//! It is retired when it has served so many tenants that its process is large, or so many requests or
//! so long that whatever else grows in it is bounded too.

use std::collections::HashSet;
use std::time::{Duration, Instant};

/// Tenants that a connection serves in its life: some 40 to 80 MB of its process.
const TENANTS: u64 = 4_000;
/// Requests that it serves.
const REQUESTS: u64 = 500_000;
/// How long it lives, in seconds.
const AGE: u64 = 30 * 60;

/// How much of its life a connection has used up.
#[derive(Debug)]
pub struct Wear {
    born: Instant,
    requests: u64,
    tenants: HashSet<u64>,
    /// Its own share of the limits, in percent, so that connections of one age do not all
    /// retire at once.
    share: u64,
}

impl Wear {
    /// Of one that was made now.
    pub fn new() -> Self {
        let share = rand::random_range(75..=125);
        Self { born: Instant::now(), requests: 0, tenants: HashSet::new(), share }
    }

    /// It serves a request of that tenant.
    pub fn count(&mut self, tenant: u64) {
        self.requests += 1;
        self.tenants.insert(tenant);
    }

    /// Whether it is to be retired.
    pub fn is_over(&self) -> bool {
        let of = |limit: u64| limit * self.share / 100;
        self.tenants.len() as u64 >= of(TENANTS)
            || self.requests >= of(REQUESTS)
            || self.born.elapsed() >= Duration::from_secs(of(AGE))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_is_worn_by_tenants_and_by_requests() {
        let mut wear = Wear::new();
        for _ in 0..REQUESTS / 2 {
            wear.count(1);
        }
        assert!(!wear.is_over());
        for _ in 0..REQUESTS {
            wear.count(1);
        }
        assert!(wear.is_over());
        let mut wear = Wear::new();
        for tenant in 0..TENANTS * 2 {
            wear.count(tenant);
        }
        assert!(wear.is_over());
    }
}
