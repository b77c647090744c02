//! Which thread evaluates, and what if it does not come back?
//!
//! Calls go to the least loaded worker, a bounded number for each principal. A watching thread
//! looks at every worker while work is under way: one that has been in a single stretch of
//! JavaScript for longer than its slice allows, or was stopped for memory, or failed, is given
//! up: its callers are answered, its unbegun calls go to others, its thread is made as
//! unimportant as the system allows, and a replacement is started. A thread whose stretch ends
//! after all ends, too.
//!
//! Invariant: there are as many workers as the limits say, or a replacement is on its way. The
//! threads given up that still run are bounded: beyond the limit no function is evaluated that
//! has ever cost a thread, so each of the others can add one.

use crate::api::{Arg, Cause, Limits};
use crate::bounds::Room;
use crate::caller::{Caller, Shares};
use crate::js::seat::{Call, Outcome, Owed, Remains, Running, Seat, Work};
use crate::js::thread::{self, Parts};
use crate::program::{Facts, GIVE_UP};
use crate::rule::Record;
use crate::stalls::hash_of;
use crate::syntax::Mention;
use crate::watch::{Watch, watch};
use edgebase_blocks::FunctionId;
use rustix::process::{Pid, setpriority_process};
use serde_json::Value;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;
use tracing::Span;

/// A worker may be this late beyond its slice before it is suspected.
pub(crate) const GRACE: Duration = Duration::from_millis(30);
/// After a replacement that did not start the next one waits for so long.
const RETRY: Duration = Duration::from_secs(1);
/// A worker that has been in one stretch for longer is asked only when the others are, too.
const SLOW: Duration = Duration::from_millis(5);
/// So many rows of one caller are evaluated before others of the same worker have their turn.
const ROWS_AT_ONCE: usize = 256;

/// What comes of the rows that are next.
pub(crate) enum Next {
    /// So many are evaluated together.
    Rows(usize),
    /// The first is not evaluated.
    Refused(Cause),
}

/// The workers of an engine.
pub(crate) struct Pool {
    parts: Arc<Parts>,
    seats: RwLock<Vec<Arc<Seat>>>,
    shares: Arc<Shares>,
    /// When a replacement last did not start.
    failed: Arc<Mutex<Option<Instant>>>,
    pub records: Vec<Record>,
    next_call: AtomicU64,
    pub watch: Watch,
    /// Threads lost since the start.
    pub losses: AtomicU64,
}

impl Pool {
    /// Starts the workers and waits until the config has evaluated on each.
    pub fn start(parts: Parts) -> Result<Arc<Self>, String> {
        let parts = Arc::new(parts);
        let records = parts.functions.iter().map(|_| Record::default()).collect();
        let pool = Arc::new(Self {
            seats: RwLock::new(Vec::new()),
            shares: Arc::default(),
            failed: Arc::default(),
            records,
            next_call: AtomicU64::new(1),
            watch: Watch::default(),
            losses: AtomicU64::new(0),
            parts,
        });
        let (send, receive) = std::sync::mpsc::channel();
        let workers = pool.parts.limits.workers.max(1);
        for _ in 0..workers {
            let send = send.clone();
            pool.hire(move |ready| {
                // Nobody listens any more once one worker has failed.
                let _ = send.send(ready);
            })?;
        }
        for _ in 0..workers {
            // One that takes too much memory at once has been stopped and says nothing.
            receive.recv_timeout(GIVE_UP).map_err(|_| "a worker does not start".to_owned())??;
        }
        let weak = Arc::downgrade(&pool);
        let watching = std::thread::Builder::new()
            .name(pool.parts.limits.name.to_owned())
            .spawn(move || watch(&weak))
            .map_err(|e| format!("no thread: {e}"))?;
        pool.watch.is_by(watching.thread());
        Ok(pool)
    }

