//! How does the executor get a relation's rows?
//!
//! One instance after the other: its table is locked while it is read and no longer, so the
//! number of locks does not grow with the number of instances, and neither does memory: what is
//! needed for one is freed before the next. Which instances, is `crate::analytics::instances`.
//!
//! The relation cache is the exception, as a backend never evicts from it. It is emptied every
//! `edgebase.analytics_cache` instances.

use super::node::{Comparison, Expr, Within, list};
use super::planner::Told;
use super::table::{Tenant, Test, Wanted};
use crate::analytics::condition::{INSTANCE, search};
use crate::analytics::instances::{Instances, common};
use crate::analytics::known::{self, Known};
use crate::error::Error;
use crate::fence::scan::Snapshot;
use crate::fence::shape::Shape;
use crate::guc;
use crate::registry::Place;
use pgrx::PgMemoryContexts;
use pgrx::datum::{FromDatum, IntoDatum};
use pgrx::pg_sys::{self, Datum, MemoryContext};
use std::ffi::CStr;
use std::ptr::null_mut;
use std::rc::Rc;

/// Stops here when the query was cancelled.
pub fn check_interrupts() {
    pgrx::check_for_interrupts!();
}

/// An expression that gives a value once a scan.
pub struct Value {
    state: *mut pg_sys::ExprState,
    comparison: Comparison<'static>,
}

/// A scan between begin and end. It lives in the query's memory, and so do the nodes in it.
pub struct Scan {
    /// What the relation is over.
    pub known: Rc<Known>,
    /// Whether the query needs the instance's id.
    shows_instance: bool,
    wanted: Vec<Wanted>,
    keys: Vec<Value>,
    filter: *mut pg_sys::ExprState,
    columns: Vec<Value>,
    tests: Vec<Test>,
    raw_snapshot: pg_sys::Snapshot,
    /// What columns are compared with, until the scan starts again; null where none is.
    values: MemoryContext,
    /// What belongs to the instance that is being read.
    memory: MemoryContext,
    /// Where the next instance comes from, once that is decided.
    source: Option<Instances>,
    current: Option<Tenant>,
    /// Since the scan began, restarts included.
    pub read: u64,
    pub by_index: u64,
}

unsafe fn new_context(parent: MemoryContext, name: &'static CStr) -> MemoryContext {
    // SAFETY: the name is a constant; sizes are PostgreSQL's own for small contexts.
    unsafe {
        pg_sys::AllocSetContextCreateInternal(
            parent,
            name.as_ptr(),
            pg_sys::ALLOCSET_SMALL_MINSIZE as usize,
            pg_sys::ALLOCSET_SMALL_INITSIZE as usize,
            pg_sys::ALLOCSET_DEFAULT_MAXSIZE as usize,
        )
    }
}

/// The scan of a node after [`begin`].
///
/// # Safety
/// `begin` was called for the node, `end` was not.
pub unsafe fn of<'a>(node: *mut pg_sys::ForeignScanState) -> &'a mut Scan {
    // SAFETY: set by `begin`; lives in the query's memory.
    unsafe { &mut *(*node).fdw_state.cast::<Scan>() }
}

