//! What is an error on its way out, whoever met it?
//!
//! One of ours, or one of PostgreSQL's that unwinds as a panic: with the code, text, detail and
//! hint that it was raised with. pgrx knows only the SQLSTATEs of its enum and turns all others,
//! class `EB` among them, into XX000, so the true one is noted while an error is reported.

use crate::error::Error;
use pgrx::pg_sys::panic::{CaughtError, ErrorReport, ErrorReportWithLevel};
use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// An error on its way out.
pub struct Failure {
    /// Its SQLSTATE, packed.
    pub code: i32,
    /// What it says.
    pub message: String,
    /// What else there is to say, for those who may see rows.
    pub detail: Option<String>,
    /// What to do about it.
    pub hint: Option<String>,
}

thread_local! {
    /// The raw code of the last error reported under the fence's `capturing`.
    static LAST_CODE: Cell<i32> = const { Cell::new(0) };
}

/// Notes the code of an error that PostgreSQL reports; 0 when work begins.
pub fn note_code(code: i32) {
    LAST_CODE.set(code);
}

/// Runs `work`, and gives what it fails or panics with.
pub fn caught<T>(work: impl FnOnce() -> Result<T, Error>) -> Result<T, Failure> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(done) => done.map_err(Failure::from),
        Err(payload) => Err(Failure::from_panic(&*payload)),
    }
}

/// PostgreSQL packs the five characters six bits each.
pub const fn pack(sqlstate: &str) -> i32 {
    let bytes = sqlstate.as_bytes();
    let mut code = 0;
    let mut i = 0;
    while i < 5 && i < bytes.len() {
        code |= (((bytes[i] as i32) - ('0' as i32)) & 0x3F) << (6 * i);
        i += 1;
    }
    code
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self {
            code: pack(error.sqlstate()),
            message: error.to_string(),
            detail: error.detail().map(str::to_owned),
            hint: error.hint().map(str::to_owned),
        }
    }
}

impl Failure {
    /// The five characters of its SQLSTATE.
    pub fn sqlstate(&self) -> String {
        let character = |i: u32| {
            let six = ((self.code >> (6 * i)) & 0x3F) as u8;
            char::from(six + b'0')
        };
        (0..5).map(character).collect()
    }

    /// From what a panic carries: PostgreSQL's own errors keep their code, text, detail and hint.
    pub fn from_panic(payload: &(dyn Any + Send)) -> Self {
        match payload.downcast_ref::<CaughtError>() {
            Some(CaughtError::PostgresError(report)) => return Self::from_report(report, true),
            Some(
                CaughtError::ErrorReport(report) | CaughtError::RustPanic { ereport: report, .. },
            ) => return Self::from_report(report, false),
            None => {}
        }
        if let Some(report) = payload.downcast_ref::<ErrorReportWithLevel>() {
            return Self::from_report(report, false);
        }
        let message = if let Some(report) = payload.downcast_ref::<ErrorReport>() {
            report.message().to_owned()
        } else if let Some(text) = payload.downcast_ref::<&str>() {
            (*text).to_owned()
        } else if let Some(text) = payload.downcast_ref::<String>() {
            text.clone()
        } else {
            "unknown panic".to_owned()
        };
        Self::from(Error::Internal(message))
    }

    fn from_report(report: &ErrorReportWithLevel, postgres: bool) -> Self {
        let known = report.sql_error_code() as isize as i32;
        let captured = LAST_CODE.get();
        // pgrx maps a code it does not know to XX000; the captured one is the true one.
        let lost = postgres && known == pack("XX000") && captured != 0;
        Self {
            code: if lost { captured } else { known },
            message: report.message().to_owned(),
            detail: report.detail().map(str::to_owned),
            hint: report.hint().map(str::to_owned),
        }
    }
}
