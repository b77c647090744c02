//! May this caller do this?
//!
//! The one door to evaluation: the native form in place when the rule has one, else a worker.
//! Both end in a [`Decision`], and every end is counted.

use crate::api::{Arg, Cause, Decision, Failure, Form, Limits, RowDenied, RuleMetrics};
use crate::error::LoadError;
use crate::fast::{self, Stop};
use crate::js::seat::{Work, Yield};
use crate::js::thread::Parts;
use crate::load::{Facts, Loaded};
use crate::pool::Pool;
use crate::rule::{End, Record};
use crate::syntax::Mention;
use edgebase_blocks::FunctionId;
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::runtime::Handle;

/// Rows between two looks at the clock in the native form.
const ROWS_PER_LOOK: usize = 1_024;

/// Evaluates the functions of one config; cheap to clone. Its threads end with the last clone.
#[derive(Clone)]
pub struct Engine {
    loaded: Loaded,
    pool: Arc<Pool>,
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
            lost: AtomicUsize::new(0),
        };
        let pool = Pool::start(parts).map_err(|message| match loaded.files().first() {
            Some(file) => LoadError::in_file(file, message),
            None => LoadError::new(message),
        })?;
        Ok(Self { loaded: loaded.clone(), pool })
    }

    /// One decision: a truthy result, awaited if it is a promise, allows.
    pub async fn allows(&self, f: FunctionId, args: Vec<Arg>, budget: Duration) -> Decision {
        let started = Instant::now();
        let deadline = until(started, budget);
        let Some(facts) = self.facts(f) else { return Decision::Deny(Cause::Unknown) };
        let mut fast = false;
        let decision = match self.native(f, facts, &args, deadline).await {
            Native::Done(decision) => {
                fast = true;
                decision
            }
            Native::Bail => match self.pool.ask(f, Work::Decide(args), deadline).await {
                Ok(Yield::Truth { truthy, boolean }) => self.decision(f, truthy, boolean),
                // A worker answers what it was asked.
                Ok(_) => Decision::Deny(Cause::WorkerLost),
                Err(failure) => Decision::Deny(failure.into()),
            },
        };
        self.count(f, 1, end_of(&decision), fast, started);
        decision
    }

    /// `rule(auth, row)` for each row, in order, in one trip.
    ///
    /// # Errors
    /// The first row that is not allowed. A time-out names the row it met.
    pub async fn allows_rows(
        &self,
        f: FunctionId,
        auth: Arg,
        rows: Arc<Vec<Value>>,
        budget: Duration,
    ) -> Result<(), RowDenied> {
        self.judge_rows(f, auth, rows, budget, None).await.map(drop)
    }

    /// The indices of the rows that `rule(auth, row)` refuses, in order, in one trip. A row on
    /// which the rule throws is refused.
    ///
    /// # Errors
    /// Why the rule could not be asked about every row.
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
        let mut from = 0;
        let mut result = Ok(());
        if let Ok(program) = &facts.fast
            && self.pool.limits().native
        {
            let args = [auth.clone()];
            while from < rows.len() {
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
                    Err(Stop::Throw(message)) => Cause::Threw(message),
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
        let fast = from == rows.len() || result.is_err();
        let total = rows.len();
        if !fast {
            let work = Work::Rows { auth, rows, from, refused: refused.take(), boolean: true };
            result = match self.pool.ask(f, work, deadline).await {
                Ok(Yield::Rows { denied, refused: found, boolean }) => {
                    if !boolean {
                        self.remark(f, denied.is_none());
                    }
                    refused = found;
                    denied.map_or(Ok(()), |(index, cause)| Err(RowDenied { index, cause }))
                }
                Ok(_) => Err(RowDenied { index: from, cause: Cause::WorkerLost }),
                Err(failure) => Err(RowDenied { index: from, cause: failure.into() }),
            };
        }
        let end = match &result {
            Ok(()) if refused.as_ref().is_none_or(Vec::is_empty) => End::Allowed,
            Ok(()) | Err(RowDenied { cause: Cause::Falsy, .. }) => End::Denied,
            Err(_) => End::Failed,
        };
        let looked_at = result.as_ref().err().map_or(total, |d| d.index + 1);
        self.count(f, looked_at as u64, end, fast, started);
        result.map(|()| refused)
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
        if self.facts(f).is_none() {
            return Err(Failure::Unknown);
        }
        let result = match self.pool.ask(f, Work::Value(args), until(started, budget)).await {
            Ok(Yield::Value(value)) => Ok(value),
            Ok(_) => Err(Failure::WorkerLost),
            Err(failure) => Err(failure),
        };
        let end = if result.is_ok() { End::Allowed } else { End::Failed };
        self.count(f, 1, end, false, started);
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

    /// Notes against a function that it cost a thread.
    #[cfg(test)]
    pub(crate) fn suspect(&self, f: FunctionId) {
        self.pool.records[f.0 as usize].stall();
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
                Err(Stop::Throw(message)) => Decision::Deny(Cause::Threw(message)),
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
                            Ok(answer) => answer,
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

fn end_of(decision: &Decision) -> End {
    match decision {
        Decision::Allow => End::Allowed,
        Decision::Deny(Cause::Falsy) => End::Denied,
        Decision::Deny(_) => End::Failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    #[tokio::test(flavor = "multi_thread")]
    async fn a_panic_of_the_engine_denies_and_costs_only_its_thread() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("c.js");
        let text = "export default { bad: () => panicOnPurpose(), good: () => new Map(),
            waits: () => new Promise(() => {}) }";
        std::fs::write(&file, text).unwrap();
        let loaded = crate::load(&file, &HashMap::new()).unwrap();
        let engine = Engine::start(&loaded, Limits { workers: 1, ..Limits::default() }).unwrap();
        let ample = Duration::from_secs(5);
        // One that waits on the thread when it is lost is answered as well.
        let waiting = tokio::spawn({
            let engine = engine.clone();
            async move { engine.allows(FunctionId(2), vec![], ample).await }
        });
        tokio::time::sleep(Duration::from_millis(50)).await;
        let started = Instant::now();
        let decision = engine.allows(FunctionId(0), vec![], ample).await;
        // Printing a panic's trace can take longer than a slice, and then it counts as late.
        assert!(
            matches!(decision, Decision::Deny(Cause::WorkerLost | Cause::Timeout)),
            "{decision:?}"
        );
        assert_eq!(waiting.await.unwrap(), Decision::Deny(Cause::WorkerLost));
        assert!(started.elapsed() < ample);
        assert_eq!(engine.allows(FunctionId(1), vec![], ample).await, Decision::Allow);
        assert_eq!(engine.lost_threads(), (1, 1));
    }
}
