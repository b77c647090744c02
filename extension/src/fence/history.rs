//! Is a table, with its rows, the one that a snapshot had under its name?
//!
//! A change of a column's type and `TRUNCATE` give a table new files. Another table, or another
//! schema, may be put under its name, and what inherits from it taken away. To a snapshot from before
//! that the new rows are invisible and the old ones gone, and PostgreSQL lets it read an empty table,
//! or a part. The catalogs tell what was what under that snapshot. So each table that a
//! snapshot reads is compared once it is locked, when nothing can change any more.
//!
//! `VACUUM FULL`, `CLUSTER` and a change of tablespace give a table new files too. They keep its
//! rows for old snapshots, but nothing in the catalog tells them apart, so they count as well. So does
//! another name: which of its rows would have been read under it is not known.

use super::lists::pointers;
use super::open::Relation;
use super::rows::Snapshot;
use super::value::name;
use super::{catalog, catalog::Class, catalog::Schema, plain, then};
use crate::error::Error;
use edgebase_blocks::quote::qualified;
use pgrx::pg_sys::{self, NameData, Oid};
use std::ffi::CString;

/// What has become of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Since {
    /// Nothing that its row of `pg_class` would show.
    Unchanged,
    /// It is newer than the snapshot, and none was under its name; or its definition is newer.
    Changed,
    /// The snapshot does not see its rows.
    Rewritten,
}

/// What has become of a table, which is locked, since the snapshot was taken.
pub fn since(snapshot: Snapshot, table: &Relation) -> Since {
    let form = table.form();
    let named = catalog::class_named(&form.relname, form.relnamespace);
    let now = named.filter(|class| class.relation == table.oid());
    let now = now.or_else(|| catalog::class(table.oid()));
    now.map_or(Since::Rewritten, |now| compare(snapshot, &now))
}

/// Refuses a table, which is locked, if its rows are not those that the snapshot had under its name.
pub fn check(snapshot: Snapshot, table: Oid) -> Result<(), Error> {
    match catalog::class(table).map(|now| compare(snapshot, &now)) {
        Some(Since::Rewritten) => Err(rewritten(table)),
        _ => Ok(()),
    }
}

/// Refuses the name of a table that is not there, if there was one when the snapshot was taken.
pub fn check_absent(snapshot: Snapshot, schema: &str, table: &str) -> Result<(), Error> {
    let (Some(in_schema), Some(named)) = (name_of(schema), name_of(table)) else { return Ok(()) };
    if then::was_named(snapshot, &in_schema, &named) {
        return Err(Error::Rewritten(format!("table {}", qualified(schema, table))));
    }
    Ok(())
}

/// Whether another schema, or none, had the name.
pub fn is_other_schema(snapshot: Snapshot, schema: Oid) -> bool {
    catalog::schema(schema).is_none_or(|now| !is_same_schema(snapshot, schema, &now))
}

fn compare(snapshot: Snapshot, now: &Class) -> Since {
    let Some(schema) = catalog::schema(now.schema) else { return Since::Rewritten };
    let (mut since, mut has_heirs) = (Since::Unchanged, now.has_heirs);
    if !snapshot.is_past(now.writer) || !snapshot.is_past(schema.writer) {
        since = Since::Changed;
        match then::class(snapshot, now.relation) {
            Some(then) => {
                let is_same = then.file == now.file
                    && then.schema == now.schema
                    && name(&then.name) == name(&now.name)
                    && is_same_schema(snapshot, now.schema, &schema);
                if !is_same {
                    return Since::Rewritten;
                }
                has_heirs |= then.has_heirs;
            }
            None if then::was_named(snapshot, &schema.name, &now.name) => return Since::Rewritten,
            None => return Since::Changed,
        }
    }
    if has_heirs && !has_same_heirs(snapshot, now.relation) { Since::Rewritten } else { since }
}

fn is_same_schema(snapshot: Snapshot, oid: Oid, now: &Schema) -> bool {
    snapshot.is_past(now.writer)
        || then::schema_name(snapshot, oid).is_some_and(|then| name(&then) == name(&now.name))
}

/// Whether the tables that inherit are those of then, and others that have come since.
fn has_same_heirs(snapshot: Snapshot, table: Oid) -> bool {
    let (then, now) = (then::heirs(snapshot, table), then::heirs(Snapshot::NEWEST, table));
    then.is_subset(&now) && now.difference(&then).all(|heir| then::class(snapshot, *heir).is_none())
}

/// The text as a name.
fn name_of(text: &str) -> Option<NameData> {
    let text = CString::new(text).ok()?;
    let mut name = NameData::default();
    // SAFETY: it copies at most 63 bytes of a NUL-terminated text and ends them with a NUL.
    unsafe { pg_sys::namestrcpy(&mut name, text.as_ptr()) };
    Some(name)
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
                is_named((**entry).rtekind)
                    && is_read((**entry).relkind as u8)
                    && (**entry).relid.to_u32() >= pg_sys::FirstNormalObjectId
            })
            .try_for_each(|entry| check(snapshot, (*entry).relid))
    }
}

/// Whether an entry may name a relation: since PostgreSQL 16 a view's is that of its subquery.
fn is_named(kind: pg_sys::RTEKind::Type) -> bool {
    [pg_sys::RTEKind::RTE_RELATION, pg_sys::RTEKind::RTE_SUBQUERY].contains(&kind)
}

/// Whether relations of a kind have rows of tables: their own, those of partitions, or of a query.
fn is_read(kind: u8) -> bool {
    matches!(
        kind,
        pg_sys::RELKIND_RELATION | pg_sys::RELKIND_PARTITIONED_TABLE | pg_sys::RELKIND_VIEW
    )
}
