//! How long may JavaScript run before it is interrupted?
//!
//! A slice is one uninterrupted stretch of JavaScript on a thread. It ends when it has used its
//! CPU time or its memory, which is the rule's own doing, or when the wall clock passes the
//! evaluation's deadline, which may be the machine's; [`cause`] tells which.
//!
//! Invariant: once a slice has ended every further tick ends it again, until the next begins.

use crate::api::Cause;
use crate::budget;
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
    over: Option<Limit>,
    /// Whether garbage was collected because memory ran out.
    collected: bool,
}

/// What ended a slice.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Limit {
    /// Its CPU time or its memory.
    Own,
    /// The deadline.
    Deadline,
}

thread_local! {
    static SLICE: Cell<Option<Slice>> = const { Cell::new(None) };
}

fn thread_cpu() -> Duration {
    let t = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(t.tv_sec.unsigned_abs(), u32::try_from(t.tv_nsec).unwrap_or(0))
}

/// Begins a slice of `cpu_limit` that ends at `deadline` at the latest; answers the CPU time that
/// the thread has used so far.
pub(crate) fn begin(cpu_limit: Duration, deadline: Instant) -> Duration {
    let now = Instant::now();
    let soft = (now + cpu_limit).min(deadline);
    let cpu = thread_cpu();
    SLICE.set(Some(Slice { soft, hard: deadline, cpu, cpu_limit, over: None, collected: false }));
    cpu
}

/// Ends the slice.
pub(crate) fn end() {
    SLICE.set(None);
}

/// Whether the slice is over; the clock is read.
pub(crate) fn is_over() -> bool {
    let Some(mut slice) = SLICE.get() else { return false };
    if slice.over.is_some() {
        return true;
    }
    if budget::is_spent() {
        // Garbage is not counted against a rule, but it is cleared away for it only once.
        if !std::mem::replace(&mut slice.collected, true) {
            boa_gc::force_collect();
        }
        if budget::is_spent() {
            slice.over = Some(Limit::Own);
        }
        SLICE.set(Some(slice));
        if slice.over.is_some() {
            return true;
        }
    }
    let now = Instant::now();
    if now < slice.soft {
        return false;
    }
    let used = thread_cpu().saturating_sub(slice.cpu);
    if used >= slice.cpu_limit {
        slice.over = Some(Limit::Own);
    } else if now >= slice.hard {
        slice.over = Some(Limit::Deadline);
    } else {
        slice.soft = (now + (slice.cpu_limit - used)).min(slice.hard);
    }
    SLICE.set(Some(slice));
    slice.over.is_some()
}

/// Why JavaScript in this slice was interrupted: a limit of its own, unless the deadline did it.
pub(crate) fn cause() -> Cause {
    match SLICE.get().and_then(|slice| slice.over) {
        Some(Limit::Deadline) => Cause::Timeout,
        Some(Limit::Own) | None => Cause::Exceeded,
    }
}

/// The tick that the loader puts into every function and loop; JavaScript cannot catch it.
pub(crate) fn tick(_: &JsValue, _: &[JsValue], _: &mut Context) -> JsResult<JsValue> {
    if is_over() {
        return Err(RuntimeLimitError::LoopIteration.into());
    }
    Ok(JsValue::undefined())
}