/// Prepares a scan and reads nothing yet.
///
/// # Safety
/// Called by the executor with the state of a plan of ours.
pub unsafe fn begin(node: *mut pg_sys::ForeignScanState) -> Result<(), Error> {
    // SAFETY: the nodes are the executor's, which has locked the table.
    unsafe {
        let estate = (*node).ss.ps.state;
        let relation = (*node).ss.ss_currentRelation;
        let known = known::to_run((*relation).rd_id)?;
        let Told { pushed: [keys, filters, columns], mut needed } =
            Told::of((*node).ss.ps.plan.cast());
        if needed.contains(&0) {
            needed = (1..=known.columns.len() as i16).collect();
        }
        // Of no condition this makes a null pointer.
        let filter = list(filters.iter().map(|e| e.node()));
        let filter = pg_sys::ExecInitQual(filter, node.cast());
        let (keys, columns) = (values(node, keys), values(node, columns));
        // A condition that is pushed down needs its column, whether the query shows it or not.
        needed.extend(columns.iter().map(|v| v.comparison.column.attribute));
        needed.sort_unstable();
        needed.dedup();
        let wanted = needed.iter().filter(|n| **n > INSTANCE);
        let shape = Shape::of(relation);
        let wanted = wanted.filter_map(|n| Wanted::of(&shape, *n)).collect();

        let memory = (*estate).es_query_cxt;
        let values = match columns.is_empty() {
            true => null_mut(),
            false => new_context(memory, c"edgebase scan values"),
        };
        let scan = Scan {
            known,
            shows_instance: needed.contains(&INSTANCE),
            wanted,
            keys,
            filter,
            columns,
            tests: Vec::new(),
            raw_snapshot: (*estate).es_snapshot,
            values,
            memory: new_context(memory, c"edgebase scan instance"),
            source: None,
            current: None,
            read: 0,
            by_index: 0,
        };
        (*node).fdw_state = PgMemoryContexts::For(memory).leak_and_drop_on_delete(scan).cast();
    }
    Ok(())
}

/// # Safety
/// The expressions are the node's.
unsafe fn values(node: *mut pg_sys::ForeignScanState, exprs: Vec<Expr<'static>>) -> Vec<Value> {
    let value = |comparison: Comparison<'static>| {
        // SAFETY: as above.
        let state = unsafe { pg_sys::ExecInitExpr(comparison.value.node(), node.cast()) };
        Value { state, comparison }
    };
    exprs.into_iter().filter_map(Expr::comparison).map(value).collect()
}

/// Evaluates an expression of the node; `None` where it is null.
unsafe fn evaluate(
    state: *mut pg_sys::ExprState,
    node: *mut pg_sys::ForeignScanState,
) -> Option<Datum> {
    // SAFETY: the state was made for this node; the closure only calls its function.
    unsafe {
        let (context, mut null) = ((*node).ss.ps.ps_ExprContext, false);
        let evaluate = (*state).evalfunc?;
        let datum = pg_sys::ffi::pg_guard_ffi_boundary(|| evaluate(state, context, &mut null));
        (!null).then_some(datum)
    }
}

impl Value {
    /// The value; a copy that lives as long as the current context.
    unsafe fn copied(&self, node: *mut pg_sys::ForeignScanState) -> Option<Datum> {
        // SAFETY: as above. What evaluation gives may belong to somebody else.
        unsafe {
            let datum = evaluate(self.state, node)?;
            let kind = pg_sys::exprType(self.comparison.value.node().cast());
            let (mut length, mut by_value) = (0, false);
            pg_sys::get_typlenbyval(kind, &mut length, &mut by_value);
            if by_value || length != -1 {
                return Some(datum);
            }
            Some(Datum::from(pg_sys::pg_detoast_datum_copy(datum.cast_mut_ptr())))
        }
    }

    /// The ids that it names.
    unsafe fn ids(&self, node: *mut pg_sys::ForeignScanState) -> Vec<String> {
        // SAFETY: `instance_id = x` with a text, or `= ANY (x)` with an array of text.
        unsafe {
            match evaluate(self.state, node) {
                None => Vec::new(),
                Some(datum) if self.comparison.array => {
                    let ids = Vec::<Option<String>>::from_datum(datum, false);
                    ids.into_iter().flatten().flatten().collect()
                }
                Some(datum) => String::from_datum(datum, false).into_iter().collect(),
            }
        }
    }
}

