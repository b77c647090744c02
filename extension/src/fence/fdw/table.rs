//! How are one instance's table, and a relation's columns, read?
//!
//! As PostgreSQL's own scans do, without planning a query: the table is locked and opened, read
//! under the query's snapshot, sequentially or by an index that serves the conditions, closed and
//! unlocked. Which column is which, and which index serves, is decided in
//! `crate::analytics::columns` and `crate::analytics::fit`.
//!
//! The lock is waited for, as by any query: skipping an instance that is being migrated would
//! make sums wrong. What is gone once the lock is there is skipped.

use super::node::{Comparison, Within, integers, pointers};
use crate::analytics::columns::{Column, Found, locate};
use crate::analytics::fit::{Indexed, Search, best};
use crate::analytics::known::Known;
use crate::fence::shape::Shape;
use crate::registry::Place;
use crate::relation;
use edgebase_blocks::quote::ident;
use pgrx::pg_sys::{self, Datum, MemoryContext, Oid, ScanDirection::ForwardScanDirection};
use std::cell::Cell;
use std::ffi::{CStr, c_int};
use std::panic::catch_unwind;
use std::ptr::null_mut;

unsafe extern "C-unwind" {
    // PostgreSQL's own, without the guard of pgrx's.
    fn index_getnext_slot(
        scan: pg_sys::IndexScanDesc,
        direction: pg_sys::ScanDirection::Type,
        slot: *mut pg_sys::TupleTableSlot,
    ) -> bool;
    fn slot_getsomeattrs_int(slot: *mut pg_sys::TupleTableSlot, last: c_int);
    fn detoast_external_attr(value: *mut pg_sys::varlena) -> *mut pg_sys::varlena;
}

/// Tables of at most so many pages are read through: opening an index costs more.
const SMALL: u32 = 4;
const LOCK: pg_sys::LOCKMODE = pg_sys::AccessShareLock as pg_sys::LOCKMODE;

/// What is told that a relation has changed, or with `None` that any may have.
pub type OnChange = fn(Option<Oid>);

thread_local! {
    static ON_CHANGE: Cell<Option<OnChange>> = const { Cell::new(None) };
}

/// Has changes told; once per backend.
pub fn on_change(tell: OnChange) {
    unsafe extern "C-unwind" fn changed(_: Datum, relation: Oid) {
        if let Some(tell) = ON_CHANGE.get() {
            // Nobody could be told of a panic here.
            let _ = catch_unwind(|| tell((relation != Oid::INVALID).then_some(relation)));
        }
    }
    ON_CHANGE.set(Some(tell));
    // SAFETY: the callback lives as long as the library, which is never unloaded.
    unsafe { pg_sys::CacheRegisterRelcacheCallback(Some(changed), Datum::null()) };
}

/// The columns of a foreign table by number, the first at 0; nothing where one was dropped.
pub fn columns(table: Oid) -> Vec<Option<Column>> {
    // SAFETY: the table is open and locked; options are a list of `DefElem`, whose strings are
    // copied.
    unsafe {
        let relation = pg_sys::table_open(table, LOCK);
        let shape = Shape::of(relation);
        let column = |place: usize| {
            let column = shape.column(place)?;
            let options = pg_sys::GetForeignColumnOptions(table, column.attnum);
            let text = |text: *const _| CStr::from_ptr(text).to_owned();
            let options = pointers::<pg_sys::DefElem>(options)
                .map(|o| (text((*o).defname), text(pg_sys::defGetString(o))))
                .collect();
            Some(Column::new(shape.name(place)?, column.atttypid, column.atttypmod, options))
        };
        let all = (0..shape.len()).map(column).collect();
        pg_sys::table_close(relation, LOCK);
        all
    }
}

/// What an instance shows that has not got the column of that type; lives in the context.
///
/// # Safety
/// The context lives longer than the call.
unsafe fn missing(column: &Column, kind: Oid, context: MemoryContext) -> Option<Datum> {
    let text = column.default.as_ref()?;
    let (mut input, mut parameter) = (Oid::INVALID, Oid::INVALID);
    // SAFETY: a type's own input function takes text; it may fail, but not go wrong.
    unsafe {
        pg_sys::getTypeInputInfo(kind, &mut input, &mut parameter);
        let _within = Within::context(context);
        let text = text.as_ptr().cast_mut();
        Some(pg_sys::OidInputFunctionCall(input, text, parameter, column.modifier))
    }
}

