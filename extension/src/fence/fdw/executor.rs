//! What does the executor show of a scan?
//!
//! An [`Executing`] and what comes of it belong to one scan, in whose memory they end with it: the
//! executor calls with the same node from beginning to end.

use super::node::{Ptr, list};
use crate::analytics::scan::Scan;
use crate::fence::lists::integers;
use crate::fence::rows::Snapshot;
use crate::fence::value::Value;
use pgrx::pg_sys::{self, Datum, EState, Expr, ExprState, ForeignScan, MemoryContext, Oid};
use pgrx::{PgMemoryContexts, PgRelation};
use std::ffi::CStr;

/// The state of a scan of ours, between its beginning and end.
#[derive(Clone, Copy)]
pub struct Executing(Ptr<'static, pg_sys::ForeignScanState>);

/// An expression of a scan that can be evaluated.
pub struct Prepared {
    state: Ptr<'static, ExprState>,
    kind: Oid,
}

impl Executing {
    /// # Safety
    /// Null, or the executor's state of a plan of ours, and not used after the end of the scan.
    pub(super) unsafe fn new(node: *mut pg_sys::ForeignScanState) -> Option<Self> {
        // SAFETY: as above.
        unsafe { Ptr::new(node) }.map(Self)
    }

    pub(super) fn raw(self) -> *mut pg_sys::ForeignScanState {
        self.0.raw()
    }

    fn state(&self) -> &EState {
        // SAFETY: every node of a plan that runs has it.
        unsafe { &*self.0.ss.ps.state }
    }

    /// The foreign table.
    pub fn relation(self) -> PgRelation {
        // SAFETY: the executor has opened it, and closes it.
        unsafe { PgRelation::from_pg(self.0.ss.ss_currentRelation) }
    }

    /// The plan that is run.
    pub fn plan(self) -> Option<Ptr<'static, ForeignScan>> {
        // SAFETY: the plan of such a state is one.
        unsafe { Ptr::new(self.0.ss.ps.plan.cast()) }
    }

    /// The numbers that the plan has for the scan.
    pub fn numbers(self) -> Vec<i32> {
        // SAFETY: the list was made by `Rel::plan`.
        self.plan().map_or_else(Vec::new, |p| unsafe { integers(p.fdw_private).collect() })
    }

    /// What the query sees.
    pub fn snapshot(self) -> Snapshot {
        // SAFETY: the executor keeps it registered as long as the query runs.
        unsafe { Snapshot::registered(self.state().es_snapshot) }
    }

    /// Whether the query has parameters, and they their values.
    pub fn has_parameters(self) -> bool {
        !self.state().es_param_list_info.is_null()
    }

    /// Memory that goes when the scan does.
    pub(super) fn new_memory(self, name: &'static CStr) -> MemoryContext {
        // SAFETY: a child of the query's own; sizes are PostgreSQL's own for small contexts.
        unsafe {
            pg_sys::AllocSetContextCreateInternal(
                self.state().es_query_cxt,
                name.as_ptr(),
                pg_sys::ALLOCSET_SMALL_MINSIZE as usize,
                pg_sys::ALLOCSET_SMALL_INITSIZE as usize,
                pg_sys::ALLOCSET_DEFAULT_MAXSIZE as usize,
            )
        }
    }

    /// What a text says in a type, for as long as the scan lasts.
    pub fn parse(self, text: &CStr, kind: Oid, modifier: i32) -> Value<'static> {
        // SAFETY: the query's memory is there.
        let _within = unsafe { Within::context(self.state().es_query_cxt) };
        Value::parse(text, kind, modifier)
    }

    /// An expression made ready.
    pub fn prepare(self, expr: Ptr<'static, Expr>) -> Option<Prepared> {
        // SAFETY: an expression of the plan that the node runs.
        let state = unsafe { Ptr::new(pg_sys::ExecInitExpr(expr.raw(), self.raw().cast())) };
        state.map(|state| Prepared { state, kind: expr.kind() })
    }

    /// All of these conditions as one, if there are any.
    pub fn prepare_filter(self, all: Vec<Ptr<'static, Expr>>) -> Option<Prepared> {
        // SAFETY: as above; of no condition this makes a null pointer.
        let state = unsafe { Ptr::new(pg_sys::ExecInitQual(list(all), self.raw().cast())) };
        state.map(|state| Prepared { state, kind: pg_sys::BOOLOID })
    }

    /// The value of an expression; nothing where it is null.
    pub fn evaluate(self, expr: &Prepared) -> Option<Value<'_>> {
        let (state, context, mut null) = (expr.state.raw(), self.0.ss.ps.ps_ExprContext, false);
        let evaluate = expr.state.evalfunc?;
        // SAFETY: the expression was made ready for this node; the closure only calls its function.
        unsafe {
            let run = || -> Datum { evaluate(state, context, &mut null) };
            let datum = pg_sys::ffi::pg_guard_ffi_boundary(run);
            (!null).then(|| Value::new(datum, expr.kind))
        }
    }

    /// Leaves the scan with its node, to be dropped with the query's memory.
    pub(super) fn keep(self, scan: Scan) {
        let mut memory = PgMemoryContexts::For(self.state().es_query_cxt);
        // SAFETY: the field is ours.
        unsafe { (*self.raw()).fdw_state = memory.leak_and_drop_on_delete(scan).cast() };
    }

    /// The scan that was left; none after `EXPLAIN` of a plan that was not begun.
    ///
    /// # Safety
    /// Nobody else uses it at the same time.
    pub(super) unsafe fn scan<'a>(self) -> Option<&'a mut Scan> {
        // SAFETY: null, or left by `keep`.
        unsafe { self.0.fdw_state.cast::<Scan>().as_mut() }
    }
}

/// While it lives, allocations go to another memory context.
pub(super) struct Within(MemoryContext);

impl Within {
    /// # Safety
    /// The context lives longer than this.
    pub(super) unsafe fn context(context: MemoryContext) -> Self {
        // SAFETY: as above; the context of now is one of a caller's.
        unsafe { Self((&raw mut pg_sys::CurrentMemoryContext).replace(context)) }
    }
}

impl Drop for Within {
    fn drop(&mut self) {
        // SAFETY: the context was the current one when this was made, further up the stack.
        unsafe { pg_sys::CurrentMemoryContext = self.0 };
    }
}
