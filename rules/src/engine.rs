//! May this caller do this?
//!
//! The one door to evaluation: the native form in place when the rule has one, else a worker.
//! Both end in a [`Decision`], and every end is counted.

use crate::api::{Arg, Cause, Decision, Failure, Form, Limits, ReadError, RowDenied, RuleMetrics};
use crate::caller::Caller;
use crate::error::LoadError;
use crate::fast::{self, Stop};
use crate::js::seat::{Outcome, Work, Yield};
use crate::js::thread::Parts;
use crate::load::Loaded;
use crate::pool::{Next, Pool};
use crate::program::{Facts, FunctionInfo};
use crate::rule::{End, Record};
use crate::stalls::Stalls;
use crate::syntax::Mention;
use crate::watched::Watched;
use edgebase_blocks::FunctionId;
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::runtime::Handle;

/// Rows between two looks at the clock in the native form.
const ROWS_PER_LOOK: usize = 64;
/// The most that is logged of an exception of a native form, in characters.
const LONGEST_EXCEPTION: usize = 500;

/// Evaluates the functions of one config; cheap to clone. Its threads end with the last clone.
#[derive(Clone)]
pub struct Engine {
    loaded: Loaded,
    pool: Arc<Pool>,
    caller: Caller,
}

/// How the native form ended.
enum Native {
    Done(Decision),
    /// The engine must decide.
    Bail,
}

impl Engine {
    /// Starts the workers, each of which evaluates the config once. Must be called within a
    /// tokio runtime, on which `ctx.db` reads will run.
    ///
    /// # Errors
    /// When the config does not evaluate as it did when it was loaded, or no runtime or thread
    /// is there.
    pub fn start(loaded: &Loaded, limits: Limits) -> Result<Self, LoadError> {
        let runtime = Handle::try_current()
            .map_err(|_| LoadError::new("the rules engine needs a tokio runtime"))?;
        let parts = Parts {
            program: Arc::clone(loaded.program()),
            facts: Arc::clone(loaded.facts()),
            functions: loaded.functions().to_vec(),
            limits,
            runtime,
            stalls: Stalls::default(),
            lost: AtomicUsize::new(0),
        };
        let pool = Pool::start(parts).map_err(|message| match loaded.files().first() {
            Some(file) => LoadError::in_file(file, message),
            None => LoadError::new(message),
        })?;
        Ok(Self { loaded: loaded.clone(), pool, caller: Caller::default() })
    }

    /// The same engine, whose evaluations this caller bears the cost of.
    #[must_use]
    pub fn for_caller(&self, caller: Caller) -> Self {
        Self { caller, ..self.clone() }
    }

    /// One decision: a truthy result, awaited if it is a promise, allows.
    pub async fn allows(&self, f: FunctionId, mut args: Vec<Arg>, budget: Duration) -> Decision {
        let started = Instant::now();
        let deadline = until(started, budget);
        let Some(facts) = self.facts(f) else { return Decision::Deny(Cause::Unknown) };
        let lack = Watched::over(&mut args);
        let mut fast = false;
        let decision = match self.native(f, facts, &args, deadline).await {
            Native::Done(decision) => {
                fast = true;
                decision
            }
            Native::Bail => match self.ask(f, args, Work::Decide, deadline).await {
                Ok(Yield::Truth { truthy, boolean }) => self.decision(f, truthy, boolean),
                // A worker answers what it was asked.
                Ok(_) => Decision::Deny(Cause::WorkerLost),
                Err(failure) => Decision::Deny(failure.into()),
            },
        };
        let decision = match decision {
            Decision::Deny(cause) => Decision::Deny(lack.explain(cause)),
            Decision::Allow => Decision::Allow,
        };
        let end = match &decision {
            Decision::Allow => End::Allowed,
            Decision::Deny(cause) => End::from(Some(cause)),
        };
        self.count(f, 1, end, fast, started);
        decision
    }

    /// Asks a worker, unless there is more to convert than a worker is given.
    async fn ask(
        &self,
        f: FunctionId,
        args: Vec<Arg>,
        work: fn(Vec<Arg>) -> Work,
        deadline: Instant,
    ) -> Outcome {
        if !self.pool.fits(f, &args) {
            return Err(Cause::TooLarge.into());
        }
        self.pool.ask(self.caller, f, work(args), deadline).await
    }

