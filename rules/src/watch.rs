//! When does the watching thread look at the workers?
//!
//! While calls are under way, every few milliseconds; it sleeps otherwise. A call that begins wakes
//! it, so none is unwatched.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{OnceLock, Weak};
use std::thread::Thread;
use std::time::Duration;

/// How often the watching thread looks, and how long it does so without work.
const LOOK: Duration = Duration::from_millis(5);
const QUIET_LOOKS: u32 = 40;

/// When to look.
#[derive(Default)]
pub(crate) struct Watch {
    in_flight: AtomicUsize,
    watching: AtomicBool,
    thread: OnceLock<Thread>,
}

/// A call under way, for as long as its future lives.
pub(crate) struct Flight<'p>(&'p Watch);

impl Watch {
    /// Notes which thread looks.
    pub fn is_by(&self, thread: &Thread) {
        self.watching.store(true, Ordering::Release);
        // Set once, when the pool starts.
        let _ = self.thread.set(thread.clone());
    }

    /// Begins a call, which is watched over.
    pub fn begin(&self) -> Flight<'_> {
        self.in_flight.fetch_add(1, Ordering::AcqRel);
        if !self.watching.swap(true, Ordering::AcqRel) {
            self.wake();
        }
        Flight(self)
    }

    /// Makes the watching thread look.
    pub fn wake(&self) {
        if let Some(thread) = self.thread.get() {
            thread.unpark();
        }
    }

    fn is_needed(&self) -> bool {
        self.in_flight.load(Ordering::Acquire) > 0
    }
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::AcqRel);
    }
}

/// What is watched over.
pub(crate) trait Watched {
    /// When to look.
    fn watch(&self) -> &Watch;

    /// Looks once; true when there is a reason to look again soon.
    fn look(&self) -> bool;
}

/// Looks at the workers of a pool for as long as there is one.
pub(crate) fn watch<P: Watched>(pool: &Weak<P>) {
    let mut quiet = 0;
    loop {
        let Some(alive) = pool.upgrade() else { return };
        quiet = if alive.look() || alive.watch().is_needed() { 0 } else { quiet + 1 };
        if quiet < QUIET_LOOKS {
            drop(alive);
            std::thread::sleep(LOOK);
            continue;
        }
        alive.watch().watching.store(false, Ordering::Release);
        // A call that came meanwhile has either seen `watching` false or is seen here.
        let asleep = !alive.watch().is_needed();
        drop(alive);
        if asleep {
            std::thread::park();
        }
        quiet = 0;
    }
}
