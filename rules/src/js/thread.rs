//! How does a worker's thread begin and end?
//!
//! It evaluates the config, says whether that went as expected, serves until its seat is
//! closed, and ends. A panic of the engine ends it differently: what the engine left behind is
//! never touched again.

use super::realm::{self, Broken, Evaluated};
use super::seat::Seat;
use super::worker::Worker;
use crate::api::Limits;
use crate::budget;
use crate::program::{Facts, FunctionInfo, Program};
use crate::stalls::Stalls;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::runtime::Handle;

/// Stack of a worker: some of the engine's built-in functions recurse as deep as the data.
const STACK: usize = 256 << 20;

/// What every worker of an engine shares.
pub(crate) struct Parts {
    pub program: Arc<Program>,
    pub facts: Arc<Vec<Facts>>,
    pub functions: Vec<FunctionInfo>,
    pub limits: Limits,
    pub runtime: Handle,
    pub stalls: Stalls,
    /// Threads given up that have not ended.
    pub lost: AtomicUsize,
}

/// Starts a worker's thread; `ready` hears once whether the config evaluated as expected.
pub(crate) fn spawn(
    parts: Arc<Parts>,
    seat: Arc<Seat>,
    ready: impl FnOnce(Result<(), String>) + Send + 'static,
) -> std::io::Result<()> {
    let name = parts.limits.name.to_owned();
    let body = move || {
        seat.thread.store(rustix::thread::gettid().as_raw_nonzero().get(), Ordering::Relaxed);
        budget::count(seat.over_memory);
        let ended = catch_unwind(AssertUnwindSafe(|| {
            let evaluated = match prepare(&parts) {
                Ok(evaluated) => evaluated,
                Err(message) => {
                    ready(Err(message));
                    seat.gone.store(true, Ordering::Release);
                    return;
                }
            };
            ready(Ok(()));
            Worker::new(&parts, &seat, evaluated).serve();
        }));
        if ended.is_err() {
            tracing::error!("the JavaScript engine panicked; its thread is set aside");
            seat.gone.store(true, Ordering::Release);
            // What the engine left on this thread is in an unknown state, and dropping it could
            // panic again: the thread keeps it and sleeps.
            loop {
                std::thread::park();
            }
        }
        if seat.finish() {
            parts.lost.fetch_sub(1, Ordering::AcqRel);
        }
    };
    std::thread::Builder::new().name(name).stack_size(STACK).spawn(body).map(|_| ())
}

fn prepare(parts: &Parts) -> Result<Evaluated, String> {
    let evaluated = realm::evaluate(&parts.program, &parts.limits).map_err(
        |Broken { path, message, .. }| {
            let path = path.map(|p| format!("{}: ", p.join("."))).unwrap_or_default();
            format!("{path}{message}")
        },
    )?;
    let same = evaluated.functions.len() == parts.functions.len()
        && evaluated
            .functions
            .iter()
            .zip(&parts.functions)
            .all(|((k, _), i)| k.join(".") == i.path);
    if same {
        Ok(evaluated)
    } else {
        Err("the config has other functions each time it is evaluated; it must not depend on time or chance".into())
    }
}
