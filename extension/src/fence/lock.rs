//! How do entering, migrating and dropping an instance keep out of each other's way?
//!
//! All three lock the instance's schema as PostgreSQL itself does for DDL. Entering shares it to
//! the end of the transaction, migrating excludes other migrations, dropping excludes everyone.

use pgrx::pg_sys::{self, Oid};
use std::ffi::CString;

/// How much a lock on an instance excludes.
#[derive(Clone, Copy)]
pub enum Mode {
    /// Other users of the instance may come and go.
    Use,
    /// One migration at a time.
    Migrate,
    /// Nobody else.
    Drop,
}

/// The schema of that name.
pub fn schema_oid(name: &str) -> Option<Oid> {
    let name = CString::new(name).ok()?;
    // SAFETY: a NUL-terminated name; a missing schema gives InvalidOid.
    let oid = unsafe { pg_sys::get_namespace_oid(name.as_ptr(), true) };
    (oid != Oid::INVALID).then_some(oid)
}

/// Locks a schema to the end of the transaction, waiting at most `lock_timeout`.
pub fn schema(oid: Oid, mode: Mode) {
    let mode = match mode {
        Mode::Use => pg_sys::AccessShareLock,
        Mode::Migrate => pg_sys::ShareUpdateExclusiveLock,
        Mode::Drop => pg_sys::AccessExclusiveLock,
    };
    // SAFETY: an object lock on a catalog entry; the object may be gone, which callers check
    // afterwards, since waiting made the caches current.
    unsafe {
        pg_sys::LockDatabaseObject(pg_sys::NamespaceRelationId, oid, 0, mode as pg_sys::LOCKMODE);
    }
}
