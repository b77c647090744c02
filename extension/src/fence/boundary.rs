//! How does a call from SQL reach safe Rust and come back?
//!
//! [`call`] is the body of every function that SQL can call: it hands the arguments over as
//! [`Args`], catches every panic, and either returns the answer or raises the error as the very
//! last thing, when nothing is left to drop.

use super::raise::{Failure, Plain, capturing, raise};
use crate::answer::Answer;
use crate::error::Error;
use pgrx::datum::{DatumWithOid, IntoDatum, JsonB};
use pgrx::fcinfo::{pg_getarg, pg_getarg_datum, pg_return_null};
use pgrx::pg_sys::{self, NodeTag};
use serde_json::Value;
use std::ffi::CStr;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// The arguments of the call in progress.
pub struct Args {
    fcinfo: pg_sys::FunctionCallInfo,
}

impl Args {
    /// A `text` argument that may not be null.
    pub fn text(&self, n: usize, name: &'static str) -> Result<String, Error> {
        self.text_or_null(n).ok_or(Error::NullArgument(name))
    }

    /// A `text` argument.
    pub fn text_or_null(&self, n: usize) -> Option<String> {
        // SAFETY: fcinfo is valid for the call, and bootstrap.sql declares argument n as text.
        unsafe { pg_getarg::<String>(self.fcinfo, n) }
    }

    /// A `text[]` argument without nulls.
    pub fn texts(&self, n: usize, name: &'static str) -> Result<Vec<String>, Error> {
        self.texts_or_null(n, name)?.ok_or(Error::NullArgument(name))
    }

    /// A `text[]` argument, null as a whole or without any null in it.
    pub fn texts_or_null(
        &self,
        n: usize,
        name: &'static str,
    ) -> Result<Option<Vec<String>>, Error> {
        // SAFETY: as above, declared as text[].
        let texts = unsafe { pg_getarg::<Vec<Option<String>>>(self.fcinfo, n) };
        let texts = texts.map(|all| all.into_iter().collect::<Option<_>>());
        texts.map(|all| all.ok_or(Error::NullArgument(name))).transpose()
    }

    /// A `boolean` argument; null counts as false.
    pub fn flag(&self, n: usize) -> bool {
        // SAFETY: as above, declared as boolean.
        unsafe { pg_getarg::<bool>(self.fcinfo, n) }.unwrap_or(false)
    }

    /// An `oid` argument of a STRICT function.
    pub fn oid(&self, n: usize) -> pg_sys::Oid {
        // SAFETY: as above, declared as oid.
        unsafe { pg_getarg::<pg_sys::Oid>(self.fcinfo, n) }.unwrap_or(pg_sys::Oid::INVALID)
    }

    /// A `bigint` argument; null counts as 0.
    pub fn bigint(&self, n: usize) -> i64 {
        // SAFETY: as above, declared as bigint.
        unsafe { pg_getarg::<i64>(self.fcinfo, n) }.unwrap_or(0)
    }

    /// A `jsonb` argument that may not be null.
    pub fn json(&self, n: usize, name: &'static str) -> Result<Value, Error> {
        // SAFETY: as above, declared as jsonb.
        let json = unsafe { pg_getarg::<JsonB>(self.fcinfo, n) };
        json.map(|j| j.0).ok_or(Error::NullArgument(name))
    }

    /// A `jsonb` argument as PostgreSQL has it, to be bound to statements: parsing it here would
    /// round its numbers.
    pub fn jsonb_datum(&self, n: usize, name: &'static str) -> Result<DatumWithOid<'_>, Error> {
        // SAFETY: declared as jsonb; the datum lives as long as the call, and so does `self`.
        unsafe {
            let datum = pg_getarg_datum(self.fcinfo, n).ok_or(Error::NullArgument(name))?;
            Ok(DatumWithOid::new(datum, pg_sys::JSONBOID))
        }
    }

    /// The names given to the `DROP EXTENSION` that an event trigger is called for; none when
    /// the call is anything else.
    pub fn dropped_extensions(&self) -> Vec<String> {
        // SAFETY: fcinfo is valid for the call; its context is null or a node, every node begins
        // with its tag, and the tag says which structure it is. DROP EXTENSION lists its objects
        // as strings.
        unsafe {
            let context = (*self.fcinfo).context;
            if context.is_null() || (*context).type_ != NodeTag::T_EventTriggerData {
                return Vec::new();
            }
            let statement = (*context.cast::<pg_sys::EventTriggerData>()).parsetree;
            if statement.is_null() || (*statement).type_ != NodeTag::T_DropStmt {
                return Vec::new();
            }
            let drop = &*statement.cast::<pg_sys::DropStmt>();
            if drop.removeType != pg_sys::ObjectType::OBJECT_EXTENSION {
                return Vec::new();
            }
            let names = &*drop.objects;
            let name = |cell: &pg_sys::ListCell| {
                let name = &*cell.ptr_value.cast::<pg_sys::String>();
                CStr::from_ptr(name.sval).to_string_lossy().into_owned()
            };
            std::slice::from_raw_parts(names.elements, names.length as usize)
                .iter()
                .map(name)
                .collect()
        }
    }
}

enum Outcome {
    Done(pg_sys::Datum),
    Failed(Plain),
}

/// Runs `body` for a call from PostgreSQL.
///
/// # Safety
/// `fcinfo` is the argument PostgreSQL passed to the exported function that calls this as its
/// only statement.
pub unsafe fn call(
    fcinfo: pg_sys::FunctionCallInfo,
    body: fn(&Args) -> Result<Answer, Error>,
) -> pg_sys::Datum {
    match run(fcinfo, body) {
        Outcome::Done(datum) => datum,
        // SAFETY: `run` has returned and dropped everything; `Plain` is Copy, and the caller is
        // a function that PostgreSQL called.
        Outcome::Failed(plain) => unsafe { raise(plain) },
    }
}

#[inline(never)]
fn run(fcinfo: pg_sys::FunctionCallInfo, body: fn(&Args) -> Result<Answer, Error>) -> Outcome {
    guarded(|| {
        let answer = capturing(|| body(&Args { fcinfo }))?;
        Ok(match answer {
            // SAFETY: fcinfo is valid for the call; this sets its null flag.
            Answer::Nothing | Answer::Null => unsafe { pg_return_null(fcinfo) },
            Answer::Text(text) => text.into_datum().unwrap_or(pg_sys::Datum::null()),
            Answer::Json(json) => JsonB(json).into_datum().unwrap_or(pg_sys::Datum::null()),
            Answer::Bool(yes) => pg_sys::Datum::from(yes),
            Answer::Int(n) => pg_sys::Datum::from(n),
            Answer::Big(n) => pg_sys::Datum::from(n),
        })
    })
    .map_or_else(Outcome::Failed, Outcome::Done)
}

/// Runs `work`; what it returns or panics with as an error comes back ready to be raised.
pub fn guarded<T>(work: impl FnOnce() -> Result<T, Error>) -> Result<T, Plain> {
    let failure = match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(value)) => return Ok(value),
        Ok(Err(error)) => Failure::from(error),
        Err(payload) => Failure::from_panic(&*payload),
    };
    // Copying the texts can itself fail when memory has run out.
    Err(catch_unwind(AssertUnwindSafe(|| Plain::from(failure))).unwrap_or(Plain::OUT_OF_WORDS))
}
