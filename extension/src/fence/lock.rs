//! How do entering, migrating and dropping an instance keep out of each other's way?
//!
//! Both kinds lock the instance's schema as PostgreSQL itself does for DDL: entering shares it to
//! the end of the transaction, migrating and dropping exclude everyone. An instance that is to be
//! migrated cannot be entered anyway, and one that has no requests inside cannot deadlock with
//! them over its tables.

use crate::error::Error;
use pgrx::pg_sys::{self, Oid};
use std::ffi::CString;

/// The schema of that name.
pub fn schema_oid(name: &str) -> Option<Oid> {
    let name = CString::new(name).ok()?;
    // SAFETY: a NUL-terminated name; a missing schema gives InvalidOid.
    let oid = unsafe { pg_sys::get_namespace_oid(name.as_ptr(), true) };
    (oid != Oid::INVALID).then_some(oid)
}

/// How much a lock on an instance excludes.
#[derive(Clone, Copy)]
pub enum Mode {
    /// Other users of the instance may come and go.
    Use,
    /// Nobody else.
    Alone,
}

const SHARED: pg_sys::LOCKMODE = pg_sys::AccessShareLock as pg_sys::LOCKMODE;

/// Shares a schema to the end of the transaction. `bound` limits the waiting while its guard
/// lives, and is called only where there is something to wait for.
pub fn share_schema<G>(oid: Oid, bound: impl FnOnce() -> Result<G, Error>) -> Result<(), Error> {
    let schemas = pg_sys::NamespaceRelationId;
    // SAFETY: as in `schema`.
    if unsafe { !pg_sys::ConditionalLockDatabaseObject(schemas, oid, 0, SHARED) } {
        let _bounded = bound()?;
        // SAFETY: as above.
        unsafe { pg_sys::LockDatabaseObject(schemas, oid, 0, SHARED) };
    }
    Ok(())
}

/// Shares a table likewise.
pub fn share_table<G>(oid: Oid, bound: impl FnOnce() -> Result<G, Error>) -> Result<(), Error> {
    // SAFETY: a lock on an oid; the table may be gone, which opening it notices.
    if unsafe { !pg_sys::ConditionalLockRelationOid(oid, SHARED) } {
        let _bounded = bound()?;
        // SAFETY: as above.
        unsafe { pg_sys::LockRelationOid(oid, SHARED) };
    }
    Ok(())
}

/// Locks a schema to the end of the transaction, waiting at most `lock_timeout`.
pub fn schema(oid: Oid, mode: Mode) {
    let mode = match mode {
        Mode::Use => SHARED,
        Mode::Alone => pg_sys::AccessExclusiveLock as pg_sys::LOCKMODE,
    };
    // SAFETY: an object lock on a catalog entry; the object may be gone, which callers check
    // afterwards, since waiting made the caches current.
    unsafe { pg_sys::LockDatabaseObject(pg_sys::NamespaceRelationId, oid, 0, mode) };
}
