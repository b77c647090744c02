//! How are the rows of one instance's table read?
//!
//! As PostgreSQL's own scans do it, without planning a query: under the query's snapshot,
//! sequentially or by an index. What is needed for one instance lives in memory that is emptied
//! before the next, and so neither memory nor the number of locks grows with their number.

use super::checks::{Check, Checks};
use super::executor::{Executing, Prepared, Within};
use crate::fence::open::{Lock, Relation};
use crate::fence::rows::Snapshot;
use crate::fence::value::Value;
use crate::shape::is_stored_as;
use pgrx::pg_sys::{self, Datum, MemoryContext, Oid, ScanDirection::ForwardScanDirection};
use pgrx::pg_sys::{TupleTableSlot, varlena};
use std::ffi::c_int;
use std::mem::ManuallyDrop;
use std::ptr::null_mut;

unsafe extern "C-unwind" {
    // PostgreSQL's own, without the guard of pgrx's.
    fn index_getnext_slot(
        scan: pg_sys::IndexScanDesc,
        direction: pg_sys::ScanDirection::Type,
        slot: *mut TupleTableSlot,
    ) -> bool;
    fn slot_getsomeattrs_int(slot: *mut TupleTableSlot, last: c_int);
    fn detoast_external_attr(value: *mut varlena) -> *mut varlena;
}

/// Where a column of the relation gets its values from.
#[derive(Clone, Copy)]
pub enum Source {
    /// A column of the table, counted from 0.
    Column(usize),
    /// The same for all rows; null where there is none.
    Value(Option<Value<'static>>),
}

/// What to read of an instance's table.
pub struct Request<'r> {
    pub table: Relation,
    /// The instance's id, where the first column shows it.
    pub id: Option<&'r str>,
    /// Columns of the relation, counted from 0, and where they come from.
    pub columns: Vec<(usize, Source)>,
    pub checks: &'r Checks,
    /// Which column of the table each check is of, counted from 1; of none where it has no such
    /// column.
    pub checked: Vec<Option<i16>>,
    /// An index of the table, and which of its columns, counted from 0, serve which checks.
    pub index: Option<(Oid, Vec<(usize, usize)>)>,
}

/// Reads one instance's table after the other.
pub struct Reader {
    memory: MemoryContext,
    current: Option<Reading>,
}

struct Reading {
    /// Not dropped with the scan: after an error the abort has closed it.
    table: ManuallyDrop<Relation>,
    slot: *mut TupleTableSlot,
    source: Rows,
    /// How many columns of a row have to be taken apart for those that are needed.
    width: i16,
    id: Option<Datum>,
    columns: Vec<Column>,
}

enum Rows {
    Table(pg_sys::TableScanDesc),
    Index(ManuallyDrop<Relation>, pg_sys::IndexScanDesc),
}

/// A column to be filled in.
struct Column {
    to: usize,
    from: Option<usize>,
    otherwise: Option<Datum>,
    /// Whether a value may be stored apart from its row.
    may_be_apart: bool,
}

impl Reader {
    pub fn new(node: Executing) -> Self {
        Self { memory: node.new_memory(c"edgebase scan instance"), current: None }
    }

    pub fn is_open(&self) -> bool {
        self.current.is_some()
    }

    /// Whether a condition holds that looks at nothing but the instance's id.
    pub fn admits(&mut self, node: Executing, filter: &Prepared, id: &str) -> bool {
        let slot = target(node);
        // SAFETY: the slot is the node's, and has a place for every column of the relation; it is
        // empty, and is emptied again before the memory is.
        unsafe {
            let within = Within::context(self.memory);
            blank(slot);
            *(*slot).tts_values = Value::of_text(id).map_or(Datum::null(), Value::datum);
            *(*slot).tts_isnull = false;
            store(slot);
            (*(*node.raw()).ss.ps.ps_ExprContext).ecxt_scantuple = slot;
            // It takes null for false.
            let holds = node.evaluate(filter).and_then(Value::boolean).unwrap_or(false);
            clear(slot);
            drop(within);
            pg_sys::MemoryContextReset(self.memory);
            holds
        }
    }

