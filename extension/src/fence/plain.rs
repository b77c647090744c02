//! Which functions and variables of PostgreSQL may safe code use as they are?
//!
//! Those below, under the names that PostgreSQL has for them. They take values and NUL-terminated
//! names, and look something up in the catalogs or the state of the session, take a lock, or change
//! a setting. Whatever they are asked: they answer, or raise an ERROR, which unwinds (invariant 2).
//! What they give is a value, or a text that is copied here.

use pgrx::pg_sys::{self, AclMode, AclResult, LOCKMODE, Oid};
use std::ffi::{CStr, c_char};

/// What is passed on to C as a value.
trait Given {
    type Raw;
    fn raw(self) -> Self::Raw;
}

/// What comes from C.
trait Taken {
    type Value;
    /// # Safety
    /// A pointer is null, or that of a NUL-terminated text.
    unsafe fn value(self) -> Self::Value;
}

macro_rules! values {
    ($($kind:ty),*) => {$(
        impl Given for $kind {
            type Raw = Self;
            fn raw(self) -> Self { self }
        }
        impl Taken for $kind {
            type Value = Self;
            unsafe fn value(self) -> Self { self }
        }
    )*};
}
values!((), bool, u16, i32, u32, u64, f64, Oid);

impl Given for &CStr {
    type Raw = *const c_char;
    fn raw(self) -> *const c_char {
        self.as_ptr()
    }
}

impl Taken for *mut c_char {
    type Value = Option<String>;
    unsafe fn value(self) -> Option<String> {
        // SAFETY: as promised.
        (!self.is_null()).then(|| unsafe { CStr::from_ptr(self) }.to_string_lossy().into_owned())
    }
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

    // Schemas and relations.
    get_namespace_oid(name: &CStr, may_miss: bool) -> Oid;
    get_namespace_name(schema: Oid) -> Option<String>;
    get_relname_relid(name: &CStr, schema: Oid) -> Oid;
    get_rel_name(relation: Oid) -> Option<String>;
    get_rel_namespace(relation: Oid) -> Oid;

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

/// The operator family by which a B-tree sorts the type if nothing else is said.
pub fn btree_family(kind: Oid) -> Option<Oid> {
    // SAFETY: a catalog lookup; the cache entry stays.
    let family = unsafe {
        (*pg_sys::lookup_type_cache(kind, pg_sys::TYPECACHE_BTREE_OPFAMILY as _)).btree_opf
    };
    (family != Oid::INVALID).then_some(family)
}

/// The types of the operator's two sides.
pub fn operands(operator: Oid) -> (Oid, Oid) {
    let (mut left, mut right) = (Oid::INVALID, Oid::INVALID);
    // SAFETY: a catalog lookup that writes two locals.
    unsafe { pg_sys::op_input_types(operator, &mut left, &mut right) };
    (left, right)
}
