//! How are settings changed for a transaction or a scope?

use crate::error::Error;
use pgrx::pg_sys;
use std::ffi::{CString, c_int};

/// Settings made while it lives are undone when it is dropped.
pub struct Scope {
    level: c_int,
}

impl Scope {
    pub fn open() -> Self {
        // SAFETY: opens a nesting level, closed by `drop` or by the abort of the transaction.
        Self { level: unsafe { pg_sys::NewGUCNestLevel() } }
    }

    /// `name = value` for as long as the scope lasts, as a function's `SET` clause has it: what is
    /// set locally would outlive the scope.
    pub fn set(&self, name: &str, value: &str) -> Result<(), Error> {
        assign(name, value, pg_sys::GucAction::GUC_ACTION_SAVE)
    }
}

impl Drop for Scope {
    fn drop(&mut self) {
        // On the way out of an ERROR the abort closes every level (invariant 4 of the fence).
        if !std::thread::panicking() {
            // SAFETY: closes the level opened above and any left open inside it.
            unsafe { pg_sys::AtEOXact_GUC(true, self.level) };
        }
    }
}

/// Whether a function with a `SET` clause is running: what is set now would end with it and not
/// with the transaction.
pub fn inside_function_scope() -> bool {
    // Outside of such functions each (sub)transaction opens exactly one level.
    let scope = Scope::open();
    // SAFETY: reads a variable.
    scope.level != unsafe { pg_sys::GetCurrentTransactionNestLevel() } + 1
}

/// `SET LOCAL name = value`.
pub fn set_local(name: &str, value: &str) -> Result<(), Error> {
    assign(name, value, pg_sys::GucAction::GUC_ACTION_LOCAL)
}

fn assign(name: &str, value: &str, action: pg_sys::GucAction::Type) -> Result<(), Error> {
    let text = |t: &str| CString::new(t).map_err(|e| Error::Internal(e.to_string()));
    let (name, value) = (text(name)?, text(value)?);
    // SAFETY: NUL-terminated strings, copied by the callee; errors unwind.
    unsafe {
        pg_sys::set_config_option(
            name.as_ptr(),
            value.as_ptr(),
            pg_sys::GucContext::PGC_USERSET,
            pg_sys::GucSource::PGC_S_SESSION,
            action,
            true,
            0,
            false,
        );
    }
    Ok(())
}

/// `statement_timeout` as it stands, in milliseconds.
pub fn statement_timeout() -> i32 {
    // SAFETY: reads a variable.
    unsafe { pg_sys::StatementTimeout }
}

/// `lock_timeout` as it stands, in milliseconds.
pub fn lock_timeout() -> i32 {
    // SAFETY: reads a variable.
    unsafe { pg_sys::LockTimeout }
}

/// `work_mem` as it stands, in kB.
pub fn work_mem() -> i32 {
    // SAFETY: reads a variable.
    unsafe { pg_sys::work_mem }
}

/// Refuses settings `edgebase.*` that are not ours: a misspelt limit would be no limit.
pub fn reserve_prefix() {
    // SAFETY: called while the library loads, after our settings are defined.
    unsafe { pg_sys::MarkGUCPrefixReserved(c"edgebase".as_ptr()) };
}
