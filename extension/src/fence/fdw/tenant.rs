//! How is one instance's table read?
//!
//! As PostgreSQL's own scans do, without planning a query: the table is locked and opened, read
//! under the query's snapshot, sequentially or by an index that serves the conditions, closed and
//! unlocked. Columns are found by name. One that the instance has not got yet shows what it will
//! have after migrating, its default or null; one that has another type there shows null.
//!
//! The lock is waited for, as by any query: skipping an instance that is being migrated would
//! make sums wrong. What is gone once the lock is there is skipped.

use super::clause::{Comparison, INSTANCE};
use super::known::Known;
use super::list::{integers, pointers};
use crate::fence::relation;
use crate::registry::Place;
use edgebase_blocks::analytics::{INSTANCE_COLUMN, OPTION_FIELD, OPTION_MISSING};
use pgrx::pg_sys::{self, Datum, Oid, ScanDirection::ForwardScanDirection};
use std::ffi::{CStr, CString, c_int};
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

/// A column of a relation over all instances.
pub struct Column {
    /// Its name in the instances' tables.
    name: CString,
    kind: Oid,
    modifier: i32,
    /// Whether a value may be stored apart from its row.
    may_be_apart: bool,
    /// What it is where an instance has not got it, as text; null where there is nothing.
    default: Option<CString>,
}

impl Column {
    /// The columns of a foreign table by number, if it has the one that relations over all
    /// instances have first.
    ///
    /// # Safety
    /// The caller has locked the foreign table.
    pub unsafe fn all(table: Oid) -> Option<Vec<Option<Self>>> {
        // SAFETY: as above; attributes are looked at within their number.
        unsafe {
            let relation = pg_sys::table_open(table, pg_sys::NoLock as pg_sys::LOCKMODE);
            let shape = (*relation).rd_att;
            let natts = (*shape).natts as i16;
            let is_ours = natts >= INSTANCE && {
                let first = attribute(shape, INSTANCE);
                name_of(first).to_bytes() == INSTANCE_COLUMN.as_bytes()
                    && (*first).atttypid == pg_sys::TEXTOID
            };
            let all = is_ours.then(|| (1..=natts).map(|n| Self::of(relation, n)).collect());
            pg_sys::table_close(relation, pg_sys::NoLock as pg_sys::LOCKMODE);
            all
        }
    }

    /// The column of that number, unless it was dropped.
    unsafe fn of(table: pg_sys::Relation, number: i16) -> Option<Self> {
        // SAFETY: the relation is open; options are a list of `DefElem`, whose strings are copied.
        unsafe {
            let column = &*attribute((*table).rd_att, number);
            if column.attisdropped {
                return None;
            }
            let (mut name, mut default) = (name_of(column).to_owned(), None);
            let options = pg_sys::GetForeignColumnOptions((*table).rd_id, number);
            for option in pointers::<pg_sys::DefElem>(options) {
                let value = CStr::from_ptr(pg_sys::defGetString(option)).to_owned();
                match CStr::from_ptr((*option).defname).to_str() {
                    Ok(OPTION_FIELD) => name = value,
                    Ok(OPTION_MISSING) => default = Some(value),
                    _ => {}
                }
            }
            Some(Self {
                name,
                kind: column.atttypid,
                modifier: column.atttypmod,
                may_be_apart: column.attlen == -1,
                default,
            })
        }
    }

    /// What an instance shows that has not got the column; lives in the context.
    unsafe fn missing(&self, context: pg_sys::MemoryContext) -> Option<Datum> {
        let text = self.default.as_ref()?;
        let (mut input, mut parameter) = (Oid::INVALID, Oid::INVALID);
        // SAFETY: the type's own input function takes its text.
        unsafe {
            pg_sys::getTypeInputInfo(self.kind, &mut input, &mut parameter);
            let outer = pg_sys::MemoryContextSwitchTo(context);
            let text = text.as_ptr().cast_mut();
            let datum = pg_sys::OidInputFunctionCall(input, text, parameter, self.modifier);
            pg_sys::MemoryContextSwitchTo(outer);
            Some(datum)
        }
    }
}

