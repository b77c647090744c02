//! How does an error leave Rust with its SQLSTATE intact?
//!
//! pgrx's own reporting knows only the SQLSTATEs of its enum and turns all others, class `EB`
//! among them, into XX000. So errors are raised here by the raw code, which also is noted of those
//! that come from PostgreSQL. [`Failure`] is an error as Rust has it; [`Plain`] is the same as C has
//! it, with nothing left to drop.

use crate::failure::{Failure, pack};
use pgrx::pg_sys;
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
    static LAST_CODE: Cell<c_int> = const { Cell::new(0) };
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
        let copy_or_null = |text: Option<String>| text.map_or(std::ptr::null(), |t| copy(&t));
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
    // pointers are NUL-terminated strings, copied by `Plain::from` or constant.
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

/// The raw SQLSTATE of the last error reported under [`capturing`]; 0 when there was none.
pub fn last_code() -> c_int {
    LAST_CODE.get()
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
