//! What does a thread that evaluates JavaScript do all day?
//!
//! It takes calls and answers from its seat, runs each as one slice under the clock and the
//! memory budget, keeps evaluations that wait for reads, and collects garbage between
//! requests. It trusts nothing it runs: a failure of any kind ends in a reply, and a failure
//! of the engine itself ends the thread.

use super::realm::{self, Broken, Evaluated};
use super::seat::{Call, Message, Outcome, Seat, Work, Yield};
use super::{convert, reads, slice};
use crate::api::{Arg, Cause, Failure, Limits};
use crate::budget;
use crate::load::{Facts, FunctionInfo, Program};
use crate::syntax::Mention;
use boa_engine::builtins::promise::PromiseState;
use boa_engine::object::builtins::{JsFunction, JsPromise};
use boa_engine::{Context, JsError, JsResult, JsValue};
use edgebase_blocks::FunctionId;
use serde_json::Value;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::runtime::Handle;

/// Stack of a worker: some of the engine's built-in functions recurse as deep as the data.
const STACK: usize = 256 << 20;
/// Garbage is collected after this many requests, or after [`IDLE`] without any.
const COLLECT_AFTER: usize = 500;
const IDLE: Duration = Duration::from_millis(100);

/// What every worker of an engine shares.
pub(crate) struct Parts {
    pub program: Arc<Program>,
    pub facts: Arc<Vec<Facts>>,
    pub functions: Vec<FunctionInfo>,
    pub limits: Limits,
    pub runtime: Handle,
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
        if seat.lost.load(Ordering::Acquire) && !seat.retired.load(Ordering::Acquire) {
            parts.lost.fetch_sub(1, Ordering::AcqRel);
        }
    };
    std::thread::Builder::new().name(name).stack_size(STACK).spawn(body).map(|_| ())
}

fn prepare(parts: &Parts) -> Result<Evaluated, String> {
    let evaluated =
        realm::evaluate(&parts.program, &parts.limits).map_err(|Broken { path, message }| {
            let path = path.map(|p| format!("{}: ", p.join("."))).unwrap_or_default();
            format!("{path}{message}")
        })?;
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

/// An evaluation that waits for its promise.
struct Suspended {
    call: Call,
    promise: JsPromise,
}

struct Worker<'p> {
    parts: &'p Parts,
    seat: &'p Arc<Seat>,
    suspended: Vec<Suspended>,
    functions: Vec<JsFunction>,
    stringify: JsFunction,
    served: usize,
    // Last, so that everything above is dropped before it.
    context: Context,
}

/// What came of calling the function once.
enum Called {
    Settled(JsValue),
    Pending(JsPromise),
}

impl<'p> Worker<'p> {
    fn new(parts: &'p Parts, seat: &'p Arc<Seat>, evaluated: Evaluated) -> Self {
        let Evaluated { context, functions, stringify, .. } = evaluated;
        reads::open(Arc::clone(seat), parts.runtime.clone(), stringify.clone());
        let functions = functions.into_iter().map(|(_, f)| f).collect();
        Self { parts, seat, suspended: Vec::new(), functions, stringify, served: 0, context }
    }

    fn serve(mut self) {
        loop {
            match self.seat.next(self.patience()) {
                Ok(Some(Message::Call(call))) => self.begin(call),
                Ok(Some(Message::Answer { read, result })) => self.go_on(read, result),
                Ok(None) => {
                    if self.served > 0 {
                        self.collect();
                    }
                }
                Err(_) => break,
            }
            self.expire();
            if self.served >= COLLECT_AFTER {
                self.collect();
            }
            if self.seat.lost.load(Ordering::Acquire) || self.seat.retired.load(Ordering::Acquire) {
                break;
            }
        }
        self.suspended.clear();
        reads::shut();
    }

    /// How long to wait for a message: until the first deadline, or until it is time to tidy.
    fn patience(&self) -> Option<Duration> {
        let first = self.suspended.iter().map(|s| s.call.deadline).min();
        let wait = first.map(|d| d.saturating_duration_since(Instant::now()));
        match (wait, self.served > 0) {
            (Some(wait), true) => Some(wait.min(IDLE)),
            (Some(wait), false) => Some(wait),
            (None, true) => Some(IDLE),
            (None, false) => None,
        }
    }