/// A column that the query needs.
pub struct Wanted {
    /// Where it is among the relation's columns, counted from 0.
    place: usize,
    /// Its type there.
    kind: Oid,
    /// Where it is in the table that is being read; it has that type there.
    found: Found,
    /// Where it was last.
    last: usize,
    /// Whether a value may be stored apart from its row.
    may_be_apart: bool,
    /// Its value where an instance has not got it, once there was one.
    missing: Option<Option<Datum>>,
}

impl Wanted {
    /// The column of that number, unless it was dropped.
    pub fn of(relation: &Shape, number: i16) -> Option<Self> {
        let place = usize::try_from(number).ok()?.checked_sub(1)?;
        let kind = relation.kind(place)?;
        let found = Found::Missing;
        Some(Self { place, kind, found, last: 0, may_be_apart: false, missing: None })
    }

    /// Looks it up in a table. What is found out once for all instances lives in `lasting`.
    ///
    /// # Safety
    /// That context lives as long as this.
    unsafe fn locate(&mut self, known: &Known, table: &Shape, lasting: MemoryContext) {
        let Some(Some(column)) = known.columns.get(self.place) else { return };
        self.found = locate(column, table, self.last);
        match self.found {
            Found::Here(n) => match table.column(n).filter(|c| c.atttypid == self.kind) {
                Some(there) => (self.last, self.may_be_apart) = (n, there.attlen == -1),
                None => self.found = Found::OtherType,
            },
            Found::Missing => {
                // SAFETY: as above.
                self.missing.get_or_insert_with(|| unsafe { missing(column, self.kind, lasting) });
            }
            Found::OtherType => {}
        }
    }

    /// Its number in the table that is being read, if it has the column.
    fn number(&self) -> Option<i16> {
        match self.found {
            Found::Here(n) => Some(n as i16 + 1),
            _ => None,
        }
    }
}

/// A comparison of a column with a value.
pub struct Test {
    /// Where the column is among the relation's, counted from 0.
    place: usize,
    search: Search,
    function: Oid,
    array: bool,
    value: Datum,
}

impl Test {
    /// # Safety
    /// The value is that of the comparison, and lives as long as the test.
    pub unsafe fn new(from: &Comparison, search: Search, value: Datum) -> Self {
        let place = from.column.attribute as usize - 1;
        Self { place, search, function: from.function, array: from.array, value }
    }

    /// The test as a scan takes it, on that column of table or index.
    fn key(&self, column: i16) -> pg_sys::ScanKeyData {
        let mut key = pg_sys::ScanKeyData::default();
        let flags = if self.array { pg_sys::SK_SEARCHARRAY as i32 } else { 0 };
        let Search { strategy, collation, .. } = self.search;
        let kind = Oid::INVALID; // that of the column
        // SAFETY: the function belongs to the operator, which takes the column's type twice.
        unsafe {
            pg_sys::ScanKeyEntryInitialize(
                &mut key,
                flags,
                column,
                strategy,
                kind,
                collation,
                self.function,
                self.value,
            );
        }
        key
    }
}

enum Reader {
    Table(pg_sys::TableScanDesc),
    Index(pg_sys::Relation, pg_sys::IndexScanDesc),
}

/// A table that is being read.
pub struct Tenant {
    /// The instance's id, as `instance_id` shows it.
    pub id: Datum,
    table: pg_sys::Relation,
    slot: *mut pg_sys::TupleTableSlot,
    reader: Reader,
    /// How many columns of a row have to be taken apart for those that are needed.
    width: i16,
}