/// A column that the query needs.
pub struct Wanted {
    /// Where it is among the relation's columns, counted from 0.
    place: usize,
    may_be_apart: bool,
    /// Where it is among those of the table that is being read, or of the last one.
    found: usize,
    state: State,
    /// Its value where an instance has not got it, once there was one.
    missing: Option<Option<Datum>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Here,
    Missing,
    OtherType,
}

impl Wanted {
    /// The column of that number, unless it was dropped.
    pub fn of(known: &Known, number: i16) -> Option<Self> {
        let place = usize::try_from(number).ok()?.checked_sub(1)?;
        let column = known.columns.get(place)?.as_ref()?;
        let may_be_apart = column.may_be_apart;
        Some(Self { place, may_be_apart, found: 0, state: State::Missing, missing: None })
    }

    /// Looks the column up in a table, where it was in the last one first. What is found out once
    /// for all instances lives in `lasting`.
    unsafe fn locate(
        &mut self,
        known: &Known,
        shape: pg_sys::TupleDesc,
        lasting: pg_sys::MemoryContext,
    ) {
        let Some(column) = &known.columns[self.place] else { return };
        // SAFETY: attributes are looked at within their number.
        unsafe {
            let natts = (*shape).natts as usize;
            let is = |n: usize| {
                let there = &*attribute(shape, n as i16 + 1);
                !there.attisdropped && name_of(there) == column.name.as_c_str()
            };
            let last = Some(self.found).filter(|n| *n < natts && is(*n));
            let Some(n) = last.or_else(|| (0..natts).find(|n| is(*n))) else {
                self.state = State::Missing;
                self.missing.get_or_insert_with(|| column.missing(lasting));
                return;
            };
            self.found = n;
            let same = (*attribute(shape, n as i16 + 1)).atttypid == column.kind;
            self.state = if same { State::Here } else { State::OtherType };
        }
    }
}

unsafe fn attribute(shape: pg_sys::TupleDesc, number: i16) -> *mut pg_sys::FormData_pg_attribute {
    // SAFETY: callers stay within the number of attributes, which follow the descriptor; from
    // PostgreSQL 18 on, behind their short forms.
    unsafe {
        #[cfg(not(feature = "pg18"))]
        let first = (*shape).attrs.as_mut_ptr();
        #[cfg(feature = "pg18")]
        let first = (*shape)
            .compact_attrs
            .as_mut_ptr()
            .add((*shape).natts as usize)
            .cast::<pg_sys::FormData_pg_attribute>();
        first.add(number as usize - 1)
    }
}

unsafe fn name_of<'a>(column: *const pg_sys::FormData_pg_attribute) -> &'a CStr {
    // SAFETY: a name is NUL-terminated within its 64 bytes.
    unsafe { CStr::from_ptr((*column).attname.data.as_ptr()) }
}

/// A comparison of a column with a value.
pub struct Test {
    /// Where the column is among the relation's, counted from 0.
    place: usize,
    collation: Oid,
    function: Oid,
    family: Oid,
    strategy: u16,
    array: bool,
    value: Datum,
}

impl Test {
    /// # Safety
    /// The comparison was read from a valid expression, the value lives as long as the test.
    pub unsafe fn new(from: &Comparison, family: Oid, strategy: u16, value: Datum) -> Self {
        Self {
            // SAFETY: as above.
            place: unsafe { (*from.column).varattno } as usize - 1,
            collation: from.collation,
            function: from.function,
            family,
            strategy,
            array: from.array,
            value,
        }
    }

    fn is_equality(&self) -> bool {
        u32::from(self.strategy) == pg_sys::BTEqualStrategyNumber
    }

