//! Which functions and variables of PostgreSQL may safe code use as they are?
//!
//! Those below, under the names that PostgreSQL has for them. They take values and NUL-terminated
//! names, and look something up in the catalogs or the state of the session, take a lock, or change
//! a setting. Whatever they are asked: they answer, or raise an ERROR, which unwinds (invariant 2).
//! What they give is a value, or a text that is copied here.

use pgrx::pg_sys::{self, AclMode, AclResult, LOCKMODE, Oid};
use std::ffi::{CStr, c_char};

/// What C is given for it: a name's address, and of all else the value itself. No pointer is
/// `Send`, so none but a name's gets into the table below.
trait Given<Raw> {
    fn raw(self) -> Raw;
}

impl<T: Send> Given<T> for T {
    fn raw(self) -> T {
        self
    }
}

impl Given<*const c_char> for &CStr {
    fn raw(self) -> *const c_char {
        self.as_ptr()
    }
}

/// What is made of a thing that C gives: a copy of a text, and of all else the value itself.
trait Taken<Value> {
    /// # Safety
    /// A pointer is null, or that of a NUL-terminated text.
    unsafe fn value(self) -> Value;
}

impl<T: Send> Taken<T> for T {
    unsafe fn value(self) -> T {
        self
    }
}

impl Taken<Option<String>> for *mut c_char {
    unsafe fn value(self) -> Option<String> {
        // SAFETY: as promised.
        unsafe { text(self) }
    }
}

/// A copy of a text of C's; none for null.
///
/// # Safety
/// The pointer is null, or that of a NUL-terminated text.
pub unsafe fn text(c: *const c_char) -> Option<String> {
    // SAFETY: as promised.
    (!c.is_null()).then(|| unsafe { CStr::from_ptr(c) }.to_string_lossy().into_owned())
}

macro_rules! functions {
    ($($(#[$attribute:meta])* $name:ident($($argument:ident: $kind:ty),*) -> $result:ty;)*) => {$(
        #[doc = concat!("PostgreSQL's `", stringify!($name), "`.")]
        #[allow(non_snake_case)]
        $(#[$attribute])*
        pub fn $name($($argument: $kind),*) -> $result {
            // SAFETY: it takes any values, as the module says.
            unsafe { pg_sys::$name($($argument.raw()),*).value() }
        }
    )*};
}

functions! {
    // Roles and rights.
    GetSessionUserId() -> Oid;
    GetUserNameFromId(role: Oid, may_miss: bool) -> Option<String>;
    get_role_oid(name: &CStr, may_miss: bool) -> Oid;
    superuser_arg(role: Oid) -> bool;
    has_bypassrls_privilege(role: Oid) -> bool;
    is_member_of_role(member: Oid, group: Oid) -> bool;
    pg_class_aclcheck(relation: Oid, role: Oid, rights: AclMode) -> AclResult::Type;
    #[cfg(feature = "pg15")]
    pg_namespace_aclcheck(schema: Oid, role: Oid, rights: AclMode) -> AclResult::Type;
    #[cfg(not(feature = "pg15"))]
    object_aclcheck(catalog: Oid, object: Oid, role: Oid, rights: AclMode) -> AclResult::Type;

    // Schemas, relations and functions.
    get_namespace_oid(name: &CStr, may_miss: bool) -> Oid;
    get_namespace_name(schema: Oid) -> Option<String>;
    get_relname_relid(name: &CStr, schema: Oid) -> Oid;
    get_rel_name(relation: Oid) -> Option<String>;
    get_rel_namespace(relation: Oid) -> Oid;
    get_func_name(function: Oid) -> Option<String>;

    // Types, operators and collations.
    format_type_be(kind: Oid) -> Option<String>;
    get_commutator(operator: Oid) -> Oid;
    get_op_opfamily_strategy(operator: Oid, family: Oid) -> i32;
    get_opcode(operator: Oid) -> Oid;
    get_element_type(array: Oid) -> Oid;
    get_collation_isdeterministic(collation: Oid) -> bool;

    // Locks, which last to the end of the transaction.
    LockDatabaseObject(catalog: Oid, object: Oid, sub: u16, mode: LOCKMODE) -> ();
    ConditionalLockDatabaseObject(catalog: Oid, object: Oid, sub: u16, mode: LOCKMODE) -> bool;
    LockRelationOid(relation: Oid, mode: LOCKMODE) -> ();
    ConditionalLockRelationOid(relation: Oid, mode: LOCKMODE) -> bool;

    // The session.
    GetCurrentTransactionNestLevel() -> i32;
    InvalidateSystemCaches() -> ();
    MarkGUCPrefixReserved(prefix: &CStr) -> ();
}

macro_rules! variables {
    ($($name:ident: $kind:ty;)*) => {$(
        #[doc = concat!("PostgreSQL's `", stringify!($name), "`.")]
        #[allow(non_snake_case)]
        pub fn $name() -> $kind {
            // SAFETY: a variable of the backend's, which is one thread.
            unsafe { pg_sys::$name }
        }
    )*};
}

variables! {
    MyDatabaseId: Oid;
    ParallelWorkerNumber: i32;
    StatementTimeout: i32;
    LockTimeout: i32;
    work_mem: i32;
    cpu_tuple_cost: f64;
    seq_page_cost: f64;
}
