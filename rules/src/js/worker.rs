//! What does a thread that evaluates JavaScript do all day?
//!
//! It takes calls and answers from its seat, runs each as one slice under the clock and the
//! memory budget, keeps evaluations that wait for reads, and collects garbage between
//! requests. It trusts nothing it runs: every failure ends in a reply.

use super::realm::{Evaluated, ThrownAt};
use super::seat::{Call, Message, Outcome, Running, Seat, Work, Yield};
use super::thread::Parts;
use super::{convert, print, reads, slice, verdict};
use crate::api::{Arg, Cause, Failure};
use crate::budget;
use crate::stalls::hash_of;
use crate::syntax::Mention;
use boa_engine::builtins::promise::PromiseState;
use boa_engine::object::builtins::{JsFunction, JsPromise};
use boa_engine::{Context, JsError, JsResult, JsValue};
use edgebase_blocks::FunctionId;
use serde_json::Value;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// Garbage is collected after this many requests, or after [`IDLE`] without any.
const COLLECT_AFTER: usize = 500;
const IDLE: Duration = Duration::from_millis(100);
/// Beginning a slice asks the system for the time; few rows share one.
const ROWS_PER_SLICE: usize = 16;
/// Garbage is collected after a stretch that leaves this part of the memory budget.
const MUCH: usize = 8;

/// An evaluation that waits for its promise.
struct Suspended {
    call: Call,
    promise: JsPromise,
}

/// See the module.
pub(crate) struct Worker<'p> {
    parts: &'p Parts,
    seat: &'p Arc<Seat>,
    suspended: HashMap<u64, Suspended>,
    /// Of everything suspended, in order.
    deadlines: BTreeSet<(Instant, u64)>,
    functions: Vec<JsFunction>,
    stringify: JsFunction,
    served: usize,
    /// The call whose exception was logged last.
    reported: u64,
    /// Bytes that the thread held once the config had been evaluated.
    at_rest: usize,
    // Last, so that everything above is dropped before it.
    context: Context,
}

/// What came of calling a function.
enum Called {
    Settled(JsValue),
    /// Its promise waits for a read.
    Pending(JsPromise),
}

/// How far a row has come.
enum Row {
    Allowed,
    Denied(Cause),
    Waits(JsPromise),
}

impl Row {
    /// What a result means; `boolean` becomes false when it is of another kind.
    fn of(value: &JsValue, boolean: &mut bool, context: &Context) -> Self {
        *boolean &= value.is_boolean();
        verdict::of(value, context).map_or_else(Self::Denied, |()| Self::Allowed)
    }

    /// Where refused rows are listed, a row that the rule refused does not end the work.
    fn listed(self, index: usize, refused: &mut Option<Vec<usize>>) -> Self {
        match (self, refused) {
            (Self::Denied(cause), Some(refused)) if cause.is_verdict() => {
                refused.push(index);
                Self::Allowed
            }
            (row, _) => row,
        }
    }
}

impl<'p> Worker<'p> {
    pub fn new(parts: &'p Parts, seat: &'p Arc<Seat>, evaluated: Evaluated) -> Self {
        let Evaluated { context, functions, originals, .. } = evaluated;
        let stringify = originals.stringify;
        let limits = parts.limits.clone();
        reads::open(Arc::clone(seat), parts.runtime.clone(), limits, stringify.clone());
        let functions = functions.into_iter().map(|(_, f)| f).collect();
        Self {
            parts,
            seat,
            suspended: HashMap::new(),
            deadlines: BTreeSet::new(),
            functions,
            stringify,
            served: 0,
            reported: 0,
            at_rest: budget::held(),
            context,
        }
    }

    /// Serves until the seat is closed.
    pub fn serve(mut self) {
        loop {
            match self.seat.next(self.patience()) {
                Ok(Some(Message::Call(call))) => self.begin(call),
                Ok(Some(Message::Answer { read, result })) => self.go_on(read, result),
                Ok(None) if self.served > 0 => self.collect(),
                Ok(None) => {}
                Err(_) => break,
            }
            self.wake();
            self.expire();
            if self.served >= COLLECT_AFTER {
                self.collect();
            }
            if self.seat.retired.load(Ordering::Acquire) {
                break;
            }
        }
        self.suspended.clear();
        reads::shut();
    }

