//! How does an error leave Rust with its SQLSTATE intact?
//!
//! pgrx's own reporting knows only the SQLSTATEs of its enum and turns all others, class `EB`
//! among them, into XX000. So errors are raised here by the raw code, which also is noted of those
//! that come from PostgreSQL. [`Failure`] is an error as Rust has it; [`Plain`] is the same as C
//! has it, with nothing left to drop.

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

/// An error without anything to drop: its SQLSTATE, and message, detail and hint, each null or
/// NUL-terminated.
#[derive(Clone, Copy)]
pub struct Plain {
    code: c_int,
    texts: [*const c_char; 3],
}

impl From<Failure> for Plain {
    fn from(failure: Failure) -> Self {
        let copy = |text: Option<String>| {
            let text = text.map(|t| CString::new(t.replace('\0', "")).unwrap_or_default());
            // SAFETY: pstrdup copies a NUL-terminated string into the current memory context,
            // which outlives the error: raising copies it again before any context is reset.
            text.map_or(null(), |t| unsafe { pg_sys::pstrdup(t.as_ptr()) }.cast_const())
        };
        let texts = [Some(failure.message), failure.detail, failure.hint].map(copy);
        Self { code: failure.code, texts }
    }
}

impl Plain {
    /// For when not even the message could be copied.
    pub const OUT_OF_WORDS: Self = Self {
        code: pack("XX000"),
        texts: [c"edgebase: an error could not be reported".as_ptr(), null(), null()],
    };
}

/// Raises the error; control leaves by a long jump.
///
/// # Safety
/// No frame between here and PostgreSQL's handler may hold a value with a destructor, nor any
/// `catch_unwind`: callers do this as the last thing of a function that PostgreSQL called.
pub unsafe fn raise(error: Plain) -> ! {
    let [message, detail, hint] = error.texts.map(<*const c_char>::cast_mut);
    let mut error = ErrorData {
        elevel: pgrx::PgLogLevel::ERROR as c_int,
        filename: c"edgebase".as_ptr(),
        funcname: c"edgebase".as_ptr(),
        sqlerrcode: error.code,
        message,
        detail,
        hint,
        ..ErrorData::default()
    };
    // SAFETY: the texts are as `Plain` has them, and what is raised is a copy.
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
