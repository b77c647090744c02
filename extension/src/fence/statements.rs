//! How many statements is a text, and how is work tried that may fail?

use super::raise::Failure;
use crate::error::Error;
use pgrx::pg_sys;
use std::ffi::CString;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// The number of SQL statements in a text; a syntax error is PostgreSQL's own.
pub fn count(sql: &str) -> Result<usize, Error> {
    let text = CString::new(sql).map_err(|_| Error::NotOneStatement(sql.to_owned()))?;
    // SAFETY: the parser copies what it keeps; a null list is an empty one.
    unsafe {
        let list = pg_sys::raw_parser(text.as_ptr(), pg_sys::RawParseMode::RAW_PARSE_DEFAULT);
        Ok(if list.is_null() { 0 } else { (*list).length as usize })
    }
}

/// Runs `work` in a subtransaction that is rolled back whatever happens, then gives its result
/// or goes on unwinding with its error.
pub fn trial<T>(work: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    // SAFETY: as PL/pgSQL does for a block with an exception clause: context and resource owner
    // are those of before again after the rollback, also when `work` unwound with an ERROR,
    // which pgrx's guard has already taken off PostgreSQL's error stack.
    unsafe {
        let (context, owner) = (pg_sys::CurrentMemoryContext, pg_sys::CurrentResourceOwner);
        pg_sys::BeginInternalSubTransaction(std::ptr::null());
        pg_sys::CurrentMemoryContext = context;
        let outcome = catch_unwind(AssertUnwindSafe(work));
        pg_sys::RollbackAndReleaseCurrentSubTransaction();
        pg_sys::CurrentMemoryContext = context;
        pg_sys::CurrentResourceOwner = owner;
        outcome.unwrap_or_else(|payload| resume_unwind(payload))
    }
}

/// Runs `work` in a subtransaction that is kept when it succeeds. When it fails, nothing of it is
/// left and the failure is the result, unless its SQLSTATE is one to pass on: then it goes on
/// unwinding.
pub fn attempt<T>(
    work: impl FnOnce() -> Result<T, Error>,
    passes: impl FnOnce(&str) -> bool,
) -> Result<T, Failure> {
    // SAFETY: as for `trial`; released when `work` came back in good order.
    unsafe {
        let (context, owner) = (pg_sys::CurrentMemoryContext, pg_sys::CurrentResourceOwner);
        pg_sys::BeginInternalSubTransaction(std::ptr::null());
        pg_sys::CurrentMemoryContext = context;
        let outcome = catch_unwind(AssertUnwindSafe(work));
        match &outcome {
            Ok(Ok(_)) => pg_sys::ReleaseCurrentSubTransaction(),
            Ok(Err(_)) | Err(_) => pg_sys::RollbackAndReleaseCurrentSubTransaction(),
        }
        pg_sys::CurrentMemoryContext = context;
        pg_sys::CurrentResourceOwner = owner;
        match outcome {
            Ok(done) => done.map_err(Failure::from),
            Err(payload) => {
                let failure = Failure::from_panic(&*payload);
                if passes(&failure.sqlstate()) {
                    resume_unwind(payload);
                }
                Err(failure)
            }
        }
    }
}
