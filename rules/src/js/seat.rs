//! How do callers and a worker's thread talk?
//!
//! A seat is the part of a worker that outlives its thread's cooperation: the inbox, the
//! replies owed, and what the thread was doing when last heard of. When a thread is lost its
//! seat is emptied by others, so nobody waits for it.
//!
//! Invariant: a reply is owed exactly as long as its sender is in the seat.

use crate::api::{Arg, Cause, Failure};
use edgebase_blocks::FunctionId;
use serde_json::Value;
use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// What is asked of a worker.
pub(crate) enum Work {
    /// Is the result truthy?
    Decide(Vec<Arg>),
    /// What is the result?
    Value(Vec<Arg>),
    /// Is the result truthy for every row from this one on? With a list of `refused` rows the
    /// others are added to it; without one the first of them ends the work. `boolean` says whether
    /// all results so far were booleans.
    Rows {
        auth: Arg,
        rows: Arc<Vec<Value>>,
        from: usize,
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
    pub function: FunctionId,
    pub work: Work,
    pub deadline: Instant,
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
    messages: VecDeque<Message>,
    replies: HashMap<u64, oneshot::Sender<Outcome>>,
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
    epoch: Instant,
    pub running_call: AtomicU64,
    pub running_function: AtomicU32,
    pub thread: AtomicI32,
    /// The thread was stopped inside an allocation.
    pub over_memory: &'static AtomicBool,
    /// The thread failed, or wants to be replaced.
    pub gone: AtomicBool,
    /// It is gone by its own wish, to give its memory back.
    pub retired: AtomicBool,
    pub lost: AtomicBool,
}

/// What a lost seat leaves behind.
pub(crate) struct Remains {
    /// Calls not begun, with their replies.
    pub unbegun: Vec<(Call, oneshot::Sender<Outcome>)>,
    /// Replies of calls begun.
    pub begun: Vec<(u64, oneshot::Sender<Outcome>)>,
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
            epoch: Instant::now(),
            running_call: AtomicU64::new(0),
            running_function: AtomicU32::new(u32::MAX),
            thread: AtomicI32::new(0),
            over_memory,
            gone: AtomicBool::new(false),
            retired: AtomicBool::new(false),
            lost: AtomicBool::new(false),
        })
    }

    fn inbox(&self) -> MutexGuard<'_, Inbox> {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a call into the inbox, or gives it back when the seat is closed.
    pub fn post(
        &self,
        call: Call,
        reply: oneshot::Sender<Outcome>,
    ) -> Result<(), (Call, oneshot::Sender<Outcome>)> {
        let mut inbox = self.inbox();
        if inbox.closed {
            return Err((call, reply));
        }
        inbox.replies.insert(call.id, reply);
        inbox.messages.push_back(Message::Call(call));
        self.load.fetch_add(1, Ordering::Relaxed);
        drop(inbox);
        self.bell.notify_one();
        Ok(())
    }

    /// Delivers the answer to a read; dropped when the seat is closed.
    pub fn answer(&self, read: u64, result: Result<Value, String>) {
        let mut inbox = self.inbox();
        if !inbox.closed {
            inbox.messages.push_back(Message::Answer { read, result });
            drop(inbox);
            self.bell.notify_one();
        }
    }

    /// The next message; `Ok(None)` when the time is over, `Err` when the seat is closed.
    pub fn next(&self, wait: Option<Duration>) -> Result<Option<Message>, Closed> {
        let until = wait.map(|w| Instant::now() + w);
        let mut inbox = self.inbox();
        loop {
            if inbox.closed {
                return Err(Closed);
            }
            if let Some(message) = inbox.messages.pop_front() {
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
        self.inbox().replies.get(&call).is_some_and(|r| !r.is_closed())
    }

    /// Gives a call's outcome to its caller.
    pub fn reply(&self, call: u64, outcome: Outcome) {
        let reply = self.inbox().replies.remove(&call);
        if let Some(reply) = reply {
            self.load.fetch_sub(1, Ordering::Relaxed);
            // A caller that has given up needs no answer.
            let _ = reply.send(outcome);
        }
    }

    /// Closes the seat and takes what is in it.
    pub fn close(&self) -> Remains {
        let mut inbox = self.inbox();
        inbox.closed = true;
        let mut replies = std::mem::take(&mut inbox.replies);
        let messages = std::mem::take(&mut inbox.messages);
        drop(inbox);
        self.bell.notify_all();
        let unbegun = messages
            .into_iter()
            .filter_map(|m| match m {
                Message::Call(call) => replies.remove(&call.id).map(|reply| (call, reply)),
                Message::Answer { .. } => None,
            })
            .collect();
        Remains { unbegun, begun: replies.into_iter().collect() }
    }

    /// Notes that a stretch of JavaScript begins.
    pub fn begin(&self, call: u64, function: FunctionId) {
        self.running_call.store(call, Ordering::Relaxed);
        self.running_function.store(function.0, Ordering::Relaxed);
        let since = self.epoch.elapsed().as_nanos() as u64;
        self.since.store(since.max(1), Ordering::Release);
    }

    /// Notes that it ended.
    pub fn end(&self) {
        self.since.store(0, Ordering::Release);
    }

    /// The present stretch: a number of its own, and how long it has lasted.
    pub fn stretch(&self) -> Option<(u64, Duration)> {
        let since = self.since.load(Ordering::Acquire);
        let now = self.epoch.elapsed();
        (since != 0).then(|| (since, now.saturating_sub(Duration::from_nanos(since))))
    }
}

/// The seat takes and gives no more.
pub(crate) struct Closed;