impl Tenant {
    /// Opens the instance's table, if there is one.
    ///
    /// # Safety
    /// The current memory context lives until the tenant is closed, and so does the snapshot;
    /// `lasting` lives as long as what is wanted.
    pub unsafe fn open(
        known: &Known,
        place: &Place,
        id: Datum,
        wanted: &mut [Wanted],
        tests: &[Test],
        snapshot: pg_sys::Snapshot,
        lasting: MemoryContext,
    ) -> Option<Self> {
        // SAFETY: relations are opened under a lock; what is opened is closed by `close`, or by
        // the abort after an error.
        unsafe {
            let table = open_table(&place.schema, &known.table)?;
            let shape = Shape::of(table);
            wanted.iter_mut().for_each(|w| w.locate(known, &shape, lasting));
            let width = wanted.iter().filter_map(Wanted::number).max().unwrap_or(0);
            let slot = pg_sys::MakeSingleTupleTableSlot(
                (*table).rd_att,
                pg_sys::table_slot_callbacks(table),
            );
            // A test of a column that is not here, or not of this type, is left to the executor.
            let usable: Vec<(i16, &Test)> = tests
                .iter()
                .filter_map(|t| Some((wanted.iter().find(|w| w.place == t.place)?.number()?, t)))
                .collect();
            let reader = by_index(table, &usable, snapshot)
                .unwrap_or_else(|| Reader::Table(sequential(table, &usable, snapshot)));
            Some(Self { id, table, slot, reader, width })
        }
    }

    pub fn uses_index(&self) -> bool {
        matches!(self.reader, Reader::Index(..))
    }

    /// Goes to the next row and takes it apart; false after the last, and then not to be called
    /// again.
    ///
    /// # Safety
    /// The tenant is open. Called without a guard: see [`row`](super::executor::row).
    pub unsafe fn next(&mut self) -> bool {
        let (slot, width) = (self.slot, self.width);
        // SAFETY: scan and slot belong together; every table access method has the function.
        unsafe {
            let more = match self.reader {
                Reader::Table(scan) => match (*(*self.table).rd_tableam).scan_getnextslot {
                    Some(next) => next(scan, ForwardScanDirection, slot),
                    None => false,
                },
                Reader::Index(_, scan) => index_getnext_slot(scan, ForwardScanDirection, slot),
            };
            if more && (*slot).tts_nvalid < width {
                slot_getsomeattrs_int(slot, width.into());
            }
            more
        }
    }

    /// Copies the row's columns to those of the relation.
    ///
    /// # Safety
    /// The last [`next`](Self::next) gave a row; the target has a place for each column. Called
    /// without a guard, as that is.
    pub unsafe fn fill(&self, wanted: &[Wanted], target: *mut pg_sys::TupleTableSlot) {
        // SAFETY: as above; values stay valid while the slot holds the row, and what is stored
        // apart is fetched now, because the table may be gone when the query comes to look at it.
        unsafe {
            for column in wanted {
                let value = match column.found {
                    Found::Here(n) => {
                        let null = *(*self.slot).tts_isnull.add(n);
                        (!null).then(|| *(*self.slot).tts_values.add(n))
                    }
                    Found::Missing => column.missing.flatten(),
                    Found::OtherType => None,
                };
                *(*target).tts_isnull.add(column.place) = value.is_none();
                let Some(mut datum) = value else { continue };
                if column.may_be_apart
                    && pgrx::varlena::varatt_is_1b_e(datum.cast_mut_ptr::<pg_sys::varlena>())
                {
                    datum = Datum::from(detoast_external_attr(datum.cast_mut_ptr()));
                }
                *(*target).tts_values.add(column.place) = datum;
            }
        }
    }

    /// Closes the table and releases its lock.
    ///
    /// # Safety
    /// No row of it is in use any more.
    pub unsafe fn close(self) {
        // SAFETY: in the reverse order of opening.
        unsafe {
            pg_sys::ExecDropSingleTupleTableSlot(self.slot);
            match self.reader {
                Reader::Table(scan) => {
                    if let Some(end) = (*(*self.table).rd_tableam).scan_end {
                        pg_sys::ffi::pg_guard_ffi_boundary(|| end(scan));
                    }
                }
                Reader::Index(index, scan) => {
                    pg_sys::index_endscan(scan);
                    pg_sys::index_close(index, LOCK);
                }
            }
            pg_sys::table_close(self.table, LOCK);
        }
    }
}

/// Locks and opens the table, if it is there and stays.
fn open_table(schema: &str, name: &str) -> Option<pg_sys::Relation> {
    let oid = relation::oid(schema, name)?;
    // SAFETY: gives null when the relation is gone once the lock is held.
    unsafe {
        let table = pg_sys::try_relation_open(oid, LOCK);
        if table.is_null() {
            return None;
        }
        if (*(*table).rd_rel).relkind as u8 != pg_sys::RELKIND_RELATION {
            pg_sys::relation_close(table, LOCK);
            let (schema, name) = (ident(schema), ident(name));
            pgrx::warning!("{schema}.{name} is no plain table: its rows are left out");
            return None;
        }
        Some(table)
    }
}

