//! What goes into an evaluation and what can come out of it?
//!
//! Plain types, no behaviour: the vocabulary shared by the callers of the engine and its
//! parts. Every outcome other than "completed, truthy" is a [`Cause`], each has a text for the
//! log, and each is either a verdict of the rule or says that there is none.

use futures::future::BoxFuture;
use serde_json::Value;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// One argument of a rule or hook.
#[derive(Clone)]
pub enum Arg {
    /// `null`, for instance the `auth` of an anonymous caller.
    Null,
    /// `undefined`.
    Undefined,
    /// A value; converted only as far as the function mentions it.
    Json(Arc<Value>),
    /// A string, for instance an instance id.
    Text(Arc<str>),
    /// The `ctx` object with its `db` reads.
    Context(Arc<dyn Context>),
}

/// Where `ctx.db.*` reads go.
pub trait Context: Send + Sync {
    /// Performs one read; an `Err` rejects the promise that the rule awaits.
    fn read(&self, read: DbRead) -> BoxFuture<'static, Result<Value, ReadError>>;

    /// Whether `ctx` has what only hooks have: `waitUntil`, `databaseLive` and `push`.
    fn is_for_hooks(&self) -> bool {
        false
    }
}

/// Why a read of `ctx.db` failed; the text is what the rule is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReadError {
    /// The read itself is wrong: it fails as often as it is repeated.
    Refused(String),
    /// The database could not serve it now. An evaluation that does not allow after one of
    /// these has not completed: see [`Cause::ReadFailed`].
    Unavailable(String),
}

impl ReadError {
    pub(crate) fn into_message(self) -> String {
        match self {
            Self::Refused(message) | Self::Unavailable(message) => message,
        }
    }
}

impl From<String> for ReadError {
    fn from(message: String) -> Self {
        Self::Refused(message)
    }
}

/// Which function of `ctx.db` is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReadKind {
    Get,
    Exists,
    List,
}

/// One read asked for by a rule or hook.
#[derive(Clone, Debug, PartialEq)]
pub enum DbRead {
    /// `ctx.db.get(table, id)`.
    Get {
        /// The table.
        table: String,
        /// The record's id.
        id: String,
    },
    /// `ctx.db.exists(table, filter)`.
    Exists {
        /// The table.
        table: String,
        /// An equality map.
        filter: Value,
    },
    /// `ctx.db.list(table, options)`.
    List {
        /// The table.
        table: String,
        /// Options as the hook gave them; null when absent.
        options: Value,
    },
}

impl DbRead {
    /// The read that these arguments of `ctx.db.*` ask for; `None` stands for `undefined`.
    pub(crate) fn build(kind: ReadKind, arguments: Vec<Option<Value>>) -> Result<Self, String> {
        let mut arguments = arguments.into_iter();
        let Some(Value::String(table)) = arguments.next().flatten() else {
            return Err("ctx.db: the table's name must be a string".into());
        };
        let second = arguments.next().flatten();
        match kind {
            ReadKind::Get => match second {
                Some(Value::String(id)) => Ok(Self::Get { table, id }),
                Some(Value::Number(n)) => Ok(Self::Get { table, id: n.to_string() }),
                _ => Err("ctx.db.get: the id must be a string".into()),
            },
            ReadKind::Exists => match second {
                Some(filter @ Value::Object(_)) => Ok(Self::Exists { table, filter }),
                _ => Err("ctx.db.exists: the filter must be an object".into()),
            },
            ReadKind::List => Ok(Self::List { table, options: second.unwrap_or_default() }),
        }
    }
}

/// What a rule decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The evaluation completed with a truthy primitive, a plain object or an array.
    Allow,
    /// Anything else.
    Deny(Cause),
}

impl Decision {
    /// Whether it allows.
    #[must_use]
    pub fn is_allowed(&self) -> bool {
        matches!(self, Self::Allow)
    }
}

/// Why an evaluation did not allow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// It completed with a falsy value.
    Falsy,
    /// It completed with something that decides nothing: this.
    NoVerdict(&'static str),
    /// It threw or its promise was rejected, with this message.
    Threw(String),
    /// It used up its own limit of CPU time, loops, recursion or memory.
    Exceeded,
    /// What it was asked about is larger or nested deeper than rules are given.
    TooLarge,
    /// Its deadline passed while it waited for a thread, a read or a promise.
    Timeout,
    /// The queue before the engine has no room for this caller.
    Overload,
    /// The thread that evaluated it was lost to another evaluation.
    WorkerLost,
    /// This caller's evaluations of the function cost the engine threads lately; they are
    /// refused for a while.
    Suspended,
    /// A `ctx.db` read could not be served, with this message.
    ReadFailed(String),
    /// The engine has no such function.
    Unknown,
}

