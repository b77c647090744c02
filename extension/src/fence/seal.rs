//! How is a transaction sealed into a tenant, and how does the seal end?
//!
//! [`seal`] makes the instance role the effective user with the flag that makes PostgreSQL core
//! refuse `SET ROLE` and the like. It ends with the transaction and no earlier:
//!
//! * abort: core restores the user that the (sub)transaction began with;
//! * commit: core does not, so [`at_transaction`] restores it just before, after deferred
//!   triggers have run as the tenant;
//! * rollback to a savepoint from before the seal: core restores, [`at_subtransaction`] notes it.

use super::identity::{Identity, LOCAL_CHANGE};
use pgrx::pg_sys::{self, Oid};
use std::cell::Cell;
use std::ffi::{c_int, c_void};

#[derive(Clone, Copy)]
struct Seal {
    outer: Identity,
    /// The nesting level of the subtransaction whose rollback would undo the seal.
    level: c_int,
}

thread_local! {
    static SEAL: Cell<Option<Seal>> = const { Cell::new(None) };
}

fn level() -> c_int {
    // SAFETY: reads a variable.
    unsafe { pg_sys::GetCurrentTransactionNestLevel() }
}

/// Whether the transaction is sealed.
pub fn is_sealed() -> bool {
    SEAL.get().is_some()
}

/// Seals the transaction. The caller has checked that it is not sealed already.
pub fn seal(role: Oid) {
    let outer = Identity::current();
    SEAL.set(Some(Seal { outer, level: level() }));
    Identity { user: role, context: outer.context | LOCAL_CHANGE }.assume();
}

/// Registers the callbacks; once per backend.
pub fn install() {
    // SAFETY: the callbacks live as long as the library, which is never unloaded.
    unsafe {
        pg_sys::RegisterXactCallback(Some(at_transaction), std::ptr::null_mut());
        pg_sys::RegisterSubXactCallback(Some(at_subtransaction), std::ptr::null_mut());
    }
}

unsafe extern "C-unwind" fn at_transaction(event: pg_sys::XactEvent::Type, _: *mut c_void) {
    use pg_sys::XactEvent::*;
    match event {
        XACT_EVENT_PRE_COMMIT | XACT_EVENT_PRE_PREPARE => {
            if let Some(seal) = SEAL.take() {
                seal.outer.assume();
            }
        }
        XACT_EVENT_ABORT | XACT_EVENT_COMMIT | XACT_EVENT_PREPARE => SEAL.set(None),
        _ => {}
    }
}

unsafe extern "C-unwind" fn at_subtransaction(
    event: pg_sys::SubXactEvent::Type,
    _: pg_sys::SubTransactionId,
    _: pg_sys::SubTransactionId,
    _: *mut c_void,
) {
    use pg_sys::SubXactEvent::*;
    let Some(mut seal) = SEAL.get() else { return };
    let level = level();
    if seal.level < level {
        return;
    }
    match event {
        SUBXACT_EVENT_ABORT_SUB => SEAL.set(None),
        SUBXACT_EVENT_COMMIT_SUB => {
            seal.level = level - 1;
            SEAL.set(Some(seal));
        }
        _ => {}
    }
}