/// Reads the table through, its rows checked as they are found.
unsafe fn sequential(
    table: pg_sys::Relation,
    tests: &[(i16, &Test)],
    snapshot: pg_sys::Snapshot,
) -> pg_sys::TableScanDesc {
    use pg_sys::ScanOptions::{SO_ALLOW_PAGEMODE, SO_ALLOW_STRAT, SO_ALLOW_SYNC, SO_TYPE_SEQSCAN};
    let flags = SO_TYPE_SEQSCAN | SO_ALLOW_STRAT | SO_ALLOW_SYNC | SO_ALLOW_PAGEMODE;
    let tests = tests.iter().filter(|(_, t)| !t.array);
    let mut keys: Vec<_> = tests.map(|(column, t)| t.key(*column)).collect();
    let (count, keys) = (keys.len() as i32, keys.as_mut_ptr());
    // SAFETY: the scan copies the keys; the closure only calls the method's function, which every
    // table access method has.
    unsafe {
        match (*(*table).rd_tableam).scan_begin {
            Some(begin) => pg_sys::ffi::pg_guard_ffi_boundary(|| {
                begin(table, snapshot, count, keys, null_mut(), flags)
            }),
            None => null_mut(),
        }
    }
}

/// Reads by the index that serves the tests best, when the table is not small and one does.
unsafe fn by_index(
    table: pg_sys::Relation,
    tests: &[(i16, &Test)],
    snapshot: pg_sys::Snapshot,
) -> Option<Reader> {
    // SAFETY: the table is open, the index is opened under a lock; the scan copies the keys.
    unsafe {
        let main = pg_sys::ForkNumber::MAIN_FORKNUM;
        if tests.is_empty() || pg_sys::RelationGetNumberOfBlocksInFork(table, main) <= SMALL {
            return None;
        }
        let searches: Vec<_> = tests.iter().map(|(column, t)| (*column, t.search)).collect();
        let indexes = integers(pg_sys::RelationGetIndexList(table)).map(|n| Oid::from(n as u32));
        let indexes: Vec<_> = indexes.map(|index| (index, indexed(index))).collect();
        let fit = best(indexes.iter().map(|(_, columns)| columns.as_slice()), &searches)?;
        let (index, columns) = indexes.get(fit.index)?;
        let key = |(at, test): (usize, usize)| {
            let (there, (column, test)) = (columns.get(at)?, tests.get(test)?);
            let serves = there.column == *column && there.family == test.search.family;
            serves.then(|| test.key(at as i16 + 1))
        };
        let mut keys: Vec<_> = fit.keys.into_iter().filter_map(key).collect();
        let count = keys.len() as i32;
        let index = pg_sys::index_open(*index, LOCK);
        #[cfg(not(feature = "pg18"))]
        let scan = pg_sys::index_beginscan(table, index, snapshot, count, 0);
        #[cfg(feature = "pg18")]
        let scan = pg_sys::index_beginscan(table, index, snapshot, null_mut(), count, 0);
        pg_sys::index_rescan(scan, keys.as_mut_ptr(), count, null_mut(), 0);
        Some(Reader::Index(index, scan))
    }
}

/// The columns of an index that can be searched; none of one that cannot be used.
fn indexed(index: Oid) -> Vec<Indexed> {
    // SAFETY: the index is open while it is looked at; its arrays have a place for each key.
    unsafe {
        let relation = pg_sys::index_open(index, LOCK);
        let form = (*relation).rd_index;
        let partial = pg_sys::Anum_pg_index_indpred as i32;
        let usable = (*form).indisvalid
            && !(*form).indcheckxmin
            && (*(*relation).rd_rel).relam == pg_sys::BTREE_AM_OID
            && pg_sys::heap_attisnull((*relation).rd_indextuple, partial, null_mut());
        let column = |place| Indexed {
            column: *(*form).indkey.values.as_ptr().add(place),
            family: *(*relation).rd_opfamily.add(place),
            collation: *(*relation).rd_indcollation.add(place),
        };
        let count = if usable { (*form).indnkeyatts as usize } else { 0 };
        let columns = (0..count).map(column).collect();
        pg_sys::index_close(relation, LOCK);
        columns
    }
}