    /// The workers at present.
    pub fn seats(&self) -> Vec<Arc<Seat>> {
        self.seats.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn limits(&self) -> &Limits {
        &self.parts.limits
    }

    fn hire(&self, ready: impl FnOnce(Result<(), String>) + Send + 'static) -> Result<(), String> {
        let seat = Seat::new();
        thread::spawn(Arc::clone(&self.parts), Arc::clone(&seat), ready)
            .map_err(|e| format!("no thread: {e}"))?;
        self.seats.write().unwrap_or_else(PoisonError::into_inner).push(seat);
        Ok(())
    }

    #[cfg(test)]
    pub fn stalls(&self) -> &crate::stalls::Stalls {
        &self.parts.stalls
    }

    fn facts(&self, function: FunctionId) -> Option<&Facts> {
        self.parts.facts.get(function.0 as usize)
    }

    /// Asks a worker; the answer comes at the deadline and a little at the latest. What is asked
    /// must be within the bounds of what is converted.
    pub async fn ask(
        &self,
        caller: Caller,
        function: FunctionId,
        work: Work,
        deadline: Instant,
    ) -> Outcome {
        if self.facts(function).is_none() {
            return Err(Cause::Unknown.into());
        }
        if self.parts.stalls.is_suspended(function.0, caller)
            || (self.lost_now() > self.limits().lost && self.parts.stalls.has_stalled(function.0))
        {
            return Err(Cause::Suspended.into());
        }
        let Some(share) = self.shares.take(caller.principal, self.limits().share) else {
            return Err(Cause::Overload.into());
        };
        let _flight = self.watch.begin();
        let (sender, answer) = oneshot::channel();
        let id = self.next_call.fetch_add(1, Ordering::Relaxed);
        let call = Call { id, caller, function, work, deadline, span: self.span(function) };
        if self.dispatch(call, Owed { sender, share }).is_err() {
            return Err(Cause::Overload.into());
        }
        match tokio::time::timeout_at((deadline + GRACE).into(), answer).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Err(Cause::WorkerLost.into()),
            Err(_) => Err(Cause::Timeout.into()),
        }
    }

    /// What an evaluation is logged in: a span of its own where those are recorded, else that of
    /// the request.
    fn span(&self, function: FunctionId) -> Span {
        let info = self.parts.functions.get(function.0 as usize);
        let span = tracing::debug_span!("evaluate", rule = info.map(|f| f.path.as_str()));
        if span.is_disabled() { Span::current() } else { span }
    }

    /// Whether a call's arguments are within the bounds of what is converted.
    pub fn fits(&self, function: FunctionId, args: &[Arg]) -> bool {
        let mentions = self.facts(function).map_or(&[][..], |facts| &facts.mentions);
        Room::new(self.limits()).take_arguments(args, mentions)
    }

    /// How many rows, from this one on, are converted at one time. A row on which the function
    /// is known to stall has had its verdict.
    pub fn next_rows(
        &self,
        caller: Caller,
        function: FunctionId,
        rows: &[Value],
        from: usize,
    ) -> Next {
        let Some(facts) = self.facts(function) else { return Next::Refused(Cause::Unknown) };
        let mention = facts.mentions.get(1).unwrap_or(&Mention::Unused);
        let known =
            |row| self.parts.stalls.is_known_row(function.0, caller, || hash_of(row, mention));
        let mut room = Room::new(self.limits());
        let rows = rows.get(from..).unwrap_or_default();
        let count = rows
            .iter()
            .take(ROWS_AT_ONCE)
            .take_while(|row| room.take(row, mention) && !known(row))
            .count();
        match rows.first() {
            Some(row) if count == 0 && known(row) => Next::Refused(Cause::Exceeded),
            Some(_) if count == 0 => Next::Refused(Cause::TooLarge),
            _ => Next::Rows(count),
        }
    }

    /// Gives a call to the least loaded worker; refused when that one is full.
    fn dispatch(&self, call: Call, owed: Owed) -> Result<(), ()> {
        let (mut call, mut owed) = (call, owed);
        // A worker may be given up between being chosen and being asked.
        for _ in 0..4 {
            let seats = self.seats.read().unwrap_or_else(PoisonError::into_inner);
            let slow = |seat: &Seat| seat.stretch().is_some_and(|s| s.lasted > SLOW);
            let least = seats
                .iter()
                .filter(|s| !s.gone.load(Ordering::Relaxed))
                .min_by_key(|s| (slow(s), s.load.load(Ordering::Relaxed)));
            let Some(seat) = least.cloned() else { return Err(()) };
            drop(seats);
            if seat.load.load(Ordering::Relaxed) >= self.parts.limits.queue {
                return Err(());
            }
            match seat.post(call, owed) {
                Ok(()) => return Ok(()),
                Err(back) => (call, owed) = *back,
            }
        }
        Err(())
    }

