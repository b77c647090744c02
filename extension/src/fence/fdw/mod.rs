//! Which functions does PostgreSQL call to plan and run a query over all instances of a block?
//!
//! Those of a foreign-data wrapper: `sql/analytics.sql` declares it, `crate::analytics` makes the
//! foreign tables. There are none to write through one, so PostgreSQL refuses that by itself. What
//! is decided about a query is decided in `crate::analytics`, which is safe code; here is what
//! touches PostgreSQL's structures.
//!
//! Who may read is PostgreSQL's own check of the foreign table's privileges. The tenants' tables
//! are then read without one, so a foreign table counts only where the registry says that its
//! schema is a block's, and nobody but superusers has the right to make another on this server.

pub mod checks;
pub mod executor;
pub mod explain;
pub mod foreign;
pub mod node;
pub mod planner;
pub mod reading;

use self::executor::Executing;
use self::explain::Explaining;
use self::node::{Ptr, allocated};
use self::planner::Rel;
use super::boundary::callback;
use super::lists::pointers;
use super::raise::capturing;
use crate::analytics::scan::Scan;
use crate::analytics::{explain as explanation, known, plan};
use crate::error::Error;
use crate::seal;
use pgrx::pg_sys::{
    self, Datum, ForeignScanState, List, NodeTag, Oid, PlannerInfo, RelOptInfo, TupleTableSlot,
};
use std::ffi::c_int;

/// `edgebase.analytics_handler()`: the functions below, for PostgreSQL to call.
#[unsafe(no_mangle)]
pub extern "C-unwind" fn edgebase_analytics_handler(_: pg_sys::FunctionCallInfo) -> Datum {
    call(|| {
        let routine = pg_sys::FdwRoutine {
            type_: NodeTag::T_FdwRoutine,
            GetForeignRelSize: Some(rel_size),
            GetForeignPaths: Some(paths),
            GetForeignPlan: Some(foreign_plan),
            BeginForeignScan: Some(begin),
            IterateForeignScan: Some(iterate),
            ReScanForeignScan: Some(rescan),
            EndForeignScan: Some(end),
            ExplainForeignScan: Some(explain_scan),
            ..Default::default()
        };
        Ok(Datum::from(allocated(routine)))
    })
}

/// Tells PostgreSQL that the function uses the version 1 calling convention.
#[unsafe(no_mangle)]
pub extern "C" fn pg_finfo_edgebase_analytics_handler() -> &'static pg_sys::Pg_finfo_record {
    const V1: pg_sys::Pg_finfo_record = pg_sys::Pg_finfo_record { api_version: 1 };
    &V1
}

/// The body of every function here, which holds nothing with a destructor.
fn call<T: Copy>(work: impl FnOnce() -> Result<T, Error>) -> T {
    // SAFETY: PostgreSQL called the caller, which does this last.
    unsafe { callback(|| capturing(work)) }
}

/// A sealed transaction has no rights on any relation; should it ever get some, it stops here.
fn refuse_sealed() -> Result<(), Error> {
    if seal::is_sealed() {
        return Err(Error::Sealed("a relation over all instances".to_owned()));
    }
    Ok(())
}

/// Plans with what PostgreSQL passes.
fn planning<T: Copy>(
    root: *mut PlannerInfo,
    rel: *mut RelOptInfo,
    work: impl FnOnce(Rel<'_>) -> Result<T, Error>,
) -> T {
    call(|| {
        // SAFETY: PostgreSQL passes the planner's state and one of its base relations.
        let rel = unsafe { Rel::new(root, rel) };
        work(rel.ok_or_else(|| Error::Internal("planning of nothing".to_owned()))?)
    })
}

unsafe extern "C-unwind" fn rel_size(root: *mut PlannerInfo, rel: *mut RelOptInfo, table: Oid) {
    planning(root, rel, |rel| {
        refuse_sealed()?;
        plan::size(rel, known::to_plan(table)?.size);
        Ok(())
    });
}

unsafe extern "C-unwind" fn paths(root: *mut PlannerInfo, rel: *mut RelOptInfo, _: Oid) {
    planning(root, rel, |rel| {
        plan::paths(rel);
        Ok(())
    });
}

unsafe extern "C-unwind" fn foreign_plan(
    root: *mut PlannerInfo,
    rel: *mut RelOptInfo,
    _: Oid,
    _: *mut pg_sys::ForeignPath,
    targets: *mut List,
    clauses: *mut List,
    outer: *mut pg_sys::Plan,
) -> *mut pg_sys::ForeignScan {
    planning(root, rel, |rel| {
        // SAFETY: the lists are those of a path that `paths` added; its clauses are conditions.
        unsafe {
            let conditions = pointers(clauses).filter_map(|condition| Ptr::new(condition));
            Ok(rel.plan(targets, outer, plan::parts(rel, conditions)))
        }
    })
}

/// Runs with the node that PostgreSQL passes, and the scan that was begun for it.
fn running<T: Copy + Default>(
    node: *mut ForeignScanState,
    work: impl FnOnce(Executing, &mut Scan) -> Result<T, Error>,
) -> T {
    call(|| {
        // SAFETY: PostgreSQL passes the state of a plan of ours, and calls one function after the
        // other. There is no scan where beginning it failed.
        let given = unsafe { Executing::new(node).and_then(|node| Some((node, node.scan()?))) };
        given.map_or(Ok(T::default()), |(node, scan)| work(node, scan))
    })
}

unsafe extern "C-unwind" fn begin(node: *mut ForeignScanState, _: c_int) {
    call(|| {
        refuse_sealed()?;
        // SAFETY: as above.
        if let Some(node) = unsafe { Executing::new(node) } {
            node.keep(Scan::begin(node)?);
        }
        Ok(())
    });
}

unsafe extern "C-unwind" fn iterate(node: *mut ForeignScanState) -> *mut TupleTableSlot {
    loop {
        // A cursor may have been opened before the seal, which is therefore looked at here too.
        if !seal::is_sealed() {
            // SAFETY: after `begin`; nothing in this frame has a destructor.
            unsafe {
                let scan = (*node).fdw_state.cast::<Scan>();
                if (*scan).reader.next(node) {
                    return (*node).ss.ss_ScanTupleSlot;
                }
            }
        }
        let more = running(node, |node, scan| {
            refuse_sealed()?;
            scan.go_on(node)
        });
        if !more {
            // SAFETY: the node has its slot, which is empty now.
            return unsafe { (*node).ss.ss_ScanTupleSlot };
        }
    }
}

unsafe extern "C-unwind" fn rescan(node: *mut ForeignScanState) {
    running(node, |node, scan| {
        scan.restart(node);
        Ok(())
    });
}

unsafe extern "C-unwind" fn end(node: *mut ForeignScanState) {
    running(node, |node, scan| {
        scan.reader.close(node);
        Ok(())
    });
}

unsafe extern "C-unwind" fn explain_scan(
    node: *mut ForeignScanState,
    state: *mut pg_sys::ExplainState,
) {
    running(node, |node, scan| {
        // SAFETY: EXPLAIN passes its state.
        if let Some(state) = unsafe { Explaining::new(state) } {
            explanation::explain(node, scan, state);
        }
        Ok(())
    });
}