    fn begin(&mut self, call: Call) {
        self.served += 1;
        if !self.seat.is_wanted(call.id) || Instant::now() >= call.deadline {
            return self.finish(call.id, Err(Failure::Timeout));
        }
        if let Work::Rows { .. } = call.work {
            return self.rows(call, None);
        }
        let outcome = self.slice(call.id, call.function, call.deadline, |worker| {
            let (Work::Decide(args) | Work::Value(args)) = &call.work else {
                return Some(Err(Failure::Unknown));
            };
            let args = worker.arguments(call.id, call.function, args);
            match worker.call(call.function, &args) {
                Ok(Called::Settled(value)) => Some(worker.settle(&call.work, &value)),
                Ok(Called::Pending(promise)) => {
                    worker.suspended.push(Suspended {
                        call: Call {
                            work: match &call.work {
                                Work::Value(_) => Work::Value(Vec::new()),
                                _ => Work::Decide(Vec::new()),
                            },
                            ..call
                        },
                        promise,
                    });
                    None
                }
                Err(e) => Some(Err(worker.failure(&e))),
            }
        });
        if let Some(outcome) = outcome {
            self.finish(call.id, outcome);
        }
    }

    /// Evaluates the rows of a call one after the other; `settled` is the result of the row
    /// that was waited for.
    fn rows(&mut self, mut call: Call, settled: Option<Result<JsValue, Failure>>) {
        let Work::Rows { auth, rows, from } = &mut call.work else { return };
        let mut settled = settled;
        // Converted once for all rows.
        let mut auth_value = None;
        while *from < rows.len() {
            let (id, function, deadline, index) = (call.id, call.function, call.deadline, *from);
            let step = match settled.take() {
                Some(result) => Some(result),
                None => {
                    if Instant::now() >= deadline {
                        let denied = Some((index, Cause::Timeout));
                        return self.finish(id, Ok(Yield::Rows(denied)));
                    }
                    let row = &rows[index];
                    let auth = &*auth;
                    self.slice(id, function, deadline, |worker| {
                        let auth = auth_value
                            .get_or_insert_with(|| worker.argument(id, function, 0, auth))
                            .clone();
                        let mention = worker.mention(function, 1).clone();
                        let row = convert::mentioned(row, &mention, &mut worker.context);
                        match worker.call(function, &[auth, row]) {
                            Ok(Called::Settled(value)) => Some(Ok(value)),
                            Ok(Called::Pending(promise)) => {
                                worker.suspended.push(Suspended {
                                    call: Call {
                                        id,
                                        function,
                                        deadline,
                                        work: Work::Decide(Vec::new()),
                                    },
                                    promise,
                                });
                                None
                            }
                            Err(e) => Some(Err(worker.failure(&e))),
                        }
                    })
                }
            };
            match step {
                None => {
                    // The row's promise waits; its entry takes the whole call over.
                    if let Some(last) = self.suspended.last_mut() {
                        last.call = call;
                    }
                    return;
                }
                Some(Ok(value)) if value.to_boolean() => *from += 1,
                Some(result) => {
                    let cause = result.map_or_else(Cause::from, |_| Cause::Falsy);
                    return self.finish(id, Ok(Yield::Rows(Some((index, cause)))));
                }
            }
        }
        self.finish(call.id, Ok(Yield::Rows(None)));
    }

    /// Delivers the answer to a read and goes on with whatever it wakes.
    fn go_on(&mut self, read: u64, result: Result<Value, String>) {
        let Some((id, resolvers)) = reads::promised(read) else { return };
        let Some(at) = self.suspended.iter().position(|s| s.call.id == id) else { return };
        let (function, deadline) =
            (self.suspended[at].call.function, self.suspended[at].call.deadline);
        let failed = self.slice(id, function, deadline, |worker| {
            let context = &mut worker.context;
            let settled = match result {
                Ok(json) => {
                    let value = convert::inward(&json, context);
                    resolvers.resolve.call(&JsValue::undefined(), &[value], context)
                }
                Err(message) => {
                    let error = reads::error(&message, context);
                    resolvers.reject.call(&JsValue::undefined(), &[error], context)
                }
            };
            match settled.and_then(|_| context.run_jobs()) {
                Ok(()) => None,
                Err(e) => Some(worker.failure(&e)),
            }
        });
        if let Some(failure) = failed
            && let Some(at) = self.suspended.iter().position(|s| s.call.id == id)
        {
            let suspended = self.suspended.swap_remove(at);
            self.finish(suspended.call.id, Err(failure));
        }
        self.wake();
    }

    /// Finishes every evaluation whose promise has settled; usually one.
    fn wake(&mut self) {
        loop {
            let settled =
                self.suspended.iter().position(|s| s.promise.state() != PromiseState::Pending);
            let Some(at) = settled else { return };
            let Suspended { call, promise } = self.suspended.swap_remove(at);
            let result = match promise.state() {
                PromiseState::Fulfilled(value) => Ok(value),
                PromiseState::Rejected(reason) => Err(reason),
                PromiseState::Pending => return,
            };
            let outcome =
                self.slice(call.id, call.function, call.deadline, |worker| match result {
                    Ok(value) => match call.work {
                        Work::Rows { .. } => Err(Ok(value)),
                        _ => Ok(worker.settle(&call.work, &value)),
                    },
                    Err(reason) => {
                        let failure = convert::thrown(
                            &reason,
                            Some(&worker.stringify.clone()),
                            &mut worker.context,
                        );
                        match call.work {
                            Work::Rows { .. } => Err(Err(failure)),
                            _ => Ok(Err(failure)),
                        }
                    }
                });
            match outcome {
                Ok(outcome) => self.finish(call.id, outcome),
                Err(row) => self.rows(call, Some(row)),
            }
        }
    }

