//! How are registry rows read without the cost of a query?
//!
//! `enter` runs on every request, so it reads the registry by its primary key as PostgreSQL reads
//! its own catalogs: no plan, no privileges to check, always the newest committed state. Scans for
//! analysts read it likewise, as of their query's snapshot. The columns are given by number;
//! `sql/bootstrap.sql` says so beside the tables. `record.rs` reads tenants' rows by the same scan.

use pgrx::datum::{FromDatum, IntoDatum};
use pgrx::pg_sys::{self, Datum, Oid};
use std::ffi::CStr;

/// Longest primary key of a registry table.
const MAX_KEYS: usize = 2;

/// A row found; only valid inside the closure it is passed to.
pub struct Row {
    tuple: pg_sys::HeapTuple,
    shape: pg_sys::TupleDesc,
}

impl Row {
    /// Column `n`, counted from 1, unless it is null. Nothing where the table has no such column:
    /// between the installation of new files and `ALTER EXTENSION ... UPDATE` this library meets
    /// the tables of an older version.
    pub(super) fn datum(&self, n: i32) -> Option<Datum> {
        let mut null = false;
        // SAFETY: tuple and shape belong to the open scan and `n` is a column of its table;
        // heap_getattr gives null for one that the row has not got.
        unsafe {
            if n > (*self.shape).natts {
                return None;
            }
            let datum = pg_sys::heap_getattr(self.tuple, n, self.shape, &mut null);
            (!null).then_some(datum)
        }
    }

    fn get<T: FromDatum>(&self, n: i32) -> Option<T> {
        // SAFETY: not null, and the types asked for are those of bootstrap.sql.
        self.datum(n).and_then(|datum| unsafe { T::from_datum(datum, false) })
    }

    /// A `text` column.
    pub fn text(&self, n: i32) -> Option<String> {
        self.get(n)
    }

    /// A `bigint` column.
    pub fn bigint(&self, n: i32) -> Option<i64> {
        self.get(n)
    }
}

/// Which state of the registry is read.
#[derive(Clone, Copy)]
pub struct Snapshot(pg_sys::Snapshot);

impl Snapshot {
    /// The newest committed state.
    pub const NEWEST: Self = Self(std::ptr::null_mut());

    /// What a running query sees.
    ///
    /// # Safety
    /// The snapshot stays registered for as long as the value is used.
    pub unsafe fn of_query(snapshot: pg_sys::Snapshot) -> Self {
        Self(snapshot)
    }
}

/// A condition on a column of an index, which is text in collation "C".
#[derive(Clone, Copy)]
pub struct Key<'a> {
    column: i16,
    after: bool,
    text: &'a str,
}

impl<'a> Key<'a> {
    /// The column, counted from 1 in the table, equals the text.
    pub fn equal(column: i16, text: &'a str) -> Self {
        Self { column, after: false, text }
    }

    /// The column comes after the text.
    pub fn after(column: i16, text: &'a str) -> Self {
        Self { column, after: true, text }
    }
}

/// The row of `edgebase.<table>` whose first columns, its primary key `index`, equal `keys`.
pub fn by_key<T>(
    table: &CStr,
    index: &CStr,
    keys: &[&str],
    read: impl FnOnce(&Row) -> T,
) -> Option<T> {
    let mut equal = [Key::equal(1, ""); MAX_KEYS];
    for (i, key) in keys.iter().enumerate() {
        equal[i] = Key::equal(i as i16 + 1, key);
    }
    let (mut read, mut found) = (Some(read), None);
    each(table, index, &equal[..keys.len()], Snapshot::NEWEST, |row| {
        found = read.take().map(|read| read(row));
        false
    });
    found
}

/// The rows of `edgebase.<table>` that meet `keys`, in the order of `index`, until `visit` answers
/// false.
pub fn each(
    table: &CStr,
    index: &CStr,
    keys: &[Key],
    snapshot: Snapshot,
    visit: impl FnMut(&Row) -> bool,
) {
    // SAFETY: relation ids come from the catalog caches, the index is the table's, and its columns
    // are text in collation "C"; the relation is closed on the ordinary way out and by the
    // transaction's abort on the way out of an ERROR.
    unsafe {
        let schema = pg_sys::get_namespace_oid(c"edgebase".as_ptr(), true);
        let table = pg_sys::get_relname_relid(table.as_ptr(), schema);
        let index = pg_sys::get_relname_relid(index.as_ptr(), schema);
        if schema == Oid::INVALID || table == Oid::INVALID || index == Oid::INVALID {
            return;
        }
        let relation = pg_sys::table_open(table, pg_sys::AccessShareLock as i32);
        each_of(relation, index, keys, snapshot, visit);
        pg_sys::table_close(relation, pg_sys::AccessShareLock as i32);
    }
}

/// The rows of an open table that meet `keys`, until `visit` answers false: in the order of an
/// index, or without one by reading the table through.
///
/// # Safety
/// The index is one of the table's or `InvalidOid`. The columns of the keys are text and, in the
/// index, in collation "C", which `ScanKeyInit` assumes.
pub(super) unsafe fn each_of(
    relation: pg_sys::Relation,
    index: Oid,
    keys: &[Key],
    snapshot: Snapshot,
    mut visit: impl FnMut(&Row) -> bool,
) {
    assert!(keys.len() <= MAX_KEYS);
    // SAFETY: as the caller promises; the scan is closed on the ordinary way out and by the
    // transaction's abort on the way out of an ERROR.
    unsafe {
        let mut scan_keys: [pg_sys::ScanKeyData; MAX_KEYS] = std::mem::zeroed();
        for (i, key) in keys.iter().enumerate() {
            let (strategy, function) = if key.after {
                (pg_sys::BTGreaterStrategyNumber, pg_sys::F_TEXT_GT)
            } else {
                (pg_sys::BTEqualStrategyNumber, pg_sys::F_TEXTEQ)
            };
            pg_sys::ScanKeyInit(
                &mut scan_keys[i],
                key.column,
                strategy as u16,
                function.into(),
                key.text.into_datum().unwrap_or(pg_sys::Datum::null()),
            );
        }
        let scan = pg_sys::systable_beginscan(
            relation,
            index,
            index != Oid::INVALID,
            snapshot.0,
            keys.len() as i32,
            scan_keys.as_mut_ptr(),
        );
        loop {
            let tuple = pg_sys::systable_getnext(scan);
            if tuple.is_null() || !visit(&Row { tuple, shape: (*relation).rd_att }) {
                break;
            }
        }
        pg_sys::systable_endscan(scan);
    }
}
