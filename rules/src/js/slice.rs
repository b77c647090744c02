//! How long may JavaScript run before it is interrupted?
//!
//! A slice is one uninterrupted stretch of JavaScript on a thread. It ends when it has used its
//! CPU time, or when the wall clock passes the evaluation's deadline; wall time alone does not
//! end it early, so a crowded machine does not deny honest rules.
//!
//! Invariant: once a slice has ended every further tick ends it again, until the next begins.

use boa_engine::error::RuntimeLimitError;
use boa_engine::{Context, JsResult, JsValue};
use rustix::time::{ClockId, clock_gettime};
use std::cell::Cell;
use std::time::{Duration, Instant};

#[derive(Clone, Copy)]
struct Slice {
    /// Before this nothing needs to be looked at.
    soft: Instant,
    /// After this the slice is over.
    hard: Instant,
    cpu: Duration,
    cpu_limit: Duration,
    over: bool,
}

thread_local! {
    static SLICE: Cell<Option<Slice>> = const { Cell::new(None) };
}

fn thread_cpu() -> Duration {
    let t = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(t.tv_sec.unsigned_abs(), u32::try_from(t.tv_nsec).unwrap_or(0))
}

/// Begins a slice of `cpu_limit` that ends at `deadline` at the latest.
pub(crate) fn begin(cpu_limit: Duration, deadline: Instant) {
    let now = Instant::now();
    let soft = (now + cpu_limit).min(deadline);
    let cpu = thread_cpu();
    SLICE.set(Some(Slice { soft, hard: deadline, cpu, cpu_limit, over: false }));
}

/// Ends the slice.
pub(crate) fn end() {
    SLICE.set(None);
}

/// Whether the slice is over; the clock is read.
pub(crate) fn is_over() -> bool {
    let Some(mut slice) = SLICE.get() else { return false };
    if slice.over {
        return true;
    }
    let now = Instant::now();
    if now < slice.soft {
        return false;
    }
    let used = thread_cpu().saturating_sub(slice.cpu);
    if now >= slice.hard || used >= slice.cpu_limit {
        slice.over = true;
    } else {
        slice.soft = (now + (slice.cpu_limit - used)).min(slice.hard);
    }
    SLICE.set(Some(slice));
    slice.over
}

/// The tick that the loader puts into every function and loop; JavaScript cannot catch it.
pub(crate) fn tick(_: &JsValue, _: &[JsValue], _: &mut Context) -> JsResult<JsValue> {
    if is_over() {
        return Err(RuntimeLimitError::LoopIteration.into());
    }
    Ok(JsValue::undefined())
}
