//! How does a rule read the database?
//!
//! `ctx.db.get`, `exists` and `list` make a promise, post the read to the tokio runtime and
//! return; the answer comes back through the worker's inbox and settles the promise. Every
//! context object knows the call it was made for, so a promise shared between calls cannot
//! read on behalf of the wrong one.

use super::seat::Seat;
use super::{convert, effects};
use crate::api::{Context as Database, DbRead, Limits, ReadKind};
use crate::bounds::Room;
use crate::budget;
use crate::syntax::Mention;
use boa_engine::builtins::promise::ResolvingFunctions;
use boa_engine::object::ObjectInitializer;
use boa_engine::object::builtins::{JsFunction, JsPromise};
use boa_engine::property::Attribute;
use boa_engine::{Context, JsError, JsNativeError, JsResult, JsValue, NativeFunction, js_string};
use serde_json::Value;
use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;
use tokio::runtime::Handle;
use tokio::task::AbortHandle;

/// What a rule is told of an answer that is beyond the bounds of a value.
const TOO_LARGE: &str = "ctx.db: the answer is larger than a rule is given; ask for less";

/// A call that may read.
struct Reader {
    database: Arc<dyn Database>,
    left: u32,
    running: Vec<AbortHandle>,
}

struct Host {
    seat: Arc<Seat>,
    runtime: Handle,
    limits: Limits,
    stringify: JsFunction,
    readers: HashMap<u64, Reader>,
    /// Promises by read, with the call that waits.
    promised: HashMap<u64, (u64, ResolvingFunctions)>,
    next: u64,
    /// Calls whose promises have settled since somebody asked.
    settled: Vec<u64>,
}

thread_local! {
    static HOST: RefCell<Option<Host>> = const { RefCell::new(None) };
}

/// Makes this thread able to read.
pub(crate) fn open(seat: Arc<Seat>, runtime: Handle, limits: Limits, stringify: JsFunction) {
    let host = Host {
        seat,
        runtime,
        limits,
        stringify,
        readers: HashMap::new(),
        promised: HashMap::new(),
        next: 1,
        settled: Vec::new(),
    };
    HOST.with_borrow_mut(|h| *h = Some(host));
}

/// Forgets everything; must precede the end of the engine's context.
pub(crate) fn shut() {
    HOST.with_borrow_mut(|h| *h = None);
}

/// The `ctx` argument of a call.
pub(crate) fn context_object(
    call: u64,
    database: &Arc<dyn Database>,
    context: &mut Context,
) -> JsValue {
    HOST.with_borrow_mut(|h| {
        if let Some(host) = h {
            let database = Arc::clone(database);
            let reader = Reader { database, left: host.limits.reads, running: Vec::new() };
            host.readers.insert(call, reader);
        }
    });
    let function = |kind: ReadKind| {
        NativeFunction::from_copy_closure(move |_, args, context| read(call, kind, args, context))
    };
    let db = ObjectInitializer::new(context)
        .function(function(ReadKind::Get), js_string!("get"), 2)
        .function(function(ReadKind::Exists), js_string!("exists"), 2)
        .function(function(ReadKind::List), js_string!("list"), 2)
        .build();
    let ctx =
        ObjectInitializer::new(context).property(js_string!("db"), db, Attribute::all()).build();
    if database.is_for_hooks() {
        effects::furnish(&ctx, context);
    }
    ctx.into()
}

/// Ends a call's reading: reads under way are abandoned, their promises never settle.
pub(crate) fn finish(call: u64) {
    let dropped = HOST.with_borrow_mut(|h| {
        let host = h.as_mut()?;
        let reader = host.readers.remove(&call)?;
        let reads: Vec<u64> =
            host.promised.iter().filter(|(_, (c, _))| *c == call).map(|(r, _)| *r).collect();
        let promises: Vec<_> = reads.iter().filter_map(|r| host.promised.remove(r)).collect();
        Some((reader, promises))
    });
    if let Some((reader, _)) = dropped {
        reader.running.iter().for_each(AbortHandle::abort);
    }
}