/// The next row of the table that is being read, in the node's slot; null when there is none.
///
/// This is done for every row, so without the guard that turns an error into a panic: the error
/// leaves by a long jump, past frames that hold nothing with a destructor. Nothing here may panic.
///
/// # Safety
/// Called by the executor after [`begin`], from a frame that holds nothing with a destructor.
/// After null, [`go_on`] comes first.
pub unsafe fn row(node: *mut pg_sys::ForeignScanState) -> *mut pg_sys::TupleTableSlot {
    // SAFETY: the nodes are the executor's. What an access method allocates while it reads (a
    // B-tree puts the values of an `IN` in order at the first row) it frees at the end of the
    // scan, so it must not be the memory of one row, in which the executor calls.
    unsafe {
        let scan = of(node);
        let Some(tenant) = &mut scan.current else { return null_mut() };
        let slot = (*node).ss.ss_ScanTupleSlot;
        clear(slot);
        let outer = pg_sys::CurrentMemoryContext;
        pg_sys::CurrentMemoryContext = scan.memory;
        let more = tenant.next();
        pg_sys::CurrentMemoryContext = outer;
        if !more {
            return null_mut();
        }
        if scan.shows_instance {
            *(*slot).tts_values = tenant.id;
            *(*slot).tts_isnull = false;
        }
        tenant.fill(&scan.wanted, slot);
        store(slot);
        slot
    }
}

/// Opens the next instance's table; false when there is none, and the node's slot is empty then.
///
/// # Safety
/// Called by the executor after [`begin`].
pub unsafe fn go_on(node: *mut pg_sys::ForeignScanState) -> Result<bool, Error> {
    // SAFETY: the nodes are the executor's; clearing a slot of ours cannot fail.
    unsafe {
        let scan = of(node);
        let slot = (*node).ss.ss_ScanTupleSlot;
        clear(slot);
        scan.close();
        if scan.source.is_none() {
            scan.start(node);
        }
        let snapshot = scan.snapshot();
        while scan.current.is_none() {
            check_interrupts();
            let source = scan.source.as_mut();
            let Some(place) = source.and_then(|s| s.next(&scan.known.namespace, snapshot)) else {
                return Ok(false);
            };
            scan.open(node, &place);
        }
        blank(slot);
        Ok(true)
    }
}

/// Ends what was begun and starts again at the next call, with the values that conditions have
/// then.
///
/// # Safety
/// Called by the executor after [`begin`].
pub unsafe fn restart(node: *mut pg_sys::ForeignScanState) {
    // SAFETY: as above.
    unsafe {
        let scan = of(node);
        scan.close();
        scan.source = None;
    }
}

/// Ends the scan.
///
/// # Safety
/// Called by the executor; after an error it is not.
pub unsafe fn end(node: *mut pg_sys::ForeignScanState) {
    // SAFETY: as above.
    unsafe {
        if !(*node).fdw_state.is_null() {
            of(node).close();
        }
    }
}

impl Scan {
    /// What the query sees.
    ///
    /// # Safety
    /// It is not used after the scan, for which the executor keeps it registered.
    pub unsafe fn snapshot(&self) -> Snapshot {
        // SAFETY: as above.
        unsafe { Snapshot::of_query(self.raw_snapshot) }
    }

    /// Evaluates the conditions and decides where instances come from.
    unsafe fn start(&mut self, node: *mut pg_sys::ForeignScanState) {
        // SAFETY: nothing refers to the values any more: no table is open.
        unsafe {
            self.tests.clear();
            let values = (!self.values.is_null()).then_some(self.values);
            let _within = values.map(|values| {
                pg_sys::MemoryContextReset(values);
                Within::context(values)
            });
            let mut ids = None;
            for value in &self.columns {
                let Some(search) = search(&value.comparison) else { continue };
                match value.copied(node) {
                    Some(datum) => self.tests.push(Test::new(&value.comparison, search, datum)),
                    // A comparison with null holds for no row.
                    None => ids = Some(Vec::new()),
                }
            }
            let ids = ids.or_else(|| self.named(node));
            self.source = Some(Instances::new(&self.known.namespace, ids, self.snapshot()));
        }
    }

