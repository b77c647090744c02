//! How do callers and a worker's thread talk?
//!
//! A seat is the part of a worker that outlives its thread's cooperation: the inbox, the
//! replies owed, and what the thread was doing when last heard of. When a thread is lost its
//! seat is emptied by others, so nobody waits for it. Messages are taken in the order of
//! [`FairQueue`], so those of one principal do not keep others waiting.
//!
//! Invariant: a reply is owed, and counts against its principal's share, exactly as long as its
//! sender is in the seat.

use super::queue::FairQueue;
use crate::api::{Arg, Cause, Failure};
use crate::caller::{Caller, Principal, Share};
use edgebase_blocks::FunctionId;
use serde_json::Value;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;
use tracing::Span;

/// The thread was given up.
const LOST: u8 = 1;
/// The thread has ended.
const ENDED: u8 = 2;

/// What is asked of a worker.
pub(crate) enum Work {
    /// Is the result truthy?
    Decide(Vec<Arg>),
    /// What is the result?
    Value(Vec<Arg>),
    /// Is the result truthy for every row from this one on up to that one? With a list of
    /// `refused` rows the others are added to it; without one the first of them ends the work.
    /// `boolean` says whether all results so far were booleans.
    Rows {
        auth: Arg,
        rows: Arc<Vec<Value>>,
        from: usize,
        until: usize,
        refused: Option<Vec<usize>>,
        boolean: bool,
    },
}

/// A completed answer.
#[derive(Debug)]
pub(crate) enum Yield {
    Truth {
        truthy: bool,
        boolean: bool,
    },
    Value(Option<Value>),
    Rows {
        /// The row that ended the work, if any.
        denied: Option<(usize, Cause)>,
        /// The rows refused, where they were to be listed.
        refused: Option<Vec<usize>>,
        /// Whether every result was a boolean.
        boolean: bool,
    },
}

pub(crate) type Outcome = Result<Yield, Failure>;

/// One evaluation.
pub(crate) struct Call {
    pub id: u64,
    pub caller: Caller,
    pub function: FunctionId,
    pub work: Work,
    pub deadline: Instant,
    /// The request on whose behalf it is, for the log.
    pub span: Span,
}

/// A reply owed to whoever asked.
pub(crate) struct Owed {
    pub sender: oneshot::Sender<Outcome>,
    pub share: Share,
}

/// What a worker is evaluating.
#[derive(Clone)]
pub(crate) struct Running {
    pub call: u64,
    pub caller: Caller,
    pub function: FunctionId,
    /// When it evaluates rows: all of them, and which one.
    pub rows: Option<(Arc<Vec<Value>>, usize)>,
    /// What it is logged in.
    pub span: Span,
}

impl Running {
    pub fn of(call: &Call) -> Self {
        let rows = match &call.work {
            Work::Rows { rows, from, .. } => Some((Arc::clone(rows), *from)),
            Work::Decide(_) | Work::Value(_) => None,
        };
        let span = call.span.clone();
        Self { call: call.id, caller: call.caller, function: call.function, rows, span }
    }
}

/// What a worker finds in its inbox.
pub(crate) enum Message {
    Call(Call),
    /// The answer to a `ctx.db` read.
    Answer {
        read: u64,
        result: Result<Value, String>,
    },
}

#[derive(Default)]
struct Inbox {
    messages: FairQueue<Message>,
    replies: HashMap<u64, Owed>,
    closed: bool,
}

/// See the module.
pub(crate) struct Seat {
    inbox: Mutex<Inbox>,
    bell: Condvar,
    /// Calls queued or suspended here.
    pub load: AtomicUsize,
    /// When the present stretch of JavaScript began, in nanoseconds since `epoch`; 0 for none.
    since: AtomicU64,
    /// The CPU time that the thread had used by then, in nanoseconds.
    cpu_before: AtomicU64,
    epoch: Instant,
    running: Mutex<Option<Running>>,
    /// Which row of the running call is evaluated.
    row: AtomicUsize,
    pub thread: AtomicI32,
    /// The thread was stopped inside an allocation.
    pub over_memory: &'static AtomicBool,
    /// The thread failed, or wants to be replaced.
    pub gone: AtomicBool,
    /// It is gone by its own wish, to give its memory back.
    pub retired: AtomicBool,
    /// [`LOST`] and [`ENDED`], whichever have happened.
    fate: AtomicU8,
}

/// What a lost seat leaves behind.
pub(crate) struct Remains {
    /// Calls not begun, with their replies.
    pub unbegun: Vec<(Call, Owed)>,
    /// Replies of calls begun.
    pub begun: Vec<(u64, Owed)>,
}

impl Seat {
    pub fn new() -> Arc<Self> {
        // One byte per worker ever started is leaked, so that the allocator can hold on to it.
        let over_memory: &'static AtomicBool = Box::leak(Box::new(AtomicBool::new(false)));
        Arc::new(Self {
            inbox: Mutex::default(),
            bell: Condvar::new(),
            load: AtomicUsize::new(0),
            since: AtomicU64::new(0),
            cpu_before: AtomicU64::new(0),
            epoch: Instant::now(),
            running: Mutex::new(None),
            row: AtomicUsize::new(0),
            thread: AtomicI32::new(0),
            over_memory,
            gone: AtomicBool::new(false),
            retired: AtomicBool::new(false),
            fate: AtomicU8::new(0),
        })
    }

