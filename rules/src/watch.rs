//! Which worker does not come back?
//!
//! While calls are under way a thread of its own looks at every worker. One whose stretch of
//! JavaScript lasts longer than its slice allows, and has used more CPU time than that, is given
//! up; on a crowded machine a thread may merely have had no turn.

use crate::js::seat::Stretch;
use crate::pool::{GRACE, Pool};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{OnceLock, Weak};
use std::thread::Thread;
use std::time::Duration;

/// A stretch that has used this much more CPU time than its slice is stuck outside of
/// JavaScript, which would have been interrupted.
const PROOF: Duration = Duration::from_millis(8);
/// One that lasts this much longer is given up without blame.
const PATIENCE: Duration = Duration::from_secs(1);
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

/// Looks at the workers of a pool for as long as there is one.
pub(crate) fn watch(pool: &Weak<Pool>) {
    let mut quiet = 0;
    loop {
        let Some(alive) = pool.upgrade() else { return };
        quiet = if look(&alive) || alive.watch.is_needed() { 0 } else { quiet + 1 };
        if quiet < QUIET_LOOKS {
            drop(alive);
            std::thread::sleep(LOOK);
            continue;
        }
        alive.watch.watching.store(false, Ordering::Release);
        // A call that came meanwhile has either seen `watching` false or is seen here.
        let asleep = !alive.watch.is_needed();
        drop(alive);
        if asleep {
            std::thread::park();
        }
        quiet = 0;
    }
}

/// One look at every worker; true when any is at work.
fn look(pool: &Pool) -> bool {
    let mut busy = false;
    let slice = pool.limits().slice;
    for seat in pool.seats() {
        if seat.gone.load(Ordering::Acquire) || seat.over_memory.load(Ordering::Acquire) {
            pool.lose(&seat, true);
            busy = true;
            continue;
        }
        let Some(Stretch { lasted, cpu_before }) = seat.stretch() else { continue };
        busy = true;
        if lasted <= slice + GRACE {
            continue;
        }
        // On a crowded machine the thread may merely have had no turn.
        let used = cpu_of(seat.thread.load(Ordering::Relaxed));
        let worked = used.is_none_or(|used| used.saturating_sub(cpu_before) >= slice + PROOF);
        if worked || lasted > slice + PATIENCE {
            pool.lose(&seat, worked);
        }
    }
    pool.top_up();
    busy
}

/// CPU time that a thread has used, where the system tells.
fn cpu_of(thread: i32) -> Option<Duration> {
    let text = std::fs::read_to_string(format!("/proc/self/task/{thread}/schedstat")).ok()?;
    text.split(' ').next()?.parse().ok().map(Duration::from_nanos)
}