    /// The ids that conditions name, in order; `None` when none names any.
    ///
    /// # Safety
    /// The node is that of the scan.
    pub unsafe fn named(&self, node: *mut pg_sys::ForeignScanState) -> Option<Vec<String>> {
        // SAFETY: as above.
        self.keys.iter().fold(None, |all, key| Some(common(all, unsafe { key.ids(node) })))
    }

    /// Whether the ids that conditions name are there before the query runs, given whether it has
    /// its parameters.
    pub fn is_named_before(&self, has_parameters: bool) -> bool {
        let there = |e: Expr| e.is_constant() || has_parameters && e.is_outer_parameter();
        self.keys.iter().all(|key| there(key.comparison.value))
    }

    /// Opens an instance's table, unless a condition excludes the instance or it is gone.
    unsafe fn open(&mut self, node: *mut pg_sys::ForeignScanState, place: &Place) {
        // SAFETY: the slot is empty, and is emptied again before anything allocated here goes.
        unsafe {
            let _within = Within::context(self.memory);
            let id = place.id.as_str().into_datum().unwrap_or(Datum::null());
            if self.admits(node, id) {
                self.read += 1;
                self.forget_caches();
                self.current = Tenant::open(
                    &self.known,
                    place,
                    id,
                    &mut self.wanted,
                    &self.tests,
                    self.raw_snapshot,
                    (*(*node).ss.ps.state).es_query_cxt,
                );
            }
            match &self.current {
                Some(tenant) => self.by_index += u64::from(tenant.uses_index()),
                None => pg_sys::MemoryContextReset(self.memory),
            }
        }
    }

    /// Whether the conditions on nothing but the id hold.
    unsafe fn admits(&self, node: *mut pg_sys::ForeignScanState, id: Datum) -> bool {
        if self.filter.is_null() {
            return true;
        }
        // SAFETY: the slot has a place for every column of the relation; the expression looks at
        // the first only.
        unsafe {
            let slot = (*node).ss.ss_ScanTupleSlot;
            blank(slot);
            *(*slot).tts_values = id;
            *(*slot).tts_isnull = false;
            store(slot);
            (*(*node).ss.ps.ps_ExprContext).ecxt_scantuple = slot;
            let holds = evaluate(self.filter, node);
            clear(slot);
            // A qual is true or false: it takes null for false.
            holds.is_some_and(|holds| holds.value() != 0)
        }
    }

    /// Every so many instances the backend's caches are emptied, as an invalidation of everything
    /// would: what is in use stays, and what is needed again is read again.
    fn forget_caches(&self) {
        let every = guc::ANALYTICS_CACHE.get() as u64;
        if every != 0 && self.read.is_multiple_of(every) {
            // SAFETY: PostgreSQL does this at any lock whose invalidation messages overflowed.
            unsafe { pg_sys::InvalidateSystemCaches() };
        }
    }

    unsafe fn close(&mut self) {
        if let Some(tenant) = self.current.take() {
            // SAFETY: the row that was given last is not valid any more: the executor asked for
            // the next.
            unsafe {
                tenant.close();
                pg_sys::MemoryContextReset(self.memory);
            }
        }
    }
}

/// Says that the slot's columns are filled in, as `ExecStoreVirtualTuple` does.
unsafe fn store(slot: *mut pg_sys::TupleTableSlot) {
    // SAFETY: the slot was empty, and every column has a value or is null.
    unsafe {
        (*slot).tts_flags &= !(pg_sys::TTS_FLAG_EMPTY as u16);
        (*slot).tts_nvalid = (*(*slot).tts_tupleDescriptor).natts as i16;
    }
}

/// Empties a virtual slot, which frees what it may hold and cannot fail.
unsafe fn clear(slot: *mut pg_sys::TupleTableSlot) {
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
unsafe fn blank(slot: *mut pg_sys::TupleTableSlot) {
    // SAFETY: both arrays have a place for every column.
    unsafe {
        let columns = (*(*slot).tts_tupleDescriptor).natts as usize;
        std::slice::from_raw_parts_mut((*slot).tts_isnull, columns).fill(true);
    }
}
