//! How is a transaction sealed into a tenant, and how does the seal end?
//!
//! [`seal`] makes the instance role the effective user with the flag that makes PostgreSQL core
//! refuse `SET ROLE` and the like. It ends with the transaction and no earlier:
//!
//! * abort: core restores the user that the (sub)transaction began with;
//! * commit: core does not, so [`at_transaction`] restores it just before, after deferred
//!   triggers have run as the tenant;
//! * rollback to a savepoint from before the seal: core restores, [`at_subtransaction`] notes it.

use crate::fence::plain;
use crate::fence::session::Identity;
use crate::identity::{LOCAL_CHANGE, role_prefix};
use pgrx::pg_sys::{self, Oid};
use std::cell::Cell;

#[derive(Clone, Copy)]
struct Seal {
    outer: Identity,
    /// The schema of the instance.
    schema: Oid,
    /// The nesting level of the subtransaction whose rollback would undo the seal.
    level: i32,
}

thread_local! {
    static SEAL: Cell<Option<Seal>> = const { Cell::new(None) };
}

/// Whether the transaction is sealed.
pub fn is_sealed() -> bool {
    SEAL.get().is_some()
}

/// Whether a seal binds this process: its own, or that of the leader it works for.
pub fn binds() -> bool {
    is_sealed() || in_sealed_worker()
}

/// A parallel worker has the leader's identity but not its memory: there the seal is known by
/// the role.
fn in_sealed_worker() -> bool {
    if plain::ParallelWorkerNumber() < 0 {
        return false;
    }
    let now = Identity::current();
    if now.context & LOCAL_CHANGE == 0 {
        return false;
    }
    // A role that is gone counts as an instance's.
    plain::GetUserNameFromId(now.user, true).is_none_or(|name| name.starts_with(&role_prefix()))
}

/// The schema of the instance that this transaction is sealed into.
pub fn home() -> Option<Oid> {
    SEAL.get().map(|seal| seal.schema)
}

/// Whether a relation is a table of the instance that this transaction is sealed into. A view is
/// not: to lock one is to lock what it reads.
pub fn owns(relation: Oid) -> bool {
    let is_table = matches!(plain::get_rel_relkind(relation) as u8, b'r' | b'p');
    is_table && home() == Some(plain::get_rel_namespace(relation))
}

/// Seals the transaction into the instance of that role and schema. The caller has checked that it
/// is not sealed already.
pub fn seal(role: Oid, schema: Oid) {
    let outer = Identity::current();
    SEAL.set(Some(Seal { outer, schema, level: plain::GetCurrentTransactionNestLevel() }));
    Identity { user: role, context: outer.context | LOCAL_CHANGE }.assume();
}

/// Called by PostgreSQL as a transaction ends.
pub fn at_transaction(event: pg_sys::XactEvent::Type) {
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

/// Called by PostgreSQL as a subtransaction begins or ends.
pub fn at_subtransaction(event: pg_sys::SubXactEvent::Type) {
    use pg_sys::SubXactEvent::*;
    let Some(mut seal) = SEAL.get() else { return };
    let level = plain::GetCurrentTransactionNestLevel();
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
