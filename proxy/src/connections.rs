//! Which connections are kept when there are too many?
//!
//! Those that work. Connections are bounded in all, below the process's file descriptors, and for
//! each address, where an IPv6 network of 64 bits is one. A connection is quiet while no request of
//! it is under way: between two requests, or while the head of one comes. At a bound the longest
//! quiet connection gives way to a new one, first of that address, then of all; only where none is
//! quiet is the new one turned away. Without a bound reached, a connection that has been quiet for
//! long is closed all the same, and so is one whose client does not read its answer.

mod under_way;

use crate::http::rate_limit::network;
use prometheus_client::metrics::counter::Counter;
use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use under_way::NOTHING;
pub use under_way::UnderWay;

/// How long a client may take to read what there is of its answer.
pub const MAX_STALL: Duration = Duration::from_secs(30);

/// How many connections there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// In all. Fewer, where the process may not open as many files.
    pub max: usize,
    /// Of one address: 0 for no bound. Where it is not stated it is a tenth of all, and none where
    /// the config trusts a proxy, whose address then is everybody's.
    pub per_address: Option<usize>,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { max: 10_000, per_address: None }
    }
}

impl Bounds {
    /// What one address may have.
    #[must_use]
    pub fn of_address(&self, trusts_proxy: bool) -> Option<usize> {
        match self.per_address {
            Some(0) => None,
            Some(stated) => Some(stated),
            None if trusts_proxy => None,
            None => Some((self.max / 10).max(1)),
        }
    }
}

/// The open connections.
#[derive(Debug)]
pub struct Connections {
    /// How many there may be.
    pub bounds: Bounds,
    state: Mutex<State>,
    epoch: Instant,
    /// What is counted.
    pub counts: Counts,
}

/// Connections that did not end by themselves.
#[derive(Debug, Default)]
pub struct Counts {
    /// Turned away: a bound was reached and none of the others was quiet.
    pub refused: Counter,
    /// Gave way to a new one.
    pub evicted: Counter,
    /// Closed because they were quiet for too long.
    pub expired: Counter,
    /// Closed because the client did not read.
    pub stalled: Counter,
}

#[derive(Debug, Default)]
struct State {
    last: u64,
    open: HashMap<u64, Entry>,
    quiet: BTreeSet<Quiet>,
    addresses: HashMap<IpAddr, Address>,
}

/// Since when a connection is quiet, and which.
type Quiet = (Instant, u64);

#[derive(Debug, Default)]
struct Address {
    open: usize,
    quiet: BTreeSet<Quiet>,
}

#[derive(Debug)]
struct Entry {
    address: IpAddr,
    /// `None` while requests are under way.
    quiet_since: Option<Instant>,
    requests: HashMap<u64, Arc<AtomicU64>>,
    closed: Arc<Notify>,
}

impl State {
    fn hush(&mut self, id: u64) {
        let Some(entry) = self.open.get_mut(&id) else { return };
        let quiet = (Instant::now(), id);
        entry.quiet_since = Some(quiet.0);
        self.quiet.insert(quiet);
        if let Some(address) = self.addresses.get_mut(&entry.address) {
            address.quiet.insert(quiet);
        }
    }

    fn wake(&mut self, id: u64) {
        let Some(entry) = self.open.get_mut(&id) else { return };
        let Some(since) = entry.quiet_since.take() else { return };
        self.quiet.remove(&(since, id));
        if let Some(address) = self.addresses.get_mut(&entry.address) {
            address.quiet.remove(&(since, id));
        }
    }

    fn remove(&mut self, id: u64) -> Option<Entry> {
        self.wake(id);
        let entry = self.open.remove(&id)?;
        if let Some(address) = self.addresses.get_mut(&entry.address) {
            address.open -= 1;
            if address.open == 0 {
                self.addresses.remove(&entry.address);
            }
        }
        Some(entry)
    }

    /// Closes a connection. It counts no more from now on.
    fn close(&mut self, id: u64) {
        if let Some(entry) = self.remove(id) {
            entry.closed.notify_one();
        }
    }
}

impl Connections {
    /// None yet.
    #[must_use]
    pub fn new(bounds: Bounds) -> Self {
        let (state, counts) = (Mutex::default(), Counts::default());
        Self { bounds, state, epoch: Instant::now(), counts }
    }

    /// How many are open.
    #[must_use]
    pub fn open(&self) -> usize {
        self.state().open.len()
    }

    /// Takes in a connection from `peer`, if there is room or room can be made.
    #[must_use]
    pub fn admit(self: &Arc<Self>, peer: IpAddr, trusts_proxy: bool) -> Option<Admission> {
        let per_address = self.bounds.of_address(trusts_proxy);
        let address = network(peer.to_canonical());
        let mut state = self.state();
        let own = state.addresses.get(&address);
        let victim = if own.is_some_and(|own| per_address.is_some_and(|most| own.open >= most)) {
            own.map(|own| own.quiet.first().copied())
        } else if state.open.len() >= self.bounds.max {
            Some(state.quiet.first().copied())
        } else {
            None
        };
        match victim {
            None => {}
            Some(Some((_, id))) => {
                state.close(id);
                self.counts.evicted.inc();
            }
            Some(None) => {
                self.counts.refused.inc();
                return None;
            }
        }
        state.last += 1;
        let (id, closed) = (state.last, Arc::new(Notify::new()));
        let entry = Entry {
            address,
            quiet_since: None,
            requests: HashMap::new(),
            closed: Arc::clone(&closed),
        };
        state.open.insert(id, entry);
        state.addresses.entry(address).or_default().open += 1;
        state.hush(id);
        drop(state);
        Some(Admission { connections: Arc::clone(self), id, closed })
    }

