//! What is switched for a while, and how does it come back?
//!
//! The user, settings, and whether work counts. On the ordinary way out it is switched back here or
//! by whoever switched it, and on the way out of an ERROR by the abort (invariant 4 of the fence).

use super::plain;
use crate::error::Error;
use edgebase_blocks::settings::Setting;
use pgrx::pg_sys::{self, GucAction, Oid};
use std::ffi::{CString, c_int};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;

/// The effective user and its security context.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    /// The role whose rights count.
    pub user: Oid,
    /// Flags that make PostgreSQL refuse this and that.
    pub context: c_int,
}

impl Identity {
    /// The one that is in force.
    pub fn current() -> Self {
        let (mut user, mut context) = (Oid::INVALID, 0);
        // SAFETY: writes two locals.
        unsafe { pg_sys::GetUserIdAndSecContext(&mut user, &mut context) };
        Self { user, context }
    }

    /// Makes this the effective identity. Undone by the end of an aborted (sub)transaction, and
    /// otherwise by whoever set it.
    pub fn assume(self) {
        // SAFETY: sets two variables of the backend; any user id is allowed.
        unsafe { pg_sys::SetUserIdAndSecContext(self.user, self.context) };
    }
}

/// Settings made while it lives are undone when it is dropped, in whatever way they were made: a
/// plain `SET` or `set_config(..., false)` by what ran inside, too. PostgreSQL does the same around
/// the functions of an index.
pub struct Scope {
    level: c_int,
}

impl Scope {
    /// Opens a nesting level of settings.
    pub fn open() -> Self {
        // SAFETY: closed by `drop` or by the abort of the transaction.
        Self { level: unsafe { pg_sys::NewGUCNestLevel() } }
    }

    /// How deep it is. Each (sub)transaction opens one level, and so does each call of a function
    /// that has a `SET` clause.
    pub fn level(&self) -> c_int {
        self.level
    }

    /// `name = value` for as long as the scope lasts, as a function's `SET` clause has it: what is
    /// set locally would outlive the scope.
    pub fn set(&self, name: &str, value: &str) -> Result<(), Error> {
        assign(name, value, GucAction::GUC_ACTION_SAVE)
    }

    /// The same for each setting that has another value.
    pub fn pin(&self, settings: &[Setting]) -> Result<(), Error> {
        let differs = |name: &str, value| {
            let name = CString::new(name).unwrap_or_default();
            plain::GetConfigOption(&name, true, false).as_deref() != Some(value)
        };
        let mut others = settings.iter().filter(|(name, value)| differs(name, *value));
        others.try_for_each(|(name, value)| self.set(name, value))
    }
}

impl Drop for Scope {
    fn drop(&mut self) {
        // On the way out of an ERROR the abort closes every level.
        if !thread::panicking() {
            // As for an abort: a commit would hand on to the level outside what a plain SET made.
            // SAFETY: closes the level opened above and any left open inside it.
            unsafe { pg_sys::AtEOXact_GUC(false, self.level) };
        }
    }
}

/// `SET LOCAL name = value`.
pub fn set_local(name: &str, value: &str) -> Result<(), Error> {
    assign(name, value, GucAction::GUC_ACTION_LOCAL)
}

fn assign(name: &str, value: &str, action: GucAction::Type) -> Result<(), Error> {
    let text = |t: &str| CString::new(t).map_err(|e| Error::Internal(e.to_string()));
    let (name, value) = (text(name)?, text(value)?);
    let (user, session) = (pg_sys::GucContext::PGC_USERSET, pg_sys::GucSource::PGC_S_SESSION);
    let (name, value) = (name.as_ptr(), value.as_ptr());
    // SAFETY: NUL-terminated strings, copied by the callee, and what any user may do.
    unsafe { pg_sys::set_config_option(name, value, user, session, action, true, 0, false) };
    Ok(())
}

/// Runs `work` in a subtransaction. It is kept if `keeps` says so of what `work` gave, and rolled
/// back otherwise, as it is when `work` unwinds.
pub fn subtransaction<T>(
    work: impl FnOnce() -> T,
    keeps: impl FnOnce(&T) -> bool,
) -> thread::Result<T> {
    // SAFETY: as PL/pgSQL does for a block with an exception clause: context and resource owner
    // are those of before again afterwards, also when `work` unwound with an ERROR, which pgrx's
    // guard has already taken off PostgreSQL's error stack.
    unsafe {
        let (context, owner) = (pg_sys::CurrentMemoryContext, pg_sys::CurrentResourceOwner);
        pg_sys::BeginInternalSubTransaction(std::ptr::null());
        pg_sys::CurrentMemoryContext = context;
        let outcome = catch_unwind(AssertUnwindSafe(work));
        if outcome.as_ref().is_ok_and(keeps) {
            pg_sys::ReleaseCurrentSubTransaction();
        } else {
            pg_sys::RollbackAndReleaseCurrentSubTransaction();
        }
        pg_sys::CurrentMemoryContext = context;
        pg_sys::CurrentResourceOwner = owner;
        outcome
    }
}