    /// Gives a worker up; what it was evaluating is blamed only where that is known to be at
    /// fault, and not the machine.
    pub fn lose(&self, seat: &Arc<Seat>, at_fault: bool) {
        self.seats
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .retain(|s| !Arc::ptr_eq(s, seat));
        let retired = seat.retired.load(Ordering::Acquire);
        if !retired {
            self.losses.fetch_add(1, Ordering::Relaxed);
            self.parts.lost.fetch_add(1, Ordering::AcqRel);
            if !seat.lose() {
                self.parts.lost.fetch_sub(1, Ordering::AcqRel);
            }
        }
        let running = seat.running();
        let Remains { unbegun, begun } = seat.close();
        let late = !seat.gone.load(Ordering::Acquire);
        if !retired {
            demote(seat.thread.load(Ordering::Relaxed));
            self.blame(running.as_ref(), at_fault);
        }
        // Before anyone is answered: whoever asks again at once must find a worker.
        self.top_up();
        for (id, owed) in begun {
            let own = late && running.as_ref().is_some_and(|running| running.call == id);
            let cause = match (own, at_fault) {
                (true, true) => Cause::Exceeded,
                (true, false) => Cause::Timeout,
                (false, _) => Cause::WorkerLost,
            };
            // Whoever has gone meanwhile needs no answer.
            let _ = owed.sender.send(Err(cause.into()));
        }
        for (call, owed) in unbegun {
            // Refused means dropped, and a dropped reply is an answer: worker lost.
            let _ = self.dispatch(call, owed);
        }
    }

    fn blame(&self, running: Option<&Running>, at_fault: bool) {
        let Some(Running { caller, function, rows, .. }) = running else {
            tracing::error!("a thread that evaluates rules failed and is replaced");
            return;
        };
        let info = self.parts.functions.get(function.0 as usize);
        let path = info.map_or("?", |f| f.path.as_str());
        tracing::error!(rule = path, "a rule did not stop in time; its thread is given up");
        if !at_fault {
            return;
        }
        let row = rows.as_ref().and_then(|(rows, index)| {
            let mention = self.facts(*function)?.mentions.get(1)?;
            Some(hash_of(rows.get(*index)?, mention))
        });
        if self.parts.stalls.note(function.0, *caller, row) {
            tracing::error!(
                rule = path,
                "the rule stalled repeatedly for one caller and is suspended for that caller"
            );
        }
    }

    /// Starts replacements, as many as are missing.
    pub fn top_up(&self) {
        loop {
            let seats = self.seats.read().unwrap_or_else(PoisonError::into_inner).len();
            let failed = *self.failed.lock().unwrap_or_else(PoisonError::into_inner);
            if seats >= self.limits().workers.max(1)
                || failed.is_some_and(|at| at.elapsed() < RETRY)
            {
                return;
            }
            let failed = Arc::clone(&self.failed);
            let note = move |message: String| {
                tracing::error!("a replacement does not start: {message}");
                *failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
            };
            let ready = note.clone();
            if let Err(message) = self.hire(move |started| {
                if let Err(message) = started {
                    ready(message);
                }
            }) {
                note(message);
            }
        }
    }

    /// Threads given up that have not ended.
    pub fn lost_now(&self) -> usize {
        self.parts.lost.load(Ordering::Relaxed)
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        for seat in self.seats.get_mut().unwrap_or_else(PoisonError::into_inner) {
            seat.close();
        }
        self.watch.wake();
    }
}

/// Makes a thread as unimportant as can be done without privileges.
fn demote(thread: i32) {
    if let Some(pid) = Pid::from_raw(thread) {
        // On Linux this concerns the one thread. Failing changes nothing but speed.
        let _ = setpriority_process(Some(pid), 19);
    }
}
