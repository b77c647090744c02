//! Has a table been written anew since a snapshot was taken?
//!
//! A change of a column's type and `TRUNCATE` give a table new files, and whoever drops a table may
//! put another under its name. To a snapshot from before that the new rows are invisible and the
//! old ones gone, and PostgreSQL lets it read an empty table. The catalog tells: under that
//! snapshot, the table's row of `pg_class` names the files that it had then. So each table that a
//! snapshot reads is compared once it is locked, when nothing can change any more.
//!
//! `VACUUM FULL`, `CLUSTER` and a change of tablespace give a table new files too. They keep its
//! rows for old snapshots, but nothing in the catalog tells them apart, so they count as well.

use super::lists::pointers;
use super::open::{Lock, Relation};
use super::plain;
use super::rows::Snapshot;
use super::{catalog, catalog::Class};
use crate::error::Error;
use edgebase_blocks::quote::qualified;
use pgrx::datum::IntoDatum;
use pgrx::pg_sys::{self, Datum, FormData_pg_class, Oid, ScanKeyData};

/// What has become of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Since {
    /// Nothing that its row of `pg_class` would show.
    Unchanged,
    /// It is newer than the snapshot, or its definition is; its rows are those of before.
    Changed,
    /// The snapshot does not see its rows.
    Rewritten,
}

/// What has become of a table, which is locked, since the snapshot was taken.
pub fn since(snapshot: Snapshot, table: &Relation) -> Since {
    let form = table.form();
    let named = catalog::class_named(&form.relname, form.relnamespace);
    let now = named.filter(|class| class.relation == table.oid());
    now.map_or(Since::Changed, |now| compare(snapshot, &now))
}

/// Refuses a table, which is locked, if it was written anew since the snapshot was taken.
pub fn check(snapshot: Snapshot, table: Oid) -> Result<(), Error> {
    match catalog::class(table).map(|now| compare(snapshot, &now)) {
        Some(Since::Rewritten) => Err(rewritten(table)),
        _ => Ok(()),
    }
}

fn compare(snapshot: Snapshot, now: &Class) -> Since {
    if snapshot.is_past(now.writer) {
        return Since::Unchanged;
    }
    match file_then(snapshot, now.relation) {
        Some(file) if file == now.file => Since::Changed,
        Some(_) => Since::Rewritten,
        None if named_then(snapshot, now) => Since::Rewritten,
        None => Since::Changed,
    }
}

/// The refusal, by the table's name.
pub fn rewritten(table: Oid) -> Error {
    let schema = plain::get_namespace_name(plain::get_rel_namespace(table)).unwrap_or_default();
    let name = plain::get_rel_name(table).unwrap_or_default();
    Error::Rewritten(format!("table {}", qualified(&schema, &name)))
}

/// Refuses a plan that reads such a table.
///
/// # Safety
/// The query is one that the executor is about to start, so its tables are locked and its snapshot
/// is registered.
pub unsafe fn check_plan(query: *mut pg_sys::QueryDesc) -> Result<(), Error> {
    // SAFETY: a query has its plan, whose range table is a list of entries.
    unsafe {
        let snapshot = (*query).snapshot;
        if snapshot.is_null() || (*snapshot).snapshot_type != pg_sys::SnapshotType::SNAPSHOT_MVCC {
            return Ok(());
        }
        let snapshot = Snapshot::registered(snapshot);
        pointers::<pg_sys::RangeTblEntry>((*(*query).plannedstmt).rtable)
            .filter(|entry| {
                (**entry).rtekind == pg_sys::RTEKind::RTE_RELATION
                    && (**entry).relkind as u8 == pg_sys::RELKIND_RELATION
                    && (**entry).relid.to_u32() >= pg_sys::FirstNormalObjectId
            })
            .try_for_each(|entry| check(snapshot, (*entry).relid))
    }
}

/// The file that the table had, if it was there.
fn file_then(snapshot: Snapshot, table: Oid) -> Option<Oid> {
    let keys = [key(pg_sys::Anum_pg_class_oid, pg_sys::F_OIDEQ, table.into_datum()?)];
    class_then(snapshot, pg_sys::ClassOidIndexId, keys, |form| form.relfilenode)
}

/// Whether another table had the name.
fn named_then(snapshot: Snapshot, now: &Class) -> bool {
    let (name, schema) = (Datum::from(&raw const now.name), Datum::from(now.schema));
    let keys = [
        key(pg_sys::Anum_pg_class_relname, pg_sys::F_NAMEEQ, name),
        key(pg_sys::Anum_pg_class_relnamespace, pg_sys::F_OIDEQ, schema),
    ];
    class_then(snapshot, pg_sys::ClassNameNspIndexId, keys, |_| ()).is_some()
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

/// What `read` takes from the row of `pg_class` that the snapshot shows.
fn class_then<T, const N: usize>(
    snapshot: Snapshot,
    index: u32,
    mut keys: [ScanKeyData; N],
    read: impl FnOnce(&FormData_pg_class) -> T,
) -> Option<T> {
    let classes = Relation::open(pg_sys::RelationRelationId, Lock::WhileOpen)?;
    // SAFETY: the index is one of the catalog's and has the columns of the keys; the scan is closed
    // here, or by the abort on the way out of an ERROR. The row is valid until then.
    unsafe {
        let (relation, keys) = (classes.as_ptr(), keys.as_mut_ptr());
        let index = Oid::from(index);
        let scan =
            pg_sys::systable_beginscan(relation, index, true, snapshot.raw(), N as i32, keys);
        let tuple = pg_sys::systable_getnext(scan);
        let found = (!tuple.is_null()).then(|| read(&*pg_sys::GETSTRUCT(tuple).cast()));
        pg_sys::systable_endscan(scan);
        found
    }
}
