//! Who is running, and how is that switched for a while?
//!
//! [`RunAs`] switches the effective user for the length of a scope. It also sets the flags that
//! make PostgreSQL refuse to leave: `SET ROLE` and the like, and, for tenant DDL, everything
//! whose effect would outlive the operation.

use crate::error::Error;
use pgrx::pg_sys::{self, Oid};
use std::ffi::{CString, c_int};

/// No SET ROLE, no SET SESSION AUTHORIZATION.
pub const LOCAL_CHANGE: c_int = pg_sys::SECURITY_LOCAL_USERID_CHANGE as c_int;
/// No temporary objects, no LISTEN, no PREPARE, no held cursors.
pub const RESTRICTED: c_int = pg_sys::SECURITY_RESTRICTED_OPERATION as c_int;

/// The effective user and its security context.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    pub user: Oid,
    pub context: c_int,
}

impl Identity {
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

/// Runs as another role until dropped.
pub struct RunAs {
    outer: Identity,
}

impl RunAs {
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
    // SAFETY: a NUL-terminated name; missing roles give InvalidOid.
    let oid = unsafe { pg_sys::get_role_oid(name.as_ptr(), true) };
    (oid != Oid::INVALID).then_some(oid)
}

/// The role that the session runs for, whatever SET ROLE says.
pub fn session_user() -> Oid {
    // SAFETY: reads a variable.
    unsafe { pg_sys::GetSessionUserId() }
}

/// Whether the role is a superuser.
pub fn is_superuser(role: Oid) -> bool {
    // SAFETY: a catalog lookup inside a transaction.
    unsafe { pg_sys::superuser_arg(role) }
}

/// Whether the role may skip row security.
pub fn bypasses_rls(role: Oid) -> bool {
    // SAFETY: as above.
    unsafe { pg_sys::has_bypassrls_privilege(role) }
}

/// Whether one role is, directly or not, a member of another.
pub fn is_member(member: Oid, group: Oid) -> bool {
    // SAFETY: as above.
    unsafe { pg_sys::is_member_of_role(member, group) }
}

/// The database that the backend is connected to.
pub fn database_oid() -> u32 {
    // SAFETY: set once at connection.
    unsafe { pg_sys::MyDatabaseId }.to_u32()
}
