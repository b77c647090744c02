//! How are rows read by their key without the cost of a query?
//!
//! As PostgreSQL reads its own catalogs: an index is probed, and there is no plan and no privilege
//! to check. `enter` reads the registry so on every request, scans for analysts do as of their
//! query's snapshot, and a tenant's record is read likewise. Columns are given by number;
//! `sql/bootstrap.sql` says so beside the tables of the registry.

use super::open::{Lock, Relation};
use super::plain;
use super::value::Value;
use crate::analytics::fit::Indexed;
use pgrx::PgTupleDesc;
use pgrx::datum::IntoDatum;
use pgrx::pg_sys::{self, Oid, TransactionId};
use std::ffi::CStr;

/// Longest key.
const MAX_KEYS: usize = 2;

/// A table of the registry, and one of its indexes, whose columns are text in collation "C".
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Registry {
    table: &'static CStr,
    index: &'static CStr,
}

impl Registry {
    fn oid(self, name: &CStr) -> Oid {
        plain::get_relname_relid(name, plain::get_namespace_oid(c"edgebase", true))
    }
}

pub const BLOCK: Registry = Registry { table: c"block", index: c"block_pkey" };
pub const VERSION: Registry = Registry { table: c"block_version", index: c"block_version_pkey" };
pub const INSTANCE: Registry = Registry { table: c"instance", index: c"instance_pkey" };
pub const ANALYTICS: Registry = Registry { table: c"analytics", index: c"analytics_pkey" };
pub const ANALYTICS_BY_SCHEMA: Registry =
    Registry { table: c"analytics", index: c"analytics_schema_key" };

/// A row found; only there inside the closure that it is passed to.
pub struct Row<'r> {
    tuple: pg_sys::HeapTuple,
    shape: PgTupleDesc<'r>,
}

impl Row<'_> {
    /// Column `n`, counted from 1, unless it is null. Nothing where the table has no such column:
    /// between the installation of new files and `ALTER EXTENSION ... UPDATE` this library meets
    /// the tables of an older version.
    pub fn value(&self, n: i16) -> Option<Value<'_>> {
        let column = self.shape.get(usize::try_from(n).ok()?.checked_sub(1)?)?;
        let mut null = false;
        // SAFETY: tuple and shape belong to the open scan, the column to the shape; heap_getattr
        // gives null for one that the row has not got.
        unsafe {
            let datum = pg_sys::heap_getattr(self.tuple, n.into(), self.shape.as_ptr(), &mut null);
            (!null).then(|| Value::new(datum, column.atttypid))
        }
    }

    /// Where it is.
    pub fn position(&self) -> Position {
        // SAFETY: the tuple is that of the open scan.
        Position(unsafe { (*self.tuple).t_self })
    }

    /// A `text` column.
    pub fn text(&self, n: i16) -> Option<String> {
        self.value(n)?.text().map(str::to_owned)
    }

    /// A `bigint` column.
    pub fn bigint(&self, n: i16) -> Option<i64> {
        self.value(n)?.bigint()
    }
}

/// Where a row was, a guess at where it is.
#[derive(Clone, Copy)]
pub struct Position(pg_sys::ItemPointerData);

/// Which state of a table is read.
#[derive(Clone, Copy)]
pub struct Snapshot(pg_sys::Snapshot);

impl Snapshot {
    /// The newest committed state.
    pub const NEWEST: Self = Self(std::ptr::null_mut());

    /// # Safety
    /// The snapshot stays registered for as long as the value is used.
    pub(super) unsafe fn registered(snapshot: pg_sys::Snapshot) -> Self {
        Self(snapshot)
    }

    /// Reads with that of the statement that runs.
    pub fn active<T>(read: impl FnOnce(Self) -> T) -> T {
        // SAFETY: a statement that calls a function has one, which stays registered until the
        // function returns.
        read(Self(unsafe { pg_sys::GetActiveSnapshot() }))
    }

    pub(super) fn raw(self) -> pg_sys::Snapshot {
        self.0
    }

    /// Whether what a committed transaction wrote was there before every other that ran when the
    /// snapshot was taken.
    pub(super) fn is_past(self, writer: TransactionId) -> bool {
        // SAFETY: null, or valid as promised.
        let Some(snapshot) = (unsafe { self.0.as_ref() }) else { return true };
        let (writer, first) = (writer.into_inner(), snapshot.xmin.into_inner());
        // As `TransactionIdPrecedes`: numbers of transactions wrap around, but for the first few.
        let normal = TransactionId::FIRST_NORMAL.into_inner();
        writer < normal || (writer.wrapping_sub(first) as i32) < 0
    }

    /// Reads with one taken now: the calling statement's may be from before a lock was waited for,
    /// and to it a table that was rewritten meanwhile is empty.
    pub fn now<T>(read: impl FnOnce(Self) -> T) -> T {
        // SAFETY: registered while it is used; given back on the ordinary way out and by the abort
        // on the way out of an ERROR.
        unsafe {
            let snapshot = pg_sys::RegisterSnapshot(pg_sys::GetTransactionSnapshot());
            let result = read(Self(snapshot));
            pg_sys::UnregisterSnapshot(snapshot);
            result
        }
    }
}

/// A condition on a column.
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

