//! How does a call from PostgreSQL reach safe Rust and come back?
//!
//! [`callback`] is the body of every function that PostgreSQL calls, [`call`] of those that SQL
//! calls: it hands the arguments over as [`Args`]. Both catch every panic, and either return the
//! answer or raise the error as the very last thing, when nothing is left to drop.

use super::plain;
use super::raise::{Plain, capturing, raise};
use super::statements;
use crate::answer::Answer;
use crate::error::Error;
use crate::failure::caught;
use pgrx::datum::{DatumWithOid, FromDatum};
use pgrx::direct_function_call;
use pgrx::fcinfo::{pg_getarg, pg_return_null};
use pgrx::pg_sys::{self, Datum, FunctionCallInfo, Oid};
use std::ffi::CStr;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// The arguments of the call in progress. What safe code does with them is in [`crate::args`].
pub struct Args {
    fcinfo: FunctionCallInfo,
}

impl Args {
    /// An argument that the SQL files declare as what `T` stands for.
    pub fn get<T: FromDatum>(&self, n: usize) -> Option<T> {
        // SAFETY: fcinfo is valid for the call, and argument n is as declared (invariant 5).
        unsafe { pg_getarg(self.fcinfo, n) }
    }

    /// A `jsonb` argument as PostgreSQL has it, to be bound to statements: parsing it here would
    /// round its numbers.
    pub fn jsonb_datum(&self, n: usize, name: &'static str) -> Result<DatumWithOid<'_>, Error> {
        let datum = self.get::<Datum>(n).ok_or(Error::NullArgument(name))?;
        // SAFETY: declared as jsonb; the datum lives as long as the call, and so does `self`.
        Ok(unsafe { DatumWithOid::new(datum, pg_sys::JSONBOID) })
    }

    /// A `jsonb` argument as PostgreSQL writes it.
    pub fn jsonb_text(&self, n: usize) -> Option<String> {
        let datum = self.get::<Datum>(n)?;
        // SAFETY: declared as jsonb, which is what the function takes; its result is copied.
        let text = unsafe { direct_function_call::<&CStr>(pg_sys::jsonb_out, &[Some(datum)]) };
        text.map(|text| text.to_string_lossy().into_owned())
    }

    /// The names given to the `DROP EXTENSION` that an event trigger is called for; none when
    /// the call is anything else.
    pub fn dropped_extensions(&self) -> Vec<String> {
        // SAFETY: fcinfo is valid for the call; its context is null or a node.
        unsafe { statements::dropped_extensions((*self.fcinfo).context) }.unwrap_or_default()
    }

    /// The roles given to the `DROP OWNED` that an event trigger is called for; none when the call
    /// is anything else.
    pub fn dropped_owners(&self) -> Vec<Oid> {
        // SAFETY: as above.
        unsafe { statements::dropped_owners((*self.fcinfo).context) }.unwrap_or_default()
    }
}

/// Runs `body` for a call from SQL.
///
/// # Safety
/// `fcinfo` is the argument PostgreSQL passed to the exported function that calls this as its
/// only statement.
pub unsafe fn call(fcinfo: FunctionCallInfo, body: fn(&Args) -> Result<Answer, Error>) -> Datum {
    let answer = || {
        let answer = capturing(|| body(&Args { fcinfo }))?;
        // SAFETY: fcinfo is valid for the call; this sets its null flag.
        Ok(answer.datum().unwrap_or_else(|| unsafe { pg_return_null(fcinfo) }))
    };
    // SAFETY: PostgreSQL called the caller, which holds nothing.
    unsafe { callback(answer) }
}

/// The same for what changes the database, which a standby and a read-only transaction refuse before
/// anything of it is begun.
///
/// # Safety
/// As of [`call`].
pub unsafe fn change(fcinfo: FunctionCallInfo, body: fn(&Args) -> Result<Answer, Error>) -> Datum {
    if plain::XactReadOnly() {
        // SAFETY: as promised.
        return unsafe { call(fcinfo, |_| Err(Error::ReadOnly)) };
    }
    // SAFETY: as promised.
    unsafe { call(fcinfo, body) }
}

/// Does `work` for PostgreSQL.
///
/// # Safety
/// PostgreSQL called the caller, which holds nothing with a destructor: an error jumps over it.
pub unsafe fn callback<T: Copy>(work: impl FnOnce() -> Result<T, Error>) -> T {
    match ready(work) {
        Ok(value) => value,
        // SAFETY: everything was dropped when that returned; `Plain` is Copy.
        Err(plain) => unsafe { raise(plain) },
    }
}

/// What `work` gives, or the error ready to be raised.
#[inline(never)]
fn ready<T>(work: impl FnOnce() -> Result<T, Error>) -> Result<T, Plain> {
    caught(work).map_err(|failure| {
        // Copying the texts can itself fail when memory has run out.
        catch_unwind(AssertUnwindSafe(|| failure.into())).unwrap_or(Plain::OUT_OF_WORDS)
    })
}
