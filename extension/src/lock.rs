//! How do entering, migrating and dropping an instance keep out of each other's way?
//!
//! Both kinds lock the instance's schema as PostgreSQL itself does for DDL: entering shares it to
//! the end of the transaction, migrating and dropping exclude everyone. An instance that is to be
//! migrated cannot be entered anyway, and one that has no requests inside cannot deadlock with
//! them over its tables.

use crate::error::Error;
use crate::fence::plain;
use pgrx::pg_sys::{self, LOCKMODE, Oid};
use std::ffi::CString;

/// The schema of that name.
pub fn schema_oid(name: &str) -> Option<Oid> {
    let name = CString::new(name).ok()?;
    let oid = plain::get_namespace_oid(&name, true);
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

const SHARED: LOCKMODE = pg_sys::AccessShareLock as LOCKMODE;
/// The catalog that schemas are in.
const SCHEMAS: Oid = pg_sys::NamespaceRelationId;

/// Shares a schema to the end of the transaction. `bound` limits the waiting while its guard
/// lives, and is called only where there is something to wait for.
pub fn share_schema<G>(oid: Oid, bound: impl FnOnce() -> Result<G, Error>) -> Result<(), Error> {
    if !plain::ConditionalLockDatabaseObject(SCHEMAS, oid, 0, SHARED) {
        let _bounded = bound()?;
        plain::LockDatabaseObject(SCHEMAS, oid, 0, SHARED);
    }
    Ok(())
}

/// Shares a table likewise. It may be gone, which opening it notices.
pub fn share_table<G>(oid: Oid, bound: impl FnOnce() -> Result<G, Error>) -> Result<(), Error> {
    if !plain::ConditionalLockRelationOid(oid, SHARED) {
        let _bounded = bound()?;
        plain::LockRelationOid(oid, SHARED);
    }
    Ok(())
}

/// Locks a schema to the end of the transaction, waiting at most `lock_timeout`. It may be gone,
/// which callers check afterwards, since waiting made the caches current.
pub fn schema(oid: Oid, mode: Mode) {
    let mode = match mode {
        Mode::Use => SHARED,
        Mode::Alone => pg_sys::AccessExclusiveLock as LOCKMODE,
    };
    plain::LockDatabaseObject(SCHEMAS, oid, 0, mode);
}