    /// How long to wait for a message: until the first deadline, or until it is time to tidy.
    fn patience(&self) -> Option<Duration> {
        let first = self.deadlines.first();
        let wait = first.map(|(at, _)| at.saturating_duration_since(Instant::now()));
        match (wait, self.served > 0) {
            (Some(wait), true) => Some(wait.min(IDLE)),
            (None, true) => Some(IDLE),
            (wait, false) => wait,
        }
    }

    fn begin(&mut self, call: Call) {
        self.served += 1;
        if !self.seat.is_wanted(call.id) || Instant::now() >= call.deadline {
            return self.finish(call.id, Err(Cause::Timeout.into()));
        }
        let (Work::Decide(args) | Work::Value(args)) = &call.work else {
            return self.rows(call, None);
        };
        let step = self.slice(&call, |worker| {
            let args = worker.arguments(call.id, call.function, args);
            match worker.call(call.id, call.function, &args) {
                Ok(Called::Settled(value)) => Ok(worker.settle(&call.work, &value)),
                Ok(Called::Pending(promise)) => Err(promise),
                Err(e) => Ok(Err(worker.failure(&e))),
            }
        });
        match step {
            Ok(outcome) => self.finish(call.id, outcome),
            Err(promise) => self.suspend(call, promise),
        }
    }

    /// Evaluates the rows of a call one after the other; `settled` is the result of the row
    /// that was waited for.
    fn rows(&mut self, mut call: Call, settled: Option<Result<JsValue, Failure>>) {
        let running = Running::of(&call);
        let deadline = call.deadline;
        let Work::Rows { auth, rows, from, until: last, refused, boolean } = &mut call.work else {
            return;
        };
        let waited = settled.is_some();
        let mut step = match settled {
            None => Row::Allowed,
            Some(Ok(value)) => Row::of(&value, boolean, &self.context),
            Some(Err(failure)) => Row::Denied(failure.into()),
        };
        step = step.listed(*from, refused);
        *from += usize::from(waited && matches!(step, Row::Allowed));
        // Converted once for all rows.
        let mut auth_value = None;
        loop {
            match step {
                Row::Allowed if *from >= *last => {
                    let refused = refused.take();
                    let done = Yield::Rows { denied: None, refused, boolean: *boolean };
                    return self.finish(call.id, Ok(done));
                }
                Row::Allowed if Instant::now() >= deadline => step = Row::Denied(Cause::Timeout),
                Row::Allowed => {
                    let (id, function) = (running.call, running.function);
                    let first = *from;
                    let until = (*last).min(first + ROWS_PER_SLICE);
                    self.served += (until - first) / ROWS_PER_SLICE;
                    step = self.slice_of(running.clone(), deadline, |worker| {
                        let auth = auth_value
                            .get_or_insert_with(|| worker.argument(id, function, 0, auth));
                        let mut step = Row::Allowed;
                        while *from < until && matches!(step, Row::Allowed) {
                            let row = &rows[*from];
                            worker.seat.at_row(*from);
                            step = worker.row(id, function, auth, row, boolean);
                            let spent = matches!(step, Row::Denied(Cause::Exceeded));
                            if spent && *from > first {
                                // The rows before it had their part of the slice: it gets its own.
                                return Row::Allowed;
                            }
                            if spent {
                                let mention = worker.mention(function, 1);
                                let stalls = &worker.parts.stalls;
                                stalls.note_row(function.0, running.caller, hash_of(row, mention));
                            }
                            step = step.listed(*from, refused);
                            *from += usize::from(matches!(step, Row::Allowed));
                            if spent {
                                return step;
                            }
                        }
                        step
                    });
                }
                Row::Denied(cause) => {
                    let denied = Some((*from, cause));
                    let done = Yield::Rows { denied, refused: None, boolean: *boolean };
                    return self.finish(call.id, Ok(done));
                }
                Row::Waits(promise) => return self.suspend(call, promise),
            }
        }
    }

    fn row(
        &mut self,
        call: u64,
        function: FunctionId,
        auth: &JsValue,
        row: &Value,
        boolean: &mut bool,
    ) -> Row {
        let row = convert::mentioned(row, self.mention(function, 1), &mut self.context);
        match self.call(call, function, &[auth.clone(), row]) {
            Ok(Called::Settled(value)) => Row::of(&value, boolean, &self.context),
            Ok(Called::Pending(promise)) => Row::Waits(promise),
            Err(e) => Row::Denied(self.failure(&e).into()),
        }
    }