    /// `rule(auth, row)` for each row, in order. Workers are asked about as many rows at a time
    /// as they convert at one time, so others have their turn in between.
    ///
    /// # Errors
    /// The first row that is not allowed. A cause that is no verdict names the row it met.
    pub async fn allows_rows(
        &self,
        f: FunctionId,
        auth: Arg,
        rows: Arc<Vec<Value>>,
        budget: Duration,
    ) -> Result<(), RowDenied> {
        self.judge_rows(f, auth, rows, budget, None).await.map(drop)
    }

    /// The indices of the rows that `rule(auth, row)` refuses, in order. A row that the rule
    /// refuses by a throw or a limit of its own is one of them.
    ///
    /// # Errors
    /// Why the rule could not be asked about every row: no verdict.
    pub async fn refused_rows(
        &self,
        f: FunctionId,
        auth: Arg,
        rows: Arc<Vec<Value>>,
        budget: Duration,
    ) -> Result<Vec<usize>, Cause> {
        let judged = self.judge_rows(f, auth, rows, budget, Some(Vec::new())).await;
        judged.map(Option::unwrap_or_default).map_err(|denied| denied.cause)
    }

    /// Asks about the rows in order. With a list of `refused` rows the ones that the rule refuses
    /// are added to it, without one the first of them ends the work.
    async fn judge_rows(
        &self,
        f: FunctionId,
        auth: Arg,
        rows: Arc<Vec<Value>>,
        budget: Duration,
        mut refused: Option<Vec<usize>>,
    ) -> Result<Option<Vec<usize>>, RowDenied> {
        let started = Instant::now();
        let deadline = until(started, budget);
        let Some(facts) = self.facts(f) else {
            return Err(RowDenied { index: 0, cause: Cause::Unknown });
        };
        let total = rows.len();
        let mut from = 0;
        let mut result = Ok(());
        if let Ok(program) = &facts.fast
            && self.pool.limits().native
        {
            let args = [auth.clone()];
            let mut reported = false;
            while from < total {
                if from % ROWS_PER_LOOK == ROWS_PER_LOOK - 1 {
                    tokio::task::yield_now().await;
                    if Instant::now() >= deadline {
                        result = Err(RowDenied { index: from, cause: Cause::Timeout });
                        break;
                    }
                }
                let cause = match fast::evaluate(program, &args, Some(&rows[from]), &[]) {
                    Ok(verdict) => {
                        if !verdict.boolean {
                            self.remark(f, verdict.truthy);
                        }
                        if verdict.truthy {
                            from += 1;
                            continue;
                        }
                        Cause::Falsy
                    }
                    Err(Stop::Throw(message)) => {
                        if !std::mem::replace(&mut reported, true) {
                            self.report(f, &message);
                        }
                        Cause::Threw(message)
                    }
                    Err(_) => break,
                };
                if let Some(refused) = &mut refused {
                    refused.push(from);
                    from += 1;
                    continue;
                }
                result = Err(RowDenied { index: from, cause });
                break;
            }
        }
        let fast = from == total || result.is_err();
        if !fast {
            result = self.rows_on_workers(f, auth, rows, from, &mut refused, deadline).await;
        }
        let end = match &result {
            Ok(()) if refused.as_ref().is_some_and(|refused| !refused.is_empty()) => End::Denied,
            result => End::from(result.as_ref().err().map(|denied| &denied.cause)),
        };
        let looked_at = result.as_ref().err().map_or(total, |d| d.index + 1);
        self.count(f, looked_at as u64, end, fast, started);
        result.map(|()| refused)
    }

