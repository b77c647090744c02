//! What did the catalogs say when a snapshot was taken?
//!
//! PostgreSQL looks names and tables up as they are now, whatever the snapshot that reads the rows.
//! Here a catalog is read by the snapshot itself, through an index, as a row of a table would be.

use super::open::{Lock, Relation};
use super::rows::Snapshot;
use pgrx::datum::IntoDatum;
use pgrx::pg_sys::{self, Datum, HeapTuple, NameData, Oid, ScanKeyData};
use std::collections::HashSet;

/// `pg_inherits` and its index by parent, which pgrx does not declare; the same in every PostgreSQL.
const INHERITS: Oid = Oid::from_u32(2611);
const BY_PARENT: u32 = 2187;
const PARENT: u32 = 2;

/// A row of `pg_inherits`.
#[repr(C)]
struct Inherits {
    child: Oid,
    parent: Oid,
    number: i32,
    detached: bool,
}

/// A relation's row of `pg_class`.
pub struct Class {
    pub file: Oid,
    pub name: NameData,
    pub schema: Oid,
    pub has_heirs: bool,
}

/// The relation, if it was there.
pub fn class(snapshot: Snapshot, relation: Oid) -> Option<Class> {
    let keys = [by_oid(pg_sys::Anum_pg_class_oid, relation)];
    first(snapshot, pg_sys::RelationRelationId, pg_sys::ClassOidIndexId, keys, |tuple| {
        // SAFETY: this is the fixed part of a row of pg_class, which is valid here.
        let form = unsafe { &*pg_sys::GETSTRUCT(tuple).cast::<pg_sys::FormData_pg_class>() };
        Class {
            file: form.relfilenode,
            name: form.relname,
            schema: form.relnamespace,
            has_heirs: form.relhassubclass,
        }
    })
}

/// Whether the schema of that name had a relation of that name.
pub fn was_named(snapshot: Snapshot, schema: &NameData, name: &NameData) -> bool {
    let Some(schema) = schema_named(snapshot, schema) else { return false };
    let keys = [
        by_name(pg_sys::Anum_pg_class_relname, name),
        by_oid(pg_sys::Anum_pg_class_relnamespace, schema),
    ];
    let index = pg_sys::ClassNameNspIndexId;
    first(snapshot, pg_sys::RelationRelationId, index, keys, |_| ()).is_some()
}

/// Which schema had the name.
pub fn schema_named(snapshot: Snapshot, name: &NameData) -> Option<Oid> {
    let keys = [by_name(pg_sys::Anum_pg_namespace_nspname, name)];
    schema(snapshot, pg_sys::NamespaceNameIndexId, keys).map(|form| form.oid)
}

/// What the schema was called.
pub fn schema_name(snapshot: Snapshot, oid: Oid) -> Option<NameData> {
    let keys = [by_oid(pg_sys::Anum_pg_namespace_oid, oid)];
    schema(snapshot, pg_sys::NamespaceOidIndexId, keys).map(|form| form.nspname)
}

fn schema(
    snapshot: Snapshot,
    index: u32,
    keys: [ScanKeyData; 1],
) -> Option<pg_sys::FormData_pg_namespace> {
    // SAFETY: this is the fixed part of a row of pg_namespace, which is valid here.
    first(snapshot, pg_sys::NamespaceRelationId, index, keys, |tuple| unsafe {
        *pg_sys::GETSTRUCT(tuple).cast::<pg_sys::FormData_pg_namespace>()
    })
}

/// The relations that inherited from it, directly or not, its partitions among them.
pub fn heirs(snapshot: Snapshot, table: Oid) -> HashSet<Oid> {
    let (mut all, mut parents) = (HashSet::new(), vec![table]);
    while let Some(parent) = parents.pop() {
        each(snapshot, INHERITS, BY_PARENT, [by_oid(PARENT, parent)], |tuple| {
            // SAFETY: this is a row of pg_inherits, which is valid here.
            let row = unsafe { &*pg_sys::GETSTRUCT(tuple).cast::<Inherits>() };
            // A partition that is being detached is read no more.
            if !row.detached && all.insert(row.child) {
                parents.push(row.child);
            }
            true
        });
    }
    all
}

pub(super) fn by_oid(column: u32, oid: Oid) -> ScanKeyData {
    key(column, pg_sys::F_OIDEQ, oid.into_datum().unwrap_or(Datum::null()))
}

/// The name has to stay where it is until the key has been used.
fn by_name(column: u32, name: &NameData) -> ScanKeyData {
    key(column, pg_sys::F_NAMEEQ, Datum::from(&raw const *name))
}

fn key(column: u32, function: u32, value: Datum) -> ScanKeyData {
    let mut key = ScanKeyData::default();
    // SAFETY: the function compares values of the column's type, of which the value is one.
    unsafe {
        pg_sys::ScanKeyInit(
            &mut key,
            column as i16,
            pg_sys::BTEqualStrategyNumber as u16,
            function.into(),
            value,
        );
    }
    key
}

/// What `read` takes from the first row.
fn first<T, const N: usize>(
    snapshot: Snapshot,
    catalog: Oid,
    index: u32,
    keys: [ScanKeyData; N],
    read: impl Fn(HeapTuple) -> T,
) -> Option<T> {
    let mut found = None;
    each(snapshot, catalog, index, keys, |tuple| {
        found = Some(read(tuple));
        false
    });
    found
}

/// The rows of a catalog that the snapshot shows, until `visit` answers false.
pub(super) fn each<const N: usize>(
    snapshot: Snapshot,
    catalog: Oid,
    index: u32,
    mut keys: [ScanKeyData; N],
    mut visit: impl FnMut(HeapTuple) -> bool,
) {
    let Some(catalog) = Relation::open(catalog, Lock::WhileOpen) else { return };
    // SAFETY: the index is one of the catalog's and has the columns of the keys; the scan is closed
    // here, or by the abort on the way out of an ERROR. A row is valid until the next one.
    unsafe {
        let (relation, keys) = (catalog.as_ptr(), keys.as_mut_ptr());
        let (index, count) = (Oid::from(index), N as i32);
        let scan = pg_sys::systable_beginscan(relation, index, true, snapshot.raw(), count, keys);
        loop {
            let tuple = pg_sys::systable_getnext(scan);
            if tuple.is_null() || !visit(tuple) {
                break;
            }
        }
        pg_sys::systable_endscan(scan);
    }
}