impl Cause {
    /// The names of the causes that are no verdicts, as metrics show them.
    pub const INCOMPLETE: [&'static str; 6] =
        ["timeout", "overload", "thread_lost", "suspended", "read_failed", "unknown"];

    /// Which of [`Self::INCOMPLETE`] this is; `None` for a verdict. A verdict is the function's
    /// own doing and final; anything else says that the engine could not complete the
    /// evaluation, which may succeed when it is repeated.
    #[must_use]
    pub fn incomplete(&self) -> Option<usize> {
        match self {
            Self::Falsy | Self::NoVerdict(_) | Self::Threw(_) | Self::Exceeded | Self::TooLarge => {
                None
            }
            Self::Timeout => Some(0),
            Self::Overload => Some(1),
            Self::WorkerLost => Some(2),
            Self::Suspended => Some(3),
            Self::ReadFailed(_) => Some(4),
            Self::Unknown => Some(5),
        }
    }

    /// Whether the function decided: see [`Self::incomplete`].
    #[must_use]
    pub fn is_verdict(&self) -> bool {
        self.incomplete().is_none()
    }
}

impl Cause {
    /// In words, of what is called so: a rule or a hook.
    #[must_use]
    pub fn describe(&self, what: &str) -> String {
        match self {
            Self::Falsy => format!("the {what} returned a falsy value"),
            Self::NoVerdict(value) => format!("the {what} returned {value}"),
            Self::Threw(message) => format!("the {what} threw: {message}"),
            Self::Exceeded => {
                format!("the {what} exceeded its limit of CPU time, loops, recursion or memory")
            }
            Self::TooLarge => {
                format!("the value is larger or nested deeper than {what}s are given")
            }
            Self::Timeout => format!("the {what} was not done in time"),
            Self::Overload => "too many rules are waiting to be evaluated".into(),
            Self::WorkerLost => format!("the thread evaluating the {what} was lost"),
            Self::Suspended => format!(
                "the {what} stalled the engine repeatedly for this caller and is suspended for a \
                 while"
            ),
            Self::ReadFailed(message) => format!("a read failed: {message}"),
            Self::Unknown => "the config has no such function".into(),
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.describe("rule"))
    }
}

/// The first row that a rule denied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowDenied {
    /// Its index among the rows given.
    pub index: usize,
    /// Why.
    pub cause: Cause,
}

/// What a hook threw.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Thrown {
    /// The HTTP status, when a typed EdgeBase error was thrown (its `code`, 400 to 599).
    pub code: Option<u16>,
    /// Its `slug`, if typed and given.
    pub slug: Option<String>,
    /// Its `data`, if typed and given.
    pub data: Option<Value>,
}

/// Why a hook gave no value.
#[derive(Clone, Debug, PartialEq)]
pub enum Failure {
    /// It threw or its promise was rejected.
    Threw {
        /// The error's message, or the thrown value as text.
        message: String,
        /// What a typed error said besides; all `None` for any other error.
        typed: Box<Thrown>,
    },
    /// Anything else.
    Ended(Cause),
}

impl From<Failure> for Cause {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Threw { message, .. } => Self::Threw(message),
            Failure::Ended(cause) => cause,
        }
    }
}

impl From<Cause> for Failure {
    fn from(cause: Cause) -> Self {
        Self::Ended(cause)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Cause::from(self.clone()).fmt(f)
    }
}

/// How a function is evaluated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Form {
    /// Natively, in place.
    Fast,
    /// As JavaScript, for this reason.
    Engine(String),
}

/// What one function has done since the engine started.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RuleMetrics {
    /// The function's place in the config, e.g. `databases.app.tables.posts.access.read`.
    pub path: String,
    /// Whether the fast form serves it.
    pub fast: bool,
    /// Evaluations; a batch of rows counts once per row looked at.
    pub evaluations: u64,
    /// Evaluations that the native form answered.
    pub fast_evaluations: u64,
    /// Outcomes other than allow, errors included.
    pub denials: u64,
    /// Outcomes other than allow and a falsy value.
    pub errors: u64,
    /// Evaluations that were not completed, by [`Cause::INCOMPLETE`].
    pub incomplete: [u64; Cause::INCOMPLETE.len()],
    /// Time between asking and answer, summed.
    pub time: Duration,
}

/// What bounds the engine.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Threads that evaluate JavaScript.
    pub workers: usize,
    /// Evaluations that may be queued or suspended per worker; more are refused.
    pub queue: usize,
    /// Evaluations that one caller may have queued or suspended; more are refused.
    pub share: usize,
    /// CPU time one uninterrupted stretch of JavaScript may take.
    pub slice: Duration,
    /// Iterations of one loop in one call.
    pub loop_iterations: u64,
    /// Nested calls.
    pub recursion: usize,
    /// Bytes one stretch may hold beyond what it had, when `Budgeted` is the process's
    /// allocator: JavaScript is interrupted at half of them, a built-in function stopped at all.
    pub memory: usize,
    /// Values that are converted for JavaScript at one time: every element and property counts.
    pub values: usize,
    /// Bytes of text that are converted at one time.
    pub text: usize,
    /// Levels of arrays and objects in a value that is converted.
    pub depth: usize,
    /// `ctx.db` reads one evaluation may make.
    pub reads: u32,
    /// Lost threads that have not ended, beyond which functions that ever cost one are refused.
    pub lost: usize,
    /// What the threads are called.
    pub name: &'static str,
    /// Whether native forms are used; without them JavaScript decides everything.
    pub native: bool,
    /// Whether a result that is not a boolean is reported, once per rule.
    pub development: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            workers: 2,
            queue: 1_024,
            share: 256,
            slice: Duration::from_millis(20),
            loop_iterations: 1_000_000,
            recursion: 200,
            memory: 64 << 20,
            values: 20_000,
            text: 4 << 20,
            depth: 128,
            reads: 64,
            lost: 16,
            name: "rules",
            native: true,
            development: false,
        }
    }
}
