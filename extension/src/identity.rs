//! Who is running, what may roles do, and how is one switched to for a while?
//!
//! [`RunAs`] switches the effective user for the length of a scope. It also sets the flags that
//! make PostgreSQL refuse to leave: `SET ROLE` and the like, and, for tenant DDL, everything
//! whose effect would outlive the operation.

use crate::error::Error;
use crate::fence::plain;
use crate::fence::session::Identity;
use pgrx::pg_sys::{self, Oid};
use std::ffi::{CString, c_int};

/// No SET ROLE, no SET SESSION AUTHORIZATION.
pub const LOCAL_CHANGE: c_int = pg_sys::SECURITY_LOCAL_USERID_CHANGE as c_int;
/// No temporary objects, no LISTEN, no PREPARE, no held cursors.
pub const RESTRICTED: c_int = pg_sys::SECURITY_RESTRICTED_OPERATION as c_int;

/// Runs as another role until dropped.
pub struct RunAs {
    outer: Identity,
}

impl RunAs {
    /// As that role, with these flags besides those that are set.
    pub fn role(user: Oid, flags: c_int) -> Self {
        let outer = Identity::current();
        Identity { user, context: outer.context | flags }.assume();
        Self { outer }
    }

    /// As the owner of every tenant's schema, with nothing allowed that outlives the operation.
    pub fn owner() -> Result<Self, Error> {
        let owner = role_oid("edgebase_owner")
            .ok_or_else(|| Error::Internal("role edgebase_owner does not exist".into()))?;
        Ok(Self::role(owner, LOCAL_CHANGE | RESTRICTED))
    }
}

impl Drop for RunAs {
    fn drop(&mut self) {
        // On the way out of an ERROR the abort restores the user (invariant 4 of the fence).
        if !std::thread::panicking() {
            self.outer.assume();
        }
    }
}

/// Runs `work` as the same user without the flags that keep settings from being changed. For the
/// loading of the library, which may happen inside a security-definer function: there PostgreSQL
/// would not take the operator's values over into settings that are being defined.
pub fn unrestricted(work: impl FnOnce()) {
    let outer = Identity::current();
    Identity { context: 0, ..outer }.assume();
    work();
    outer.assume();
}

/// The role of that name.
pub fn role_oid(name: &str) -> Option<Oid> {
    let name = CString::new(name).ok()?;
    let oid = plain::get_role_oid(&name, true);
    (oid != Oid::INVALID).then_some(oid)
}

/// What the names of the instance roles of this database begin with. Roles are cluster-wide, so it
/// names the database.
pub fn role_prefix() -> String {
    format!("eb_{}_", plain::MyDatabaseId().to_u32())
}
