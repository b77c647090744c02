//! Which functions and variables of PostgreSQL may safe code use as they are?
//!
//! Those below, under the names that PostgreSQL has for them. They take values and NUL-terminated
//! names, and look something up in the catalogs or the state of the session, take a lock, or change
//! a setting. Whatever they are asked: they answer, or raise an ERROR, which unwinds (invariant 2).
//! What they give is a value, or a text that is copied here. No type in the tables is a pointer.

use pgrx::pg_sys::AclResult::Type as AclResult;
use pgrx::pg_sys::{self, AclMode, LOCKMODE, Oid};
use std::ffi::{CStr, c_char};

/// What is given to C as its address.
type Name<'a> = &'a CStr;
/// What comes from C as its address, if at all, and is copied.
type Text = Option<String>;
/// `void`
type Nothing = ();

/// A copy of a text of C's; none for null.
///
/// # Safety
/// The pointer is null, or that of a NUL-terminated text.
pub unsafe fn text(c: *const c_char) -> Text {
    // SAFETY: as promised.
    (!c.is_null()).then(|| unsafe { CStr::from_ptr(c) }.to_string_lossy().into_owned())
}

macro_rules! given {
    ($value:ident Name) => {
        $value.as_ptr()
    };
    ($value:ident $kind:ident) => {
        $value
    };
}

macro_rules! taken {
    ($value:expr, Text) => {
        text($value)
    };
    ($value:expr, $kind:ident) => {
        $value
    };
}

macro_rules! functions {
    ($($(#[$only:meta])* $name:ident($($given:ident: $kind:ident),*) -> $result:ident;)*) => {$(
        #[doc = concat!("PostgreSQL's `", stringify!($name), "`.")]
        #[allow(non_snake_case)]
        $(#[$only])*
        pub fn $name($($given: $kind),*) -> $result {
            // SAFETY: it takes any values, as the module says.
            unsafe { taken!(pg_sys::$name($(given!($given $kind)),*), $result) }
        }
    )*};
}

functions! {
    // Roles and rights.
    GetSessionUserId() -> Oid;
    GetUserNameFromId(role: Oid, may_miss: bool) -> Text;
    get_role_oid(name: Name, may_miss: bool) -> Oid;
    superuser_arg(role: Oid) -> bool;
    has_bypassrls_privilege(role: Oid) -> bool;
    is_member_of_role(member: Oid, group: Oid) -> bool;
    pg_class_aclcheck(relation: Oid, role: Oid, rights: AclMode) -> AclResult;
    #[cfg(feature = "pg15")]
    pg_namespace_aclcheck(schema: Oid, role: Oid, rights: AclMode) -> AclResult;
    #[cfg(not(feature = "pg15"))]
    object_aclcheck(catalog: Oid, object: Oid, role: Oid, rights: AclMode) -> AclResult;

    // Schemas, relations and functions.
    get_namespace_oid(name: Name, may_miss: bool) -> Oid;
    get_namespace_name(schema: Oid) -> Text;
    get_relname_relid(name: Name, schema: Oid) -> Oid;
    get_rel_name(relation: Oid) -> Text;
    get_rel_namespace(relation: Oid) -> Oid;
    get_rel_relkind(relation: Oid) -> c_char;
    get_func_name(function: Oid) -> Text;
    get_func_namespace(function: Oid) -> Oid;

    // Types, operators and collations.
    format_type_be(kind: Oid) -> Text;
    IsBinaryCoercible(kind: Oid, other: Oid) -> bool;
    get_commutator(operator: Oid) -> Oid;
    get_op_opfamily_strategy(operator: Oid, family: Oid) -> i32;
    get_opcode(operator: Oid) -> Oid;
    get_element_type(array: Oid) -> Oid;
    get_collation_isdeterministic(collation: Oid) -> bool;

    // Locks, which last to the end of the transaction.
    LockDatabaseObject(catalog: Oid, object: Oid, sub: u16, mode: LOCKMODE) -> Nothing;
    ConditionalLockDatabaseObject(catalog: Oid, object: Oid, sub: u16, mode: LOCKMODE) -> bool;
    LockRelationOid(relation: Oid, mode: LOCKMODE) -> Nothing;
    ConditionalLockRelationOid(relation: Oid, mode: LOCKMODE) -> bool;

    // The session.
    GetConfigOption(name: Name, may_miss: bool, restricted: bool) -> Text;
    GetCurrentTransactionNestLevel() -> i32;
    IsTransactionBlock() -> bool;
    CommandCounterIncrement() -> Nothing;
    InvalidateSystemCaches() -> Nothing;
    RecoveryInProgress() -> bool;
    MarkGUCPrefixReserved(prefix: Name) -> Nothing;
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
    XactIsoLevel: i32;
    XactReadOnly: bool;
    work_mem: i32;
    cpu_tuple_cost: f64;
    seq_page_cost: f64;
}