    /// Begins to read a table; gives whether by an index. What is no table is not read.
    pub fn open(&mut self, node: Executing, request: Request) -> bool {
        self.close(node);
        if !request.table.is_table() {
            return false;
        }
        // SAFETY: the context is emptied only after what is opened here was closed.
        let _within = unsafe { Within::context(self.memory) };
        let Request { table, id, columns, checks, checked, index } = request;
        let checks = checks.all();
        let (shape, relation) = (table.tuple_desc(), node.relation());
        let targets = relation.tuple_desc();
        // Only what fits is read: a column whose values are stored likewise, a check of a column of
        // its type.
        let column = |(to, source): (usize, Source)| {
            let kind = targets.get(to)?.atttypid;
            let none = Column { to, from: None, otherwise: None, may_be_apart: false };
            Some(match source {
                Source::Column(n) => {
                    match shape.get(n).filter(|c| is_stored_as(c.atttypid, kind)) {
                        Some(c) => Column { from: Some(n), may_be_apart: c.attlen == -1, ..none },
                        None => none,
                    }
                }
                Source::Value(value) => {
                    let value = value.filter(|v| v.kind() == kind);
                    Column { otherwise: value.map(Value::datum), ..none }
                }
            })
        };
        let columns: Vec<Column> = columns.into_iter().filter_map(column).collect();
        let width = columns.iter().filter_map(|c| c.from).max().map_or(0, |n| n as i16 + 1);
        let fits = |(check, number): (&Check, &Option<i16>)| {
            let place = usize::try_from((*number)?).ok()?.checked_sub(1)?;
            (shape.get(place)?.atttypid == check.kind).then_some(*number).flatten()
        };
        let checked: Vec<Option<i16>> = checks.iter().zip(&checked).map(fits).collect();
        let snapshot = node.snapshot();
        let by_index = index
            .and_then(|(index, uses)| by_index(&table, index, &uses, checks, &checked, snapshot));
        let source = by_index.unwrap_or_else(|| through(&table, checks, &checked, snapshot));
        let by_index = matches!(source, Rows::Index(..));
        drop(shape);
        // SAFETY: the table is open; the slot of the node has a place for each column.
        let slot = unsafe {
            blank(target(node));
            pg_sys::MakeSingleTupleTableSlot(
                table.rd_att,
                pg_sys::table_slot_callbacks(table.as_ptr()),
            )
        };
        let id = id.and_then(Value::of_text).map(Value::datum);
        let table = ManuallyDrop::new(table);
        self.current = Some(Reading { table, slot, source, width, id, columns });
        by_index
    }

    /// Puts the next row into the node's slot; false when there is none.
    ///
    /// This is done for every row, so without the guard that turns an error into a panic: the error
    /// leaves by a long jump, past frames that hold nothing with a destructor. Nothing here may
    /// panic.
    ///
    /// # Safety
    /// Called by the executor, from a frame that holds nothing with a destructor. After false the
    /// table is closed before this is called again.
    pub(super) unsafe fn next(&mut self, node: *mut pg_sys::ForeignScanState) -> bool {
        let Some(reading) = &self.current else { return false };
        // SAFETY: the node is the executor's. What an access method allocates while it reads (a
        // B-tree puts the values of an `IN` in order at the first row) it frees at the end of the
        // scan, so it must not be the memory of one row, in which the executor calls.
        unsafe {
            let target = (*node).ss.ss_ScanTupleSlot;
            clear(target);
            let outer = pg_sys::CurrentMemoryContext;
            pg_sys::CurrentMemoryContext = self.memory;
            let more = reading.advance();
            pg_sys::CurrentMemoryContext = outer;
            if more {
                reading.fill(target);
                store(target);
            }
            more
        }
    }

    /// Closes the table that is being read, if there is one, and releases its lock. The row that
    /// was given last is not valid any more.
    pub fn close(&mut self, node: Executing) {
        // SAFETY: clearing a slot of ours cannot fail; in the reverse order of opening.
        unsafe {
            clear(target(node));
            let Some(reading) = self.current.take() else { return };
            pg_sys::ExecDropSingleTupleTableSlot(reading.slot);
            match reading.source {
                Rows::Table(scan) => {
                    if let Some(end) = (*reading.table.rd_tableam).scan_end {
                        pg_sys::ffi::pg_guard_ffi_boundary(|| end(scan));
                    }
                }
                Rows::Index(index, scan) => {
                    pg_sys::index_endscan(scan);
                    drop(ManuallyDrop::into_inner(index));
                }
            }
            drop(ManuallyDrop::into_inner(reading.table));
            pg_sys::MemoryContextReset(self.memory);
        }
    }
}