    fn inbox(&self) -> MutexGuard<'_, Inbox> {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that the thread is given up; false when it has ended already.
    pub fn lose(&self) -> bool {
        self.fate.fetch_or(LOST, Ordering::AcqRel) & ENDED == 0
    }

    /// Notes that the thread ends; true when it had been given up.
    pub fn finish(&self) -> bool {
        self.fate.fetch_or(ENDED, Ordering::AcqRel) & LOST != 0
    }

    /// Puts a call into the inbox, or gives it back when the seat is closed.
    pub fn post(&self, call: Call, owed: Owed) -> Result<(), Box<(Call, Owed)>> {
        let mut inbox = self.inbox();
        if inbox.closed {
            return Err(Box::new((call, owed)));
        }
        inbox.replies.insert(call.id, owed);
        inbox.messages.push(call.caller.principal, Message::Call(call));
        self.load.fetch_add(1, Ordering::Relaxed);
        drop(inbox);
        self.bell.notify_one();
        Ok(())
    }

    /// Delivers the answer to a call's read; dropped when nobody waits for the call any more.
    pub fn answer(&self, call: u64, read: u64, result: Result<Value, String>) {
        let mut inbox = self.inbox();
        let Some(owed) = inbox.replies.get(&call) else { return };
        let principal = owed.share.principal;
        inbox.messages.push(principal, Message::Answer { read, result });
        drop(inbox);
        self.bell.notify_one();
    }

    /// The next message; `Ok(None)` when the time is over, `Err` when the seat is closed.
    pub fn next(&self, wait: Option<Duration>) -> Result<Option<Message>, Closed> {
        let until = wait.map(|w| Instant::now() + w);
        let mut inbox = self.inbox();
        loop {
            if inbox.closed {
                return Err(Closed);
            }
            if let Some(message) = inbox.messages.pop() {
                return Ok(Some(message));
            }
            inbox = match until {
                None => self.bell.wait(inbox).unwrap_or_else(PoisonError::into_inner),
                Some(until) => {
                    let left = until.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return Ok(None);
                    }
                    self.bell.wait_timeout(inbox, left).unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }

    /// Whether anybody still waits for a call.
    pub fn is_wanted(&self, call: u64) -> bool {
        self.inbox().replies.get(&call).is_some_and(|owed| !owed.sender.is_closed())
    }

    /// Gives a call's outcome to its caller.
    pub fn reply(&self, call: u64, outcome: Outcome) {
        let owed = self.inbox().replies.remove(&call);
        if let Some(owed) = owed {
            self.load.fetch_sub(1, Ordering::Relaxed);
            // A caller that has given up needs no answer.
            let _ = owed.sender.send(outcome);
        }
    }

    /// Closes the seat and takes what is in it.
    pub fn close(&self) -> Remains {
        let mut inbox = self.inbox();
        inbox.closed = true;
        let mut replies = std::mem::take(&mut inbox.replies);
        let messages: Vec<Message> = inbox.messages.drain().collect();
        drop(inbox);
        self.bell.notify_all();
        let unbegun = messages
            .into_iter()
            .filter_map(|m| match m {
                Message::Call(call) => replies.remove(&call.id).map(|owed| (call, owed)),
                Message::Answer { .. } => None,
            })
            .collect();
        Remains { unbegun, begun: replies.into_iter().collect() }
    }

    /// Notes that a stretch of JavaScript begins.
    pub fn begin(&self, running: Running, cpu_before: Duration) {
        self.at_row(running.rows.as_ref().map_or(0, |(_, row)| *row));
        *self.running.lock().unwrap_or_else(PoisonError::into_inner) = Some(running);
        self.cpu_before.store(cpu_before.as_nanos() as u64, Ordering::Relaxed);
        let since = self.epoch.elapsed().as_nanos() as u64;
        self.since.store(since.max(1), Ordering::Release);
    }

    /// Notes which row is evaluated now.
    pub fn at_row(&self, row: usize) {
        self.row.store(row, Ordering::Relaxed);
    }

    /// Notes that the stretch ended, and charges its principal for the time.
    pub fn end(&self, principal: Principal) {
        let lasted = self.stretch().map_or(Duration::ZERO, |stretch| stretch.lasted);
        self.since.store(0, Ordering::Release);
        *self.running.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.charge(principal, lasted);
    }

    /// Charges a principal for time that the thread spent on its behalf.
    pub fn charge(&self, principal: Principal, time: Duration) {
        self.inbox().messages.charge(principal, time);
    }

    /// What the thread is evaluating.
    pub fn running(&self) -> Option<Running> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner).clone()?;
        if let Some((_, row)) = &mut running.rows {
            *row = self.row.load(Ordering::Relaxed);
        }
        Some(running)
    }

    /// The present stretch of JavaScript.
    pub fn stretch(&self) -> Option<Stretch> {
        let since = self.since.load(Ordering::Acquire);
        let lasted = self.epoch.elapsed().saturating_sub(Duration::from_nanos(since));
        let cpu_before = Duration::from_nanos(self.cpu_before.load(Ordering::Relaxed));
        (since != 0).then_some(Stretch { lasted, cpu_before })
    }
}

/// A stretch of JavaScript under way.
pub(crate) struct Stretch {
    pub lasted: Duration,
    /// The CPU time that the thread had used when it began.
    pub cpu_before: Duration,
}

/// The seat takes and gives no more.
pub(crate) struct Closed;
