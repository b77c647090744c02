//! Which worker does not come back?
//!
//! One whose stretch of JavaScript lasts longer than its slice allows, and has used more CPU time
//! than that, is given up; on a crowded machine a thread may merely have had no turn.

use crate::js::seat::Stretch;
use crate::pool::{GRACE, Pool};
use crate::watch::{Watch, Watched};
use std::sync::atomic::Ordering;
use std::time::Duration;

/// A stretch that has used this much more CPU time than its slice is stuck outside of
/// JavaScript, which would have been interrupted.
const SUSPECT_GRACE: Duration = Duration::from_millis(8);
/// One that lasts this much longer is given up without blame.
const PATIENCE: Duration = Duration::from_secs(1);

impl Watched for Pool {
    fn watch(&self) -> &Watch {
        &self.watch
    }

    fn look(&self) -> bool {
        look(self)
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
        let worked =
            used.is_none_or(|used| used.saturating_sub(cpu_before) >= slice + SUSPECT_GRACE);
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
