//! How does an error leave Rust with its SQLSTATE intact?
//!
//! pgrx's own reporting knows only the SQLSTATEs of its enum and turns all others, class `EB`
//! among them, into XX000. So errors are raised here by the raw code. [`Failure`] is the error
//! as Rust has it; [`Plain`] is the same as C has it, with nothing left to drop.

use crate::error::Error;
use pgrx::pg_sys;
use pgrx::pg_sys::panic::{CaughtError, ErrorReport, ErrorReportWithLevel};
use std::any::Any;
use std::cell::Cell;
use std::ffi::{CStr, CString, c_char, c_int};

unsafe extern "C-unwind" {
    fn errstart(level: c_int, domain: *const c_char) -> bool;
    fn errcode(code: c_int) -> c_int;
    fn errmsg_internal(format: *const c_char, ...) -> c_int;
    fn errdetail_internal(format: *const c_char, ...) -> c_int;
    fn errhint(format: *const c_char, ...) -> c_int;
    /// Unguarded, because it is called while an error is being reported.
    #[link_name = "geterrcode"]
    fn geterrcode_raw() -> c_int;
    fn errfinish(file: *const c_char, line: c_int, function: *const c_char);
}

thread_local! {
    /// The raw code of the last error reported under [`capturing`].
    static LAST_CODE: Cell<c_int> = const { Cell::new(0) };
}

/// PostgreSQL packs the five characters six bits each.
pub const fn pack(sqlstate: &str) -> c_int {
    let bytes = sqlstate.as_bytes();
    let mut code = 0;
    let mut i = 0;
    while i < 5 && i < bytes.len() {
        code |= (((bytes[i] as c_int) - ('0' as c_int)) & 0x3F) << (6 * i);
        i += 1;
    }
    code
}

/// An error on its way out.
pub struct Failure {
    code: c_int,
    message: String,
    detail: Option<String>,
    hint: Option<String>,
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

    /// What it says; detail and hint are left to those who may see rows.
    pub fn message(&self) -> &str {
        &self.message
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
        let known = report.sql_error_code() as isize as c_int;
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

    /// Copies the texts to memory of PostgreSQL's and drops the Rust ones.
    fn into_plain(self) -> Plain {
        let copy = |text: &str| -> *const c_char {
            let text = CString::new(text.replace('\0', "")).unwrap_or_default();
            // SAFETY: pstrdup copies a NUL-terminated string into the current memory context,
            // which outlives the error: errfinish copies it again before any context is reset.
            unsafe { pg_sys::pstrdup(text.as_ptr()) }
        };
        let copy_or_null = |t: Option<&String>| t.map_or(std::ptr::null(), |t| copy(t));
        Plain {
            code: self.code,
            message: copy(&self.message),
            detail: copy_or_null(self.detail.as_ref()),
            hint: copy_or_null(self.hint.as_ref()),
        }
    }
}

/// An error without anything to drop.
#[derive(Clone, Copy)]
pub struct Plain {
    code: c_int,
    message: *const c_char,
    detail: *const c_char,
    hint: *const c_char,
}

impl From<Failure> for Plain {
    fn from(failure: Failure) -> Self {
        failure.into_plain()
    }
}

impl Plain {
    /// For when not even the message could be copied.
    pub const OUT_OF_WORDS: Self = Self {
        code: pack("XX000"),
        message: c"edgebase: an error could not be reported".as_ptr(),
        detail: std::ptr::null(),
        hint: std::ptr::null(),
    };
}

/// Raises the error; control leaves by a long jump.
///
/// # Safety
/// No frame between here and PostgreSQL's handler may hold a value with a destructor, nor any
/// `catch_unwind`: callers do this as the last thing of a function that PostgreSQL called.
pub unsafe fn raise(error: Plain) -> ! {
    const TEXT: &CStr = c"%s";
    // SAFETY: the calls follow the ereport macro: errstart, fields, errfinish, on this thread;
    // pointers are NUL-terminated strings made by `into_plain` or constants.
    unsafe {
        if errstart(pgrx::PgLogLevel::ERROR as c_int, std::ptr::null()) {
            errcode(error.code);
            errmsg_internal(TEXT.as_ptr(), error.message);
            if !error.detail.is_null() {
                errdetail_internal(TEXT.as_ptr(), error.detail);
            }
            if !error.hint.is_null() {
                errhint(TEXT.as_ptr(), error.hint);
            }
        }
        errfinish(c"edgebase".as_ptr(), 0, c"edgebase".as_ptr());
    }
    unreachable!("an ERROR never returns")
}

/// Does `work`, and notes the raw SQLSTATE of every error reported meanwhile.
pub fn capturing<T>(work: impl FnOnce() -> T) -> T {
    /// Takes the node off the list again, also when `work` unwinds: pgrx's guard restores the
    /// head on the way out of an ERROR, so the head is our node in either case.
    struct Unlink(*mut pg_sys::ErrorContextCallback);
    impl Drop for Unlink {
        fn drop(&mut self) {
            // SAFETY: the node is in the frame below, which outlives this.
            unsafe { pg_sys::error_context_stack = self.0 };
        }
    }
    LAST_CODE.set(0);
    // SAFETY: error_context_stack is a linked list whose head we may push on to; the node stays in
    // this frame until it is unlinked.
    let mut node = pg_sys::ErrorContextCallback {
        previous: unsafe { pg_sys::error_context_stack },
        callback: Some(note_code),
        arg: std::ptr::null_mut(),
    };
    let _unlink = Unlink(node.previous);
    // SAFETY: as above.
    unsafe { pg_sys::error_context_stack = &mut node };
    work()
}

/// Called by errfinish for each report; reads, and changes nothing.
unsafe extern "C-unwind" fn note_code(_: *mut std::ffi::c_void) {
    // SAFETY: inside a report geterrcode is defined; it only reads.
    LAST_CODE.set(unsafe { geterrcode_raw() });
}
