//! What do the catalogs say that no function of [`plain`](super::plain) looks up?
//!
//! Nothing here keeps a row: what is wanted of it is copied while the cache holds it.

use super::rows::Snapshot;
use super::{plain, then};
use crate::guard::Code;
use pgrx::datum::{FromDatum, IntoDatum};
use pgrx::pg_sys::{self, Datum, HeapTuple, NameData, Oid, TransactionId};
use std::ffi::c_int;

/// `pg_shdepend` and its index by what is referred to, which pgrx does not declare; the same in every
/// PostgreSQL.
const SHARED_DEPENDENCIES: Oid = Oid::from_u32(1214);
const BY_REFERENCE: u32 = 1233;

/// A row of `pg_shdepend`.
#[repr(C)]
struct SharedDependency {
    database: Oid,
    catalog: Oid,
    object: Oid,
    column: i32,
    to_catalog: Oid,
    to: Oid,
    kind: u8,
}

/// Fixed in every PostgreSQL (pg_language.dat).
const INTERNAL_LANGUAGE: Oid = Oid::from_u32(12);
/// Likewise.
const C_LANGUAGE: Oid = Oid::from_u32(13);

/// What a function runs.
pub fn code(function: Oid) -> Option<Code> {
    let cache = pg_sys::SysCacheIdentifier::PROCOID as c_int;
    row(cache, function, |tuple| {
        // SAFETY: the row is valid here, and its attributes `prosrc` and `probin` are texts.
        let text = |attribute: u32| unsafe {
            let mut null = false;
            let datum = pg_sys::SysCacheGetAttr(cache, tuple, attribute as i16, &mut null);
            String::from_datum(datum, null).unwrap_or_default()
        };
        // SAFETY: as above, and this is the fixed part of a row of pg_proc.
        let form = unsafe { &*pg_sys::GETSTRUCT(tuple).cast::<pg_sys::FormData_pg_proc>() };
        match form.prolang {
            INTERNAL_LANGUAGE => Code::Builtin { symbol: text(pg_sys::Anum_pg_proc_prosrc) },
            C_LANGUAGE => Code::Library {
                path: text(pg_sys::Anum_pg_proc_probin),
                symbol: text(pg_sys::Anum_pg_proc_prosrc),
            },
            _ => Code::Interpreted,
        }
    })
}

/// The rows and pages that the last analyze of a table found; fewer than none before the first.
pub fn analyzed(relation: Oid) -> Option<(f64, f64)> {
    row(pg_sys::SysCacheIdentifier::RELOID as c_int, relation, |tuple| {
        // SAFETY: the row is valid here, and this is the fixed part of a row of pg_class.
        let form = unsafe { &*pg_sys::GETSTRUCT(tuple).cast::<pg_sys::FormData_pg_class>() };
        (f64::from(form.reltuples), f64::from(form.relpages))
    })
}

/// A relation's row of `pg_class`.
pub struct Class {
    pub relation: Oid,
    /// The transaction that wrote it.
    pub writer: TransactionId,
    pub file: Oid,
    pub name: NameData,
    pub schema: Oid,
    pub owner: Oid,
    /// Whether other relations may inherit from it.
    pub has_heirs: bool,
}

impl Class {
    /// # Safety
    /// The row is one of a cache of `pg_class`.
    unsafe fn of(tuple: HeapTuple) -> Self {
        // SAFETY: this is the fixed part of such a row, whose header is that of a stored one.
        unsafe {
            let form = &*pg_sys::GETSTRUCT(tuple).cast::<pg_sys::FormData_pg_class>();
            Self {
                relation: form.oid,
                writer: (*(*tuple).t_data).t_choice.t_heap.t_xmin,
                file: form.relfilenode,
                name: form.relname,
                schema: form.relnamespace,
                owner: form.relowner,
                has_heirs: form.relhassubclass,
            }
        }
    }
}

/// The newest row of `pg_class` of a relation.
pub fn class(relation: Oid) -> Option<Class> {
    // SAFETY: the row is valid here.
    row(pg_sys::SysCacheIdentifier::RELOID as c_int, relation, |tuple| unsafe { Class::of(tuple) })
}

/// The same by its name: whoever has looked the relation up by that has the row in a cache.
pub fn class_named(name: &NameData, schema: Oid) -> Option<Class> {
    let cache = pg_sys::SysCacheIdentifier::RELNAMENSP as c_int;
    // SAFETY: a lookup in a cache that has such a key; what it finds is let go once.
    unsafe {
        let tuple = pg_sys::SearchSysCache2(cache, Datum::from(&raw const *name), schema.into());
        if tuple.is_null() {
            return None;
        }
        let class = Class::of(tuple);
        pg_sys::ReleaseSysCache(tuple);
        Some(class)
    }
}

/// The relations of this database that a role was granted something on.
pub fn granted(role: Oid) -> Vec<Oid> {
    let mut found = Vec::new();
    let keys = [then::by_oid(5, pg_sys::AuthIdRelationId), then::by_oid(6, role)];
    then::each(Snapshot::NEWEST, SHARED_DEPENDENCIES, BY_REFERENCE, keys, |tuple| {
        // SAFETY: this is a row of pg_shdepend, which is valid here.
        let row = unsafe { &*pg_sys::GETSTRUCT(tuple).cast::<SharedDependency>() };
        if row.database == plain::MyDatabaseId()
            && row.catalog == pg_sys::RelationRelationId
            && row.kind == b'a'
        {
            found.push(row.object);
        }
        true
    });
    found
}

/// A schema's row of `pg_namespace`.
pub struct Schema {
    pub name: NameData,
    pub owner: Oid,
    /// The transaction that wrote it.
    pub writer: TransactionId,
}

/// The newest row of `pg_namespace` of a schema.
pub fn schema(oid: Oid) -> Option<Schema> {
    row(pg_sys::SysCacheIdentifier::NAMESPACEOID as c_int, oid, |tuple| {
        // SAFETY: the row is valid here; this is the fixed part of a row of pg_namespace, whose
        // header is that of a stored one.
        unsafe {
            let form = &*pg_sys::GETSTRUCT(tuple).cast::<pg_sys::FormData_pg_namespace>();
            let writer = (*(*tuple).t_data).t_choice.t_heap.t_xmin;
            Schema { name: form.nspname, owner: form.nspowner, writer }
        }
    })
}

/// Which schema a type is in.
pub fn type_schema(kind: Oid) -> Option<Oid> {
    row(pg_sys::SysCacheIdentifier::TYPEOID as c_int, kind, |tuple| {
        // SAFETY: the row is valid here, and this is the fixed part of a row of pg_type.
        unsafe { (*pg_sys::GETSTRUCT(tuple).cast::<pg_sys::FormData_pg_type>()).typnamespace }
    })
}

/// The path of the relation's main file, relative to the data directory.
pub fn file_path(relation: Oid) -> Option<String> {
    // SAFETY: the function takes an oid and gives text, or null where there is no such relation
    // or it has no file.
    unsafe { pgrx::direct_function_call(pg_sys::pg_relation_filepath, &[relation.into_datum()]) }
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

/// What `read` takes from the row of that oid. When it unwinds, the abort lets go of the row.
fn row<T>(cache: c_int, oid: Oid, read: impl FnOnce(HeapTuple) -> T) -> Option<T> {
    // SAFETY: a lookup by oid in a cache that has such a key; what it finds is let go once.
    unsafe {
        let tuple = pg_sys::SearchSysCache1(cache, oid.into());
        if tuple.is_null() {
            return None;
        }
        let found = read(tuple);
        pg_sys::ReleaseSysCache(tuple);
        Some(found)
    }
}