/// The promise that an answer settles, and the call it belongs to.
pub(crate) fn promised(read: u64) -> Option<(u64, ResolvingFunctions)> {
    HOST.with_borrow_mut(|h| h.as_mut()?.promised.remove(&read))
}

/// Makes a pending promise tell when it settles.
pub(crate) fn announce(call: u64, promise: &JsPromise, context: &mut Context) -> JsResult<()> {
    let tell = NativeFunction::from_copy_closure(move |_, _, _| {
        HOST.with_borrow_mut(|h| {
            if let Some(host) = h {
                budget::exempt(|| host.settled.push(call));
            }
        });
        Ok(JsValue::undefined())
    });
    let tell = tell.to_js_function(context.realm());
    promise.then(Some(tell.clone()), Some(tell), context)?;
    Ok(())
}

/// A call whose promise has settled.
pub(crate) fn next_settled() -> Option<u64> {
    HOST.with_borrow_mut(|h| h.as_mut()?.settled.pop())
}

fn read(call: u64, kind: ReadKind, args: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let Some(stringify) = HOST.with_borrow(|h| h.as_ref().map(|h| h.stringify.clone())) else {
        return Err(refused("reads are not available here"));
    };
    let mut json = Vec::with_capacity(2);
    for arg in args.iter().take(2) {
        match convert::outward(arg, &stringify, context) {
            Ok(value) => json.push(value),
            Err(e) if e.as_engine().is_some() => return Err(e),
            Err(e) => return rejected(&convert::message_of(&e, context), context),
        }
    }
    let read = match DbRead::build(kind, json) {
        Ok(read) => read,
        Err(message) => return rejected(&message, context),
    };
    let (promise, resolvers) = JsPromise::new_pending(context);
    let posted =
        budget::exempt(|| HOST.with_borrow_mut(|h| post(h.as_mut(), call, read, resolvers)));
    match posted {
        Ok(()) => Ok(promise.into()),
        Err(message) => rejected(message, context),
    }
}

/// Delivers itself when dropped, so that a read that panics is answered too.
struct Answer {
    seat: Arc<Seat>,
    call: u64,
    read: u64,
    result: Result<Value, String>,
}

impl Answer {
    fn deliver(mut self, result: Result<Value, String>) {
        self.result = result;
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        let result = std::mem::replace(&mut self.result, Ok(Value::Null));
        self.seat.answer(self.call, self.read, result);
    }
}

fn post(
    host: Option<&mut Host>,
    call: u64,
    read: DbRead,
    resolvers: ResolvingFunctions,
) -> Result<(), &'static str> {
    let host = host.ok_or("reads are not available here")?;
    let reader =
        host.readers.get_mut(&call).ok_or("the call that this context belongs to is over")?;
    reader.left = reader.left.checked_sub(1).ok_or("too many reads in one evaluation")?;
    let number = host.next;
    host.next += 1;
    host.promised.insert(number, (call, resolvers));
    let seat = Arc::clone(&host.seat);
    let database = Arc::clone(&reader.database);
    let answer = Answer { seat, call, read: number, result: Err("the read failed".to_owned()) };
    let mut room = Room::new(&host.limits);
    let task = host.runtime.spawn(async move {
        let result = match database.read(read).await {
            // What it costs to convert must be known before a thread begins to.
            Ok(json) if room.take(&json, &Mention::All) => Ok(json),
            Ok(_) => Err(TOO_LARGE.to_owned()),
            Err(error) => Err(error.into_message()),
        };
        answer.deliver(result);
    });
    reader.running.push(task.abort_handle());
    Ok(())
}

/// An `Error` as a value, to reject a promise with.
pub(crate) fn error(message: &str, context: &mut Context) -> JsValue {
    JsNativeError::error().with_message(message.to_owned()).into_opaque(context).into()
}

pub(crate) fn refused(message: &'static str) -> JsError {
    JsNativeError::error().with_message(message).into()
}

fn rejected(message: &str, context: &mut Context) -> JsResult<JsValue> {
    let e: JsError = JsNativeError::error().with_message(message.to_owned()).into();
    Ok(JsPromise::reject(e, context)?.into())
}
