//! How does an error leave Rust with its SQLSTATE intact?
//!
//! pgrx's own reporting knows only the SQLSTATEs of its enum and turns all others, class `EB`
//! among them, into XX000. So errors are raised here by the raw code, which also is noted of those
//! that come from PostgreSQL. [`Failure`] is an error as Rust has it; [`Plain`] is the same as C has
//! it, with nothing left to drop.

use crate::failure::{self, Failure, pack};
use pgrx::pg_sys::{self, ErrorContextCallback, ErrorData};
use std::ffi::{CString, c_char, c_int, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::ptr::{null, null_mut};

unsafe extern "C-unwind" {
    /// Unguarded, because it leaves by a long jump.
    #[link_name = "ThrowErrorData"]
    fn throw(error: *mut ErrorData);
    /// Unguarded, because it is called while an error is being reported.
    fn geterrcode() -> c_int;
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
        let copy = |text: &str| -> *const c_char {
            let text = CString::new(text.replace('\0', "")).unwrap_or_default();
            // SAFETY: pstrdup copies a NUL-terminated string into the current memory context,
            // which outlives the error: errfinish copies it again before any context is reset.
            unsafe { pg_sys::pstrdup(text.as_ptr()) }
        };
        let copy_or_null = |text: Option<String>| text.map_or(null(), |t| copy(&t));
        Self {
            code: failure.code,
            message: copy(&failure.message),
            detail: copy_or_null(failure.detail),
            hint: copy_or_null(failure.hint),
        }
    }
}

impl Plain {
    /// For when not even the message could be copied.
    pub const OUT_OF_WORDS: Self = Self {
        code: pack("XX000"),
        message: c"edgebase: an error could not be reported".as_ptr(),
        detail: null(),
        hint: null(),
    };
}

/// Raises the error; control leaves by a long jump.
///
/// # Safety
/// No frame between here and PostgreSQL's handler may hold a value with a destructor, nor any
/// `catch_unwind`: callers do this as the last thing of a function that PostgreSQL called.
pub unsafe fn raise(error: Plain) -> ! {
    let mut error = ErrorData {
        elevel: pgrx::PgLogLevel::ERROR as c_int,
        filename: c"edgebase".as_ptr(),
        funcname: c"edgebase".as_ptr(),
        sqlerrcode: error.code,
        message: error.message.cast_mut(),
        detail: error.detail.cast_mut(),
        hint: error.hint.cast_mut(),
        ..ErrorData::default()
    };
    // SAFETY: texts are null or NUL-terminated, copied by `Plain::from` or constant, and what is
    // raised is a copy.
    unsafe { throw(&mut error) };
    unreachable!("an ERROR never returns")
}

/// Does `work`, and has the raw SQLSTATE of every error noted that is reported meanwhile.
pub fn capturing<T>(work: impl FnOnce() -> T) -> T {
    failure::note_code(0);
    // SAFETY: error_context_stack is a linked list whose head we may push on to. The node stays in
    // this frame until it is taken off again, also when `work` unwinds: pgrx's guard restores the
    // head on the way out of an ERROR, so the head is our node in either case.
    let outcome = unsafe {
        let previous = pg_sys::error_context_stack;
        let mut node =
            ErrorContextCallback { previous, callback: Some(on_report), arg: null_mut() };
        pg_sys::error_context_stack = &mut node;
        let outcome = catch_unwind(AssertUnwindSafe(work));
        pg_sys::error_context_stack = previous;
        outcome
    };
    outcome.unwrap_or_else(|payload| resume_unwind(payload))
}

/// Called by errfinish for each report; reads, and changes nothing.
unsafe extern "C-unwind" fn on_report(_: *mut c_void) {
    // SAFETY: inside a report geterrcode is defined; it only reads.
    failure::note_code(unsafe { geterrcode() });
}