    /// The test as a scan takes it, on that column of table or index.
    unsafe fn key(&self, column: i16) -> pg_sys::ScanKeyData {
        let mut key = pg_sys::ScanKeyData::default();
        let flags = if self.array { pg_sys::SK_SEARCHARRAY as i32 } else { 0 };
        // SAFETY: the function belongs to the operator, which takes the column's type twice.
        unsafe {
            pg_sys::ScanKeyEntryInitialize(
                &mut key,
                flags,
                column,
                self.strategy,
                Oid::INVALID,
                self.collation,
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
    /// The current memory context lives until the tenant is closed, and so does the snapshot.
    pub unsafe fn open(
        known: &Known,
        place: &Place,
        id: Datum,
        wanted: &mut [Wanted],
        tests: &[Test],
        snapshot: pg_sys::Snapshot,
        lasting: pg_sys::MemoryContext,
    ) -> Option<Self> {
        // SAFETY: relations are opened under a lock; what is opened is closed by `close`, or by
        // the abort after an error.
        unsafe {
            let table = open_table(place, &known.table)?;
            let shape = (*table).rd_att;
            wanted.iter_mut().for_each(|w| w.locate(known, shape, lasting));
            let here = wanted.iter().filter(|w| w.state == State::Here);
            let width = here.map(|w| w.found as i16 + 1).max().unwrap_or(0);
            let slot = pg_sys::MakeSingleTupleTableSlot(shape, pg_sys::table_slot_callbacks(table));
            // A test of a column that is not here, or not of this type, is left to the executor.
            let usable: Vec<(i16, &Test)> = tests
                .iter()
                .filter_map(|t| {
                    let column = wanted.iter().find(|w| w.place == t.place)?;
                    (column.state == State::Here).then_some((column.found as i16 + 1, t))
                })
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
    /// The tenant is open. Called without a guard: see [`row`](super::scan::row).
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
                let value = match column.state {
                    State::Here => {
                        let null = *(*self.slot).tts_isnull.add(column.found);
                        (!null).then(|| *(*self.slot).tts_values.add(column.found))
                    }
                    State::Missing => column.missing.flatten(),
                    State::OtherType => None,
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
unsafe fn open_table(place: &Place, name: &CStr) -> Option<pg_sys::Relation> {
    let oid = relation::oid(&place.schema, name.to_str().ok()?)?;
    // SAFETY: gives null when the relation is gone once the lock is held.
    unsafe {
        let table = pg_sys::try_relation_open(oid, LOCK);
        if table.is_null() {
            return None;
        }
        let kind = (*(*table).rd_rel).relkind as u8;
        if kind != pg_sys::RELKIND_RELATION {
            pg_sys::relation_close(table, LOCK);
            pgrx::warning!(
                "{}.{} is no plain table: its rows are left out",
                edgebase_blocks::quote::ident(&place.schema),
                edgebase_blocks::quote::ident(&name.to_string_lossy())
            );
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
    // SAFETY: the scan copies the keys; the closure only calls the method's function, which every
    // table access method has.
    unsafe {
        let tests = tests.iter().filter(|(_, t)| !t.array);
        let mut keys: Vec<_> = tests.map(|(column, t)| t.key(*column)).collect();
        let (count, keys) = (keys.len() as i32, keys.as_mut_ptr());
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
    // SAFETY: indexes are opened under a lock; the scan copies the keys.
    unsafe {
        if tests.is_empty()
            || pg_sys::RelationGetNumberOfBlocksInFork(table, pg_sys::ForkNumber::MAIN_FORKNUM)
                <= SMALL
        {
            return None;
        }
        let mut best: Option<(Fit, Oid)> = None;
        for index in list_of_indexes(table) {
            let Some(fit) = fit(index, tests) else { continue };
            if best.as_ref().is_none_or(|(other, _)| fit.score > other.score) {
                best = Some((fit, index));
            }
        }
        let (fit, index) = best?;
        let index = pg_sys::index_open(index, LOCK);
        let mut keys: Vec<_> = fit.keys.iter().map(|(place, t)| tests[*t].1.key(*place)).collect();
        let scan = begin_index(table, index, snapshot, keys.len() as i32);
        pg_sys::index_rescan(scan, keys.as_mut_ptr(), keys.len() as i32, null_mut(), 0);
        Some(Reader::Index(index, scan))
    }
}

#[cfg(not(feature = "pg18"))]
unsafe fn begin_index(
    table: pg_sys::Relation,
    index: pg_sys::Relation,
    snapshot: pg_sys::Snapshot,
    keys: i32,
) -> pg_sys::IndexScanDesc {
    // SAFETY: both are open.
    unsafe { pg_sys::index_beginscan(table, index, snapshot, keys, 0) }
}

#[cfg(feature = "pg18")]
unsafe fn begin_index(
    table: pg_sys::Relation,
    index: pg_sys::Relation,
    snapshot: pg_sys::Snapshot,
    keys: i32,
) -> pg_sys::IndexScanDesc {
    // SAFETY: both are open.
    unsafe { pg_sys::index_beginscan(table, index, snapshot, null_mut(), keys, 0) }
}

unsafe fn list_of_indexes(table: pg_sys::Relation) -> Vec<Oid> {
    // SAFETY: the list is a copy of the cache's.
    unsafe {
        let list = pg_sys::RelationGetIndexList(table);
        integers(list).map(|n| Oid::from(n as u32)).collect()
    }
}

/// How well an index serves tests.
struct Fit {
    score: usize,
    /// Columns of the index, counted from 1, and the tests that they serve.
    keys: Vec<(i16, usize)>,
}

/// How well an index serves the tests, and the tests it serves by column of the index. Equality
/// on leading columns counts most; a range counts where it has two ends, since one end alone says
/// little of how many rows there are.
unsafe fn fit(index: Oid, tests: &[(i16, &Test)]) -> Option<Fit> {
    // SAFETY: the index is open while it is looked at; its arrays have a place for each key.
    unsafe {
        let relation = pg_sys::index_open(index, LOCK);
        let form = (*relation).rd_index;
        let usable = (*form).indisvalid
            && !(*form).indcheckxmin
            && (*(*relation).rd_rel).relam == pg_sys::BTREE_AM_OID
            && pg_sys::heap_attisnull(
                (*relation).rd_indextuple,
                pg_sys::Anum_pg_index_indpred as i32,
                null_mut(),
            );
        let (mut score, mut keys) = (0, Vec::new());
        for place in 0..(*form).indnkeyatts as usize {
            if !usable {
                break;
            }
            let column = *(*form).indkey.values.as_ptr().add(place);
            let serves = |(at, test): &(i16, &Test)| {
                *at == column
                    && test.family == *(*relation).rd_opfamily.add(place)
                    && test.collation == *(*relation).rd_indcollation.add(place)
            };
            let here: Vec<usize> = (0..tests.len()).filter(|i| serves(&tests[*i])).collect();
            let equality = here.iter().any(|i| tests[*i].1.is_equality());
            let lower = here
                .iter()
                .any(|i| u32::from(tests[*i].1.strategy) > pg_sys::BTEqualStrategyNumber);
            let upper = here
                .iter()
                .any(|i| u32::from(tests[*i].1.strategy) < pg_sys::BTEqualStrategyNumber);
            if equality {
                score += 2;
            } else if lower && upper || !keys.is_empty() && !here.is_empty() {
                score += 1;
            } else {
                break;
            }
            keys.extend(here.into_iter().map(|i| (place as i16 + 1, i)));
            if !equality {
                break;
            }
        }
        pg_sys::index_close(relation, LOCK);
        (score > 0).then_some(Fit { score, keys })
    }
}