    fn suspend(&mut self, mut call: Call, promise: JsPromise) {
        // The arguments are the function's now; keeping them here would keep them for nothing.
        if let Work::Decide(args) | Work::Value(args) = &mut call.work {
            args.clear();
        }
        self.deadlines.insert((call.deadline, call.id));
        self.suspended.insert(call.id, Suspended { call, promise });
    }

    fn resume(&mut self, call: u64) -> Option<Suspended> {
        let suspended = self.suspended.remove(&call)?;
        self.deadlines.remove(&(suspended.call.deadline, call));
        Some(suspended)
    }

    /// Delivers the answer to a read and runs whatever it lets go on.
    fn go_on(&mut self, read: u64, result: Result<Value, String>) {
        let Some((id, resolvers)) = reads::promised(read) else { return };
        let Some(waiting) = self.suspended.get(&id) else { return };
        let (running, deadline) = (Running::of(&waiting.call), waiting.call.deadline);
        let failed = self.slice_of(running, deadline, |worker| {
            let context = &mut worker.context;
            let (settle, value) = match result {
                Ok(json) => (&resolvers.resolve, convert::inward(&json, context)),
                Err(message) => (&resolvers.reject, reads::error(&message, context)),
            };
            let settled = settle.call(&JsValue::undefined(), &[value], context);
            match settled.and_then(|_| context.run_jobs()) {
                Ok(()) => None,
                Err(e) => Some(worker.failure(&e)),
            }
        });
        if let Some(failure) = failed
            && self.resume(id).is_some()
        {
            self.finish(id, Err(failure));
        }
    }

    /// Finishes the evaluations whose promises have settled.
    fn wake(&mut self) {
        while let Some(id) = reads::next_settled() {
            let Some(Suspended { call, promise }) = self.resume(id) else { continue };
            let result = match promise.state() {
                PromiseState::Fulfilled(value) => Ok(value),
                PromiseState::Rejected(reason) => Err(reason),
                PromiseState::Pending => {
                    self.suspend(call, promise);
                    continue;
                }
            };
            let is_rows = matches!(call.work, Work::Rows { .. });
            let step = self.slice(&call, |worker| match result {
                Ok(value) if is_rows => Err(Ok(value)),
                Ok(value) => Ok(worker.settle(&call.work, &value)),
                Err(reason) => {
                    let failure = worker.failure(&JsError::from_opaque(reason));
                    if is_rows { Err(Err(failure)) } else { Ok(Err(failure)) }
                }
            });
            match step {
                Ok(outcome) => self.finish(id, outcome),
                Err(row) => self.rows(call, Some(row)),
            }
        }
    }

    fn expire(&mut self) {
        while let Some((deadline, id)) = self.deadlines.first().copied()
            && deadline <= Instant::now()
        {
            let rows = match self.resume(id).map(|s| s.call.work) {
                Some(Work::Rows { from, boolean, .. }) => Some((from, boolean)),
                _ => None,
            };
            self.finish(
                id,
                match rows {
                    Some((from, boolean)) => {
                        let denied = Some((from, Cause::Timeout));
                        Ok(Yield::Rows { denied, refused: None, boolean })
                    }
                    None => Err(Cause::Timeout.into()),
                },
            );
        }
    }

    fn finish(&mut self, call: u64, outcome: Outcome) {
        reads::finish(call);
        self.seat.reply(call, outcome);
    }

    /// Runs one stretch of JavaScript of a call.
    fn slice<T>(&mut self, call: &Call, f: impl FnOnce(&mut Self) -> T) -> T {
        self.slice_of(Running::of(call), call.deadline, f)
    }

    /// Runs one stretch of JavaScript under the clock and the memory budget. The caller bears
    /// the time, and that of clearing away what the stretch left behind, if it is much.
    fn slice_of<T>(
        &mut self,
        running: Running,
        deadline: Instant,
        f: impl FnOnce(&mut Self) -> T,
    ) -> T {
        let principal = running.caller.principal;
        let span = running.span.clone();
        let _entered = span.enter();
        let held = budget::held();
        let cpu_before = slice::begin(self.parts.limits.slice, deadline);
        self.seat.begin(running, cpu_before);
        budget::begin(self.parts.limits.memory);
        let result = f(self);
        budget::end();
        slice::end();
        self.seat.end(principal);
        if budget::held().saturating_sub(held) > self.parts.limits.memory / MUCH {
            let begun = Instant::now();
            boa_gc::force_collect();
            self.seat.charge(principal, begun.elapsed());
        }
        result
    }