/// The rows of a table of the registry that meet `keys`, in the order of its index, until `visit`
/// answers false.
pub fn each(of: Registry, keys: &[Key], snapshot: Snapshot, visit: impl FnMut(&Row) -> bool) {
    let (table, index) = (of.oid(of.table), of.oid(of.index));
    if index == Oid::INVALID {
        return;
    }
    if let Some(table) = Relation::open(table, Lock::WhileOpen) {
        // SAFETY: the index is the table's, as bootstrap.sql makes both.
        unsafe { scan(&table, index, keys, snapshot, visit) }
    }
}

/// The row at a position in a table of the registry, if the snapshot shows one there: whichever
/// that is by now. It costs a fraction of what probing the index does.
pub fn at<T>(
    of: Registry,
    Position(position): Position,
    snapshot: Snapshot,
    read: impl FnOnce(&Row) -> T,
) -> Option<T> {
    let table = Relation::open(of.oid(of.table), Lock::WhileOpen)?;
    let block = u32::from(position.ip_blkid.bi_hi) << 16 | u32::from(position.ip_blkid.bi_lo);
    if table.form().relam != pg_sys::HEAP_TABLE_AM_OID || block >= table.pages() {
        return None;
    }
    let mut tuple = pg_sys::HeapTupleData { t_self: position, ..Default::default() };
    let mut buffer = 0;
    // SAFETY: a heap that has the block; where no row is there, or none that the snapshot shows,
    // false is given and nothing kept. Snapshot and buffer are given back on the ordinary way out
    // and by the abort on the way out of an ERROR.
    unsafe {
        let snapshot = match snapshot.0.is_null() {
            true => pg_sys::GetCatalogSnapshot(table.oid()),
            false => snapshot.0,
        };
        let snapshot = pg_sys::RegisterSnapshot(snapshot);
        let there = pg_sys::heap_fetch(table.as_ptr(), snapshot, &mut tuple, &mut buffer, false);
        let found = there.then(|| {
            let found = read(&Row { tuple: &mut tuple, shape: table.tuple_desc() });
            pg_sys::ReleaseBuffer(buffer);
            found
        });
        pg_sys::UnregisterSnapshot(snapshot);
        found
    }
}

/// The row of a table whose column, a text, equals the key: by the index of its primary key, if
/// that is this column alone in collation "C", and otherwise by reading the table through.
pub fn find<T>(
    table: &Relation,
    key: Key,
    snapshot: Snapshot,
    read: impl Fn(&Row) -> T,
) -> Option<T> {
    let place = usize::try_from(key.column).ok()?.checked_sub(1)?;
    if !table.is_table() || table.tuple_desc().get(place)?.atttypid != pg_sys::TEXTOID {
        return None;
    }
    let (family, collation) = (pg_sys::TEXT_BTREE_FAM_OID, pg_sys::C_COLLATION_OID);
    let by_column = |index: &Oid| {
        let index = Relation::open(*index, Lock::ToTheEnd);
        let columns = index.map(|index| index.indexed()).unwrap_or_default();
        columns == [Indexed { column: key.column, family, collation }]
    };
    let index = table.primary_key().filter(by_column).unwrap_or(Oid::INVALID);
    let mut found = None;
    // SAFETY: an open table, the column is text, and what the index is was looked at.
    unsafe {
        scan(table, index, &[key], snapshot, |row| {
            found = Some(read(row));
            false
        });
    }
    found
}

/// The rows of a table that meet `keys`, until `visit` answers false: in the order of an index, or
/// without one by reading the table through.
///
/// # Safety
/// The index is one of the table's or `InvalidOid`. The columns of the keys are text and, in the
/// index, in collation "C", which `ScanKeyInit` assumes.
unsafe fn scan(
    table: &Relation,
    index: Oid,
    keys: &[Key],
    snapshot: Snapshot,
    mut visit: impl FnMut(&Row) -> bool,
) {
    assert!(keys.len() <= MAX_KEYS);
    let count = keys.len() as i32;
    let mut scan_keys = [pg_sys::ScanKeyData::default(); MAX_KEYS];
    // SAFETY: as the caller promises; the scan is closed on the ordinary way out and by the
    // transaction's abort on the way out of an ERROR.
    unsafe {
        for (key, to) in keys.iter().zip(&mut scan_keys) {
            let (strategy, function) = match key.after {
                true => (pg_sys::BTGreaterStrategyNumber, pg_sys::F_TEXT_GT),
                false => (pg_sys::BTEqualStrategyNumber, pg_sys::F_TEXTEQ),
            };
            let text = key.text.into_datum().unwrap_or(pg_sys::Datum::null());
            pg_sys::ScanKeyInit(to, key.column, strategy as u16, function.into(), text);
        }
        let (keys, by_index) = (scan_keys.as_mut_ptr(), index != Oid::INVALID);
        let (relation, snapshot) = (table.as_ptr(), snapshot.0);
        let scan = pg_sys::systable_beginscan(relation, index, by_index, snapshot, count, keys);
        loop {
            let tuple = pg_sys::systable_getnext(scan);
            if tuple.is_null() || !visit(&Row { tuple, shape: table.tuple_desc() }) {
                break;
            }
        }
        pg_sys::systable_endscan(scan);
    }
}