    /// Closes the connections that have been quiet for longer than `max_quiet`, and those whose
    /// clients have not read for [`MAX_STALL`].
    pub fn sweep(&self, max_quiet: Duration) {
        let mut state = self.state();
        while let Some(&(since, id)) = state.quiet.first()
            && since.elapsed() > max_quiet
        {
            state.close(id);
            self.counts.expired.inc();
        }
        drop(state);
        self.close_stalled(self.now());
    }

    fn close_stalled(&self, now: u64) {
        let (mut state, most) = (self.state(), millis(MAX_STALL));
        let is_stalled = |offered: &Arc<AtomicU64>| match offered.load(Ordering::Relaxed) {
            NOTHING => false,
            since => now.saturating_sub(since) > most,
        };
        let stalled: Vec<u64> = state
            .open
            .iter()
            .filter(|(_, entry)| entry.requests.values().any(is_stalled))
            .map(|(id, _)| *id)
            .collect();
        for id in stalled {
            state.close(id);
            self.counts.stalled.inc();
        }
    }

    /// A request of a connection is done, and the connection quiet if it was the last.
    fn end(&self, connection: u64, request: u64) {
        let mut state = self.state();
        let Some(entry) = state.open.get_mut(&connection) else { return };
        entry.requests.remove(&request);
        if entry.requests.is_empty() {
            state.hush(connection);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Milliseconds since the start, never [`NOTHING`].
    fn now(&self) -> u64 {
        millis(self.epoch.elapsed()) + 1
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX - 1)
}

/// A connection that was taken in; it counts until this is dropped.
#[derive(Debug)]
pub struct Admission {
    connections: Arc<Connections>,
    id: u64,
    closed: Arc<Notify>,
}

impl Admission {
    /// Resolves when the connection is to be closed.
    pub async fn closed(&self) {
        self.closed.notified().await;
    }

    /// A request of it is under way until the answer is dropped.
    #[must_use]
    pub fn request(&self) -> UnderWay {
        let offered = Arc::new(AtomicU64::new(NOTHING));
        let mut state = self.connections.state();
        state.wake(self.id);
        state.last += 1;
        let request = state.last;
        if let Some(entry) = state.open.get_mut(&self.id) {
            entry.requests.insert(request, Arc::clone(&offered));
        }
        drop(state);
        UnderWay::new(Arc::clone(&self.connections), self.id, request, offered)
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        self.connections.state().remove(self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt as _;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn at_most(max: usize, per_address: usize) -> Arc<Connections> {
        Arc::new(Connections::new(Bounds { max, per_address: Some(per_address) }))
    }

    fn is_closed(admission: &Admission) -> bool {
        admission.closed().now_or_never().is_some()
    }

    #[test]
    fn the_longest_quiet_connection_of_an_address_gives_way_to_its_next() {
        let connections = at_most(100, 2);
        let admit = |text| connections.admit(ip(text), false);
        let other = admit("10.0.0.2").unwrap();
        let (first, second) = (admit("10.0.0.1").unwrap(), admit("10.0.0.1").unwrap());
        let working = first.request();
        let third = admit("10.0.0.1").unwrap();
        assert!(!is_closed(&first) && is_closed(&second) && !is_closed(&other));
        drop(working);
        let working = third.request();
        let _fourth = admit("10.0.0.1").unwrap();
        assert!(is_closed(&first) && !is_closed(&third));
        drop((first, second, other, working));
        assert_eq!(connections.open(), 2);
        assert_eq!(connections.counts.evicted.get(), 2);
    }

    #[test]
    fn behind_a_trusted_proxy_an_address_is_bounded_only_where_that_is_stated() {
        let of = |per_address, trusts| Bounds { max: 500, per_address }.of_address(trusts);
        assert_eq!([of(None, false), of(None, true)], [Some(50), None]);
        assert_eq!([of(Some(7), false), of(Some(7), true)], [Some(7), Some(7)]);
        assert_eq!([of(Some(0), false), of(Some(0), true)], [None, None]);
    }

    #[test]
    fn where_none_is_quiet_the_new_one_is_turned_away() {
        let connections = at_most(2, 0);
        let admit = |text| connections.admit(ip(text), false);
        let all = [admit("10.0.0.1").unwrap(), admit("10.0.0.1").unwrap()];
        let working: Vec<_> = all.iter().map(Admission::request).collect();
        assert!(admit("10.0.0.2").is_none());
        assert_eq!(connections.counts.refused.get(), 1);
        drop(working);
        assert!(admit("10.0.0.2").is_some());
        assert!(is_closed(&all[0]) && !is_closed(&all[1]));
    }

    #[test]
    fn an_ipv6_network_is_one_address_and_a_mapped_one_is_ipv4() {
        let connections = at_most(100, 1);
        let admit = |text| connections.admit(ip(text), false).unwrap();
        let first = admit("2001:db8:0:1::1");
        let second = admit("2001:db8:0:1:ffff::2");
        assert!(is_closed(&first));
        let _other = admit("2001:db8:0:2::1");
        assert!(!is_closed(&second));
        let first = admit("::ffff:10.0.0.1");
        let _second = admit("10.0.0.1");
        assert!(is_closed(&first));
    }

    #[test]
    fn who_is_quiet_for_too_long_is_closed_and_who_works_is_not() {
        let connections = at_most(100, 0);
        let all = [ip("10.0.0.1"), ip("10.0.0.1")].map(|p| connections.admit(p, false).unwrap());
        let _working = all[0].request();
        connections.sweep(Duration::from_secs(3600));
        assert_eq!(connections.open(), 2);
        connections.sweep(Duration::ZERO);
        assert!(!is_closed(&all[0]) && is_closed(&all[1]));
        assert_eq!(connections.counts.expired.get(), 1);
    }
}