    async fn rows_on_workers(
        &self,
        f: FunctionId,
        auth: Arg,
        rows: Arc<Vec<Value>>,
        mut from: usize,
        refused: &mut Option<Vec<usize>>,
        deadline: Instant,
    ) -> Result<(), RowDenied> {
        let denied = |index, cause| Err(RowDenied { index, cause });
        // Threads that one question about rows may cost.
        let mut stalls = 1;
        if !self.pool.fits(f, std::slice::from_ref(&auth)) {
            return denied(from, Cause::TooLarge);
        }
        while from < rows.len() {
            let until = match (self.pool.next_rows(self.caller, f, &rows, from), &mut *refused) {
                (Next::Rows(count), _) => from + count,
                (Next::Refused(cause), Some(refused)) if cause.is_verdict() => {
                    refused.push(from);
                    from += 1;
                    continue;
                }
                (Next::Refused(cause), _) => return denied(from, cause),
            };
            let (auth, rows, list) = (auth.clone(), Arc::clone(&rows), refused.as_ref());
            let list = list.map(|_| Vec::new());
            let work = Work::Rows { auth, rows, from, until, refused: list, boolean: true };
            match self.pool.ask(self.caller, f, work, deadline).await {
                Ok(Yield::Rows { denied: ended, refused: list, boolean }) => {
                    if !boolean {
                        self.remark(f, ended.is_none());
                    }
                    if let Some((index, cause)) = ended {
                        return denied(index, cause);
                    }
                    if let (Some(refused), Some(list)) = (&mut *refused, list) {
                        refused.extend(list);
                    }
                }
                Ok(_) => return denied(from, Cause::WorkerLost),
                // One of these rows cost a thread, and is known by now: the others go on.
                Err(Failure::Ended(Cause::Exceeded)) if refused.is_some() && stalls > 0 => {
                    stalls -= 1;
                    continue;
                }
                // Which row it was is not known here, so nothing is said of any.
                Err(Failure::Ended(Cause::Exceeded)) if refused.is_some() => {
                    return denied(from, Cause::Timeout);
                }
                Err(failure) => return denied(from, failure.into()),
            }
            from = until;
        }
        Ok(())
    }

    /// The function's result, awaited, as JSON; `None` for `undefined`.
    ///
    /// # Errors
    /// Why there is no result.
    pub async fn value(
        &self,
        f: FunctionId,
        args: Vec<Arg>,
        budget: Duration,
    ) -> Result<Option<Value>, Failure> {
        let started = Instant::now();
        let mut args = args;
        let lack = Watched::over(&mut args);
        let result = match self.ask(f, args, Work::Value, until(started, budget)).await {
            Ok(Yield::Value(value)) => Ok(value),
            Ok(_) => Err(Cause::WorkerLost.into()),
            Err(failure) => Err(lack.explain_failure(failure)),
        };
        let cause = result.as_ref().err().map(|failure| Cause::from(failure.clone()));
        self.count(f, 1, End::from(cause.as_ref()), false, started);
        result
    }

    /// Whether the verdict of `rule(auth, row)` may differ from row to row.
    #[must_use]
    pub fn sees_row(&self, f: FunctionId) -> bool {
        self.facts(f)
            .is_none_or(|facts| !matches!(facts.mentions.get(1), None | Some(Mention::Unused)))
    }

    /// The fields that a row rule can see of a row; `None` when it may see all of them.
    #[must_use]
    pub fn row_fields(&self, f: FunctionId) -> Option<&[Box<str>]> {
        match self.facts(f)?.mentions.get(1) {
            None | Some(Mention::Unused) => Some(&[]),
            Some(Mention::Fields(fields)) => Some(fields),
            Some(Mention::All) => None,
        }
    }

    /// How a function is evaluated, and why.
    #[must_use]
    pub fn form(&self, f: FunctionId) -> Form {
        self.loaded.form(f)
    }

    /// What each function of the config has done since the start, in the order of numbers.
    #[must_use]
    pub fn metrics(&self) -> Vec<RuleMetrics> {
        let functions = self.loaded.functions().iter().zip(self.loaded.facts().iter());
        functions
            .zip(&self.pool.records)
            .map(|((info, facts), record)| record.snapshot(&info.path, facts.fast.is_ok()))
            .collect()
    }

    /// Threads lost to rules since the start, and how many of them still run.
    #[must_use]
    pub fn lost_threads(&self) -> (u64, usize) {
        (self.pool.losses.load(Ordering::Relaxed), self.pool.lost_now())
    }

    /// Notes against a function and this caller that they cost a thread.
    #[cfg(test)]
    pub(crate) fn suspect(&self, f: FunctionId) {
        self.pool.stalls().note(f.0, self.caller, None);
    }

    fn facts(&self, f: FunctionId) -> Option<&Facts> {
        self.loaded.facts().get(f.0 as usize)
    }

    fn count(&self, f: FunctionId, looked_at: u64, end: End, fast: bool, started: Instant) {
        if let Some(record) = self.pool.records.get(f.0 as usize) {
            record.count(looked_at, end, fast, started.elapsed());
        }
    }