impl Reading {
    /// Goes to the next row and takes it apart; false after the last.
    ///
    /// # Safety
    /// The table is open. Called without a guard, as [`Reader::next`] is.
    unsafe fn advance(&self) -> bool {
        let (slot, width) = (self.slot, self.width);
        // SAFETY: scan and slot belong together; every table access method has the function.
        unsafe {
            let more = match self.source {
                Rows::Table(scan) => match (*self.table.rd_tableam).scan_getnextslot {
                    Some(next) => next(scan, ForwardScanDirection, slot),
                    None => false,
                },
                Rows::Index(_, scan) => index_getnext_slot(scan, ForwardScanDirection, slot),
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
    /// There is a row; the target has a place for each column. Called without a guard, as
    /// [`Reader::next`] is.
    unsafe fn fill(&self, target: *mut TupleTableSlot) {
        // SAFETY: as above; values stay valid while the slot holds the row, and what is stored
        // apart is fetched now, because the table may be gone when the query comes to look at it.
        unsafe {
            let (values, nulls) = ((*target).tts_values, (*target).tts_isnull);
            if let Some(id) = self.id {
                *values = id;
                *nulls = false;
            }
            for column in &self.columns {
                let value = match column.from {
                    None => column.otherwise,
                    Some(n) if *(*self.slot).tts_isnull.add(n) => None,
                    Some(n) => Some(*(*self.slot).tts_values.add(n)),
                };
                *nulls.add(column.to) = value.is_none();
                let Some(mut datum) = value else { continue };
                if column.may_be_apart
                    && pgrx::varlena::varatt_is_1b_e(datum.cast_mut_ptr::<varlena>())
                {
                    datum = Datum::from(detoast_external_attr(datum.cast_mut_ptr()));
                }
                *values.add(column.to) = datum;
            }
        }
    }
}

/// Reads the table through, its rows checked as they are found.
fn through(table: &Relation, checks: &[Check], on: &[Option<i16>], snapshot: Snapshot) -> Rows {
    use pg_sys::ScanOptions::{SO_ALLOW_PAGEMODE, SO_ALLOW_STRAT, SO_ALLOW_SYNC, SO_TYPE_SEQSCAN};
    let flags = SO_TYPE_SEQSCAN | SO_ALLOW_STRAT | SO_ALLOW_SYNC | SO_ALLOW_PAGEMODE;
    let usable = checks.iter().zip(on).filter(|(check, _)| !check.array);
    let mut keys: Vec<_> = usable.filter_map(|(t, column)| Some(t.key((*column)?))).collect();
    let (count, keys) = (keys.len() as i32, keys.as_mut_ptr());
    // SAFETY: the scan copies the keys; the closure only calls the method's function, which every
    // table access method has.
    unsafe {
        let Some(begin) = (*table.rd_tableam).scan_begin else { return Rows::Table(null_mut()) };
        let begin = || begin(table.as_ptr(), snapshot.raw(), count, keys, null_mut(), flags);
        Rows::Table(pg_sys::ffi::pg_guard_ffi_boundary(begin))
    }
}

/// Reads the table by an index, as far as that serves the checks.
fn by_index(
    table: &Relation,
    index: Oid,
    uses: &[(usize, usize)],
    checks: &[Check],
    on: &[Option<i16>],
    snapshot: Snapshot,
) -> Option<Rows> {
    let index = Relation::open(index, Lock::WhileOpen)?;
    let columns = index.indexed();
    let key = |(place, check): &(usize, usize)| {
        let (there, of) = (columns.get(*place)?, checks.get(*check)?);
        let serves =
            on.get(*check) == Some(&Some(there.column)) && there.family == of.search.family;
        serves.then(|| of.key(*place as i16 + 1))
    };
    let mut keys: Vec<_> = uses.iter().filter_map(key).collect();
    let (raw, snapshot, count) = (table.as_ptr(), snapshot.raw(), keys.len() as i32);
    // SAFETY: both are open, and the index, which has the columns checked, is the table's; the scan
    // copies the keys.
    unsafe {
        if index.rd_index.is_null() || (*index.rd_index).indrelid != table.oid() {
            return None;
        }
        #[cfg(not(feature = "pg18"))]
        let scan = pg_sys::index_beginscan(raw, index.as_ptr(), snapshot, count, 0);
        #[cfg(feature = "pg18")]
        let scan = pg_sys::index_beginscan(raw, index.as_ptr(), snapshot, null_mut(), count, 0);
        pg_sys::index_rescan(scan, keys.as_mut_ptr(), count, null_mut(), 0);
        Some(Rows::Index(ManuallyDrop::new(index), scan))
    }
}

/// The slot that the executor reads the node's rows from, a virtual one.
fn target(node: Executing) -> *mut TupleTableSlot {
    // SAFETY: a scan's state has it.
    unsafe { (*node.raw()).ss.ss_ScanTupleSlot }
}

/// Says that the slot's columns are filled in, as `ExecStoreVirtualTuple` does.
unsafe fn store(slot: *mut TupleTableSlot) {
    // SAFETY: the slot was empty, and every column has a value or is null.
    unsafe {
        (*slot).tts_flags &= !(pg_sys::TTS_FLAG_EMPTY as u16);
        (*slot).tts_nvalid = (*(*slot).tts_tupleDescriptor).natts as i16;
    }
}

/// Empties a virtual slot, which frees what it may hold and cannot fail.
unsafe fn clear(slot: *mut TupleTableSlot) {
    // SAFETY: every kind of slot has the function.
    unsafe {
        if (*slot).tts_flags & pg_sys::TTS_FLAG_EMPTY as u16 != 0 {
            return;
        }
        if let Some(clear) = (*(*slot).tts_ops).clear {
            clear(slot);
        }
    }
}

/// Makes every column of an empty slot null.
unsafe fn blank(slot: *mut TupleTableSlot) {
    // SAFETY: the array has a place for every column.
    unsafe {
        let columns = (*(*slot).tts_tupleDescriptor).natts as usize;
        std::slice::from_raw_parts_mut((*slot).tts_isnull, columns).fill(true);
    }
}