    fn call(&mut self, call: u64, function: FunctionId, args: &[JsValue]) -> JsResult<Called> {
        let Some(function) = self.functions.get(function.0 as usize) else {
            return Err(reads::refused("the config has no such function"));
        };
        let context = &mut self.context;
        let value = function.call(&JsValue::undefined(), args, context);
        let value = match value {
            // A promise, or anything else with a `then`, is awaited.
            Ok(value) if value.is_object() => {
                let promise = JsPromise::resolve(value, context)?;
                context.run_jobs()?;
                return match promise.state() {
                    PromiseState::Fulfilled(value) => Ok(Called::Settled(value)),
                    PromiseState::Rejected(reason) => Err(JsError::from_opaque(reason)),
                    PromiseState::Pending => {
                        reads::announce(call, &promise, context)?;
                        Ok(Called::Pending(promise))
                    }
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
                if let Some(what) = verdict::not_run(value) {
                    return Err(Cause::NoVerdict(what).into());
                }
                let stringify = self.stringify.clone();
                match convert::outward(value, &stringify, &mut self.context) {
                    Ok(json) => Ok(Yield::Value(json)),
                    Err(e) => Err(self.failure(&e)),
                }
            }
            _ => match verdict::of(value, &self.context) {
                Err(cause) if cause != Cause::Falsy => Err(cause.into()),
                verdict => {
                    let (truthy, boolean) = (verdict.is_ok(), value.is_boolean());
                    Ok(Yield::Truth { truthy, boolean })
                }
            },
        }
    }

    fn failure(&mut self, error: &JsError) -> Failure {
        let stringify = self.stringify.clone();
        let failure = convert::failure(error, Some(&stringify), &mut self.context);
        if let Failure::Threw { message, typed } = &failure {
            self.report(error, message, typed.code.is_some());
        }
        failure
    }

    /// Logs what a function threw, and where; of several rows of a call the first.
    fn report(&mut self, error: &JsError, message: &str, is_typed: bool) {
        let Some(running) = self.seat.running() else { return };
        if std::mem::replace(&mut self.reported, running.call) == running.call {
            return;
        }
        let exception = match (error.as_native(), error.as_opaque()) {
            (Some(native), _) => format!("{}: {message}", native.kind()),
            (None, Some(value)) => print::line(std::slice::from_ref(value), &mut self.context),
            (None, None) => message.to_owned(),
        };
        let program = &self.parts.program;
        let at = ThrownAt::of(error, program).and_then(|at| at.place(program));
        let info = self.parts.functions.get(running.function.0 as usize);
        let at = at.map(|at| at.to_string()).or_else(|| Some(info?.place()));
        let rule = info.map(|info| info.path.as_str());
        budget::exempt(|| {
            if is_typed {
                // The config's own word for the client.
                tracing::debug!(rule, at, exception, "a function of the config threw");
            } else {
                tracing::warn!(rule, at, exception, "a function of the config threw");
            }
        });
    }

    fn mention(&self, function: FunctionId, index: usize) -> &'p Mention {
        let parts: &'p Parts = self.parts;
        parts
            .facts
            .get(function.0 as usize)
            .and_then(|f| f.mentions.get(index))
            .unwrap_or(&Mention::Unused)
    }

    fn arguments(&mut self, call: u64, function: FunctionId, args: &[Arg]) -> Vec<JsValue> {
        args.iter().enumerate().map(|(i, a)| self.argument(call, function, i, a)).collect()
    }

    fn argument(&mut self, call: u64, function: FunctionId, index: usize, arg: &Arg) -> JsValue {
        let mention = self.mention(function, index);
        match arg {
            Arg::Null => JsValue::null(),
            Arg::Undefined => JsValue::undefined(),
            Arg::Text(text) => JsValue::from(boa_engine::JsString::from(&**text)),
            Arg::Json(json) => convert::mentioned(json, mention, &mut self.context),
            Arg::Context(_) if *mention == Mention::Unused => JsValue::undefined(),
            Arg::Context(database) => reads::context_object(call, database, &mut self.context),
        }
    }

    /// Collects garbage; a config that keeps growing what it holds gets a fresh thread.
    fn collect(&mut self) {
        self.served = 0;
        self.context.clear_kept_objects();
        boa_gc::force_collect();
        let most = self.at_rest.saturating_add(self.parts.limits.memory);
        if self.suspended.is_empty() && budget::held() > most {
            tracing::warn!("the config's functions keep memory; their thread is replaced");
            self.seat.retired.store(true, Ordering::Release);
            self.seat.gone.store(true, Ordering::Release);
        }
    }
}