    /// In development a result that is no boolean is remarked on, once per rule.
    fn remark(&self, f: FunctionId, truthy: bool) {
        if self.pool.limits().development
            && self.pool.records.get(f.0 as usize).is_some_and(Record::first_remark)
        {
            let rule = self.loaded.function(f).map_or("?", |i| i.path.as_str());
            tracing::warn!(rule, truthy, "the rule gave a result that is not a boolean");
        }
    }

    /// Logs what a native form threw; a worker does so itself, and knows the very place.
    fn report(&self, f: FunctionId, exception: &str) {
        let info = self.loaded.function(f);
        let (rule, at) = (info.map(|i| i.path.as_str()), info.map(FunctionInfo::place));
        let exception: String = exception.chars().take(LONGEST_EXCEPTION).collect();
        tracing::warn!(rule, at, exception, "a function of the config threw");
    }

    /// Truthiness decides.
    fn decision(&self, f: FunctionId, truthy: bool, boolean: bool) -> Decision {
        if !boolean {
            self.remark(f, truthy);
        }
        if truthy { Decision::Allow } else { Decision::Deny(Cause::Falsy) }
    }

    /// Evaluates natively, reading what the rule asks for.
    async fn native(
        &self,
        f: FunctionId,
        facts: &Facts,
        args: &[Arg],
        deadline: Instant,
    ) -> Native {
        let Ok(program) = &facts.fast else { return Native::Bail };
        if !self.pool.limits().native {
            return Native::Bail;
        }
        let mut answers: Vec<Result<Value, String>> = Vec::new();
        loop {
            let decision = match fast::evaluate(program, args, None, &answers) {
                Ok(verdict) => self.decision(f, verdict.truthy, verdict.boolean),
                Err(Stop::Throw(message)) => {
                    self.report(f, &message);
                    Decision::Deny(Cause::Threw(message))
                }
                Err(Stop::Bail | Stop::Short) => return Native::Bail,
                Err(Stop::Need(read)) => {
                    let Some(Arg::Context(database)) = program.context.and_then(|c| args.get(c))
                    else {
                        return Native::Bail;
                    };
                    let answer = if answers.len() >= self.pool.limits().reads as usize {
                        Err("too many reads in one evaluation".to_owned())
                    } else {
                        match tokio::time::timeout_at(deadline.into(), database.read(read)).await {
                            Ok(answer) => answer.map_err(ReadError::into_message),
                            Err(_) => return Native::Done(Decision::Deny(Cause::Timeout)),
                        }
                    };
                    answers.push(answer);
                    continue;
                }
            };
            return Native::Done(decision);
        }
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("loaded", &self.loaded).finish_non_exhaustive()
    }
}

/// When a budget ends; "no limit" is an hour.
fn until(started: Instant, budget: Duration) -> Instant {
    started + budget.min(Duration::from_secs(3_600))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    #[tokio::test(flavor = "multi_thread")]
    async fn a_panic_of_the_engine_denies_and_costs_only_its_thread() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("c.js");
        let text = "export default { bad: () => panicOnPurpose(), good: () => new Map() && true,
            waits: () => new Promise(() => {}) }";
        std::fs::write(&file, text).unwrap();
        let loaded = crate::load(&file, &HashMap::new()).unwrap();
        let engine = Engine::start(&loaded, Limits { workers: 1, ..Limits::default() }).unwrap();
        let ample = Duration::from_secs(60);
        // One that waits on the thread when it is lost is answered as well.
        let waiting = tokio::spawn({
            let engine = engine.clone();
            async move { engine.allows(FunctionId(2), vec![], ample).await }
        });
        tokio::time::sleep(Duration::from_millis(50)).await;
        let started = Instant::now();
        let decision = engine.allows(FunctionId(0), vec![], ample).await;
        // Printing a panic's trace can take longer than a slice, and then it counts as late.
        let late = [Cause::Exceeded, Cause::Timeout, Cause::WorkerLost].map(Decision::Deny);
        assert!(late.contains(&decision), "{decision:?}");
        assert_eq!(waiting.await.unwrap(), Decision::Deny(Cause::WorkerLost));
        assert!(started.elapsed() < ample);
        assert_eq!(engine.allows(FunctionId(1), vec![], ample).await, Decision::Allow);
        assert_eq!(engine.lost_threads(), (1, 1));
    }
}