    fn expire(&mut self) {
        if self.suspended.is_empty() {
            return;
        }
        let now = Instant::now();
        while let Some(at) = self.suspended.iter().position(|s| s.call.deadline <= now) {
            let id = self.suspended.swap_remove(at).call.id;
            self.finish(id, Err(Failure::Timeout));
        }
    }

    fn finish(&mut self, call: u64, outcome: Outcome) {
        reads::finish(call);
        self.seat.reply(call, outcome);
    }

    /// Runs one stretch of JavaScript under the clock and the memory budget.
    fn slice<T>(
        &mut self,
        call: u64,
        function: FunctionId,
        deadline: Instant,
        f: impl FnOnce(&mut Self) -> T,
    ) -> T {
        self.seat.begin(call, function);
        slice::begin(self.parts.limits.slice, deadline);
        budget::begin(self.parts.limits.memory);
        let result = f(self);
        budget::end();
        slice::end();
        self.seat.end();
        result
    }

    fn call(&mut self, function: FunctionId, args: &[JsValue]) -> JsResult<Called> {
        let Some(function) = self.functions.get(function.0 as usize).cloned() else {
            return Err(JsError::from_opaque(JsValue::undefined()));
        };
        let context = &mut self.context;
        let value = function.call(&JsValue::undefined(), args, context);
        let value = match value {
            Ok(value) if value.is_object() => {
                // A promise or anything else with a `then` is awaited.
                let promise = JsPromise::resolve(value, context)?;
                context.run_jobs()?;
                return match promise.state() {
                    PromiseState::Fulfilled(value) => Ok(Called::Settled(value)),
                    PromiseState::Rejected(reason) => Err(JsError::from_opaque(reason)),
                    PromiseState::Pending => Ok(Called::Pending(promise)),
                };
            }
            other => other,
        };
        // Promises made on the side go on too, or they would pile up.
        context.run_jobs()?;
        value.map(Called::Settled)
    }

    fn settle(&mut self, work: &Work, value: &JsValue) -> Outcome {
        match work {
            Work::Value(_) => {
                let stringify = self.stringify.clone();
                match convert::outward(value, &stringify, &mut self.context) {
                    Ok(json) => Ok(Yield::Value(json)),
                    Err(e) => Err(self.failure(&e)),
                }
            }
            _ => Ok(Yield::Truth(value.to_boolean())),
        }
    }

    fn failure(&mut self, error: &JsError) -> Failure {
        let stringify = self.stringify.clone();
        convert::failure(error, Some(&stringify), &mut self.context)
    }

    fn mention(&self, function: FunctionId, index: usize) -> &Mention {
        self.parts
            .facts
            .get(function.0 as usize)
            .and_then(|f| f.mentions.get(index))
            .unwrap_or(&Mention::Unused)
    }

    fn arguments(&mut self, call: u64, function: FunctionId, args: &[Arg]) -> Vec<JsValue> {
        args.iter().enumerate().map(|(i, a)| self.argument(call, function, i, a)).collect()
    }

    fn argument(&mut self, call: u64, function: FunctionId, index: usize, arg: &Arg) -> JsValue {
        let mention = self.mention(function, index).clone();
        match arg {
            Arg::Null => JsValue::null(),
            Arg::Undefined => JsValue::undefined(),
            Arg::Text(text) => JsValue::from(boa_engine::JsString::from(&**text)),
            Arg::Json(json) => convert::mentioned(json, &mention, &mut self.context),
            Arg::Context(_) if mention == Mention::Unused => JsValue::undefined(),
            Arg::Context(database) => {
                reads::context_object(call, database, self.parts.limits.reads, &mut self.context)
            }
        }
    }

    /// Collects garbage; a config that keeps growing what it holds gets a fresh thread.
    fn collect(&mut self) {
        self.served = 0;
        self.context.clear_kept_objects();
        boa_gc::force_collect();
        let most = self.parts.limits.memory.saturating_mul(4);
        if self.suspended.is_empty() && budget::held() > most {
            tracing::warn!("the config's functions keep memory; their thread is replaced");
            self.seat.retired.store(true, Ordering::Release);
            self.seat.gone.store(true, Ordering::Release);
        }
    }
}
