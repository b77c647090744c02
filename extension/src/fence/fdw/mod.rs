//! How does PostgreSQL read a relation over all instances of a block?
//!
//! By a foreign-data wrapper: `sql/analytics.sql` declares it, `crate::analytics` makes the
//! foreign tables, and here are the functions that PostgreSQL calls to plan and run a query over
//! one. There are none to write through one, so PostgreSQL refuses that by itself.
//!
//! What is decided about such a query is decided in `crate::analytics`, which is safe code; here
//! is what touches PostgreSQL's structures.
//!
//! | question | where | decided by |
//! |---|---|---|
//! | how are expressions read | [`node`], [`catalog`] | `analytics::condition` |
//! | how is a query planned | [`planner`] | `analytics::plan` |
//! | how does the executor get its rows | [`executor`] | `analytics::instances` |
//! | how is one instance's table read | [`table`] | `analytics::columns`, `analytics::fit` |
//! | what does EXPLAIN say | [`explain`] | |
//!
//! Who may read is PostgreSQL's own check of the foreign table's privileges. The tenants' tables
//! are then read without one, so a foreign table counts only where the registry says that its
//! schema is a block's, and nobody but superusers has the right to make another on this server.

pub mod catalog;
pub mod executor;
mod explain;
pub mod node;
pub mod planner;
pub mod table;

use self::planner::Rel;
use super::boundary::guarded;
use super::raise::{Plain, capturing, raise};
use crate::analytics::{known, plan};
use crate::error::Error;
use crate::seal;
use pgrx::pg_sys::{self, NodeTag, Oid};
use std::ffi::c_int;

/// `edgebase.analytics_handler()`: the functions below, for PostgreSQL to call.
#[unsafe(no_mangle)]
pub extern "C-unwind" fn edgebase_analytics_handler(_: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
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
        Ok(pg_sys::Datum::from(node::allocated(routine)))
    })
}

/// Tells PostgreSQL that the function uses the version 1 calling convention.
#[unsafe(no_mangle)]
pub extern "C" fn pg_finfo_edgebase_analytics_handler() -> &'static pg_sys::Pg_finfo_record {
    const V1: pg_sys::Pg_finfo_record = pg_sys::Pg_finfo_record { api_version: 1 };
    &V1
}

/// The body of every function here: what goes wrong in `work` is raised when nothing is left to
/// drop.
fn call<T: Copy>(work: impl FnOnce() -> Result<T, Error>) -> T {
    match run(work) {
        Ok(value) => value,
        // SAFETY: callers are functions that PostgreSQL called, do this last and hold nothing.
        Err(plain) => unsafe { raise(plain) },
    }
}

#[inline(never)]
fn run<T>(work: impl FnOnce() -> Result<T, Error>) -> Result<T, Plain> {
    guarded(|| capturing(work))
}

/// A sealed transaction has no rights on any relation; should it ever get some, it stops here.
fn refuse_sealed() -> Result<(), Error> {
    if seal::is_sealed() {
        return Err(Error::Sealed("a relation over all instances".to_owned()));
    }
    Ok(())
}

unsafe extern "C-unwind" fn rel_size(
    root: *mut pg_sys::PlannerInfo,
    rel: *mut pg_sys::RelOptInfo,
    table: Oid,
) {
    call(|| {
        refuse_sealed()?;
        let size = known::to_plan(table)?.size;
        // SAFETY: PostgreSQL passes the planner's state and one of its base relations.
        plan::size(&unsafe { Rel::new(root, rel) }, size);
        Ok(())
    });
}

unsafe extern "C-unwind" fn paths(
    root: *mut pg_sys::PlannerInfo,
    rel: *mut pg_sys::RelOptInfo,
    _: Oid,
) {
    call(|| {
        // SAFETY: as above, after `rel_size`.
        plan::paths(&unsafe { Rel::new(root, rel) });
        Ok(())
    });
}

unsafe extern "C-unwind" fn foreign_plan(
    root: *mut pg_sys::PlannerInfo,
    rel: *mut pg_sys::RelOptInfo,
    _: Oid,
    _: *mut pg_sys::ForeignPath,
    targets: *mut pg_sys::List,
    clauses: *mut pg_sys::List,
    outer: *mut pg_sys::Plan,
) -> *mut pg_sys::ForeignScan {
    call(|| {
        // SAFETY: as above; the lists are those of a path made by `paths`.
        Ok(unsafe { Rel::new(root, rel).plan(targets, clauses, outer) })
    })
}

unsafe extern "C-unwind" fn begin(node: *mut pg_sys::ForeignScanState, _: c_int) {
    call(|| {
        refuse_sealed()?;
        // SAFETY: PostgreSQL passes the state of a plan made by `foreign_plan`.
        unsafe { executor::begin(node) }
    });
}

unsafe extern "C-unwind" fn iterate(
    node: *mut pg_sys::ForeignScanState,
) -> *mut pg_sys::TupleTableSlot {
    loop {
        // A cursor may have been opened before the seal, which is therefore looked at here too.
        if !seal::is_sealed() {
            // SAFETY: after `begin`; nothing in this frame has a destructor.
            let row = unsafe { executor::row(node) };
            if !row.is_null() {
                return row;
            }
        }
        let more = call(|| {
            refuse_sealed()?;
            // SAFETY: after `begin`.
            unsafe { executor::go_on(node) }
        });
        if !more {
            // SAFETY: PostgreSQL passes the state of a plan of ours.
            return unsafe { (*node).ss.ss_ScanTupleSlot };
        }
    }
}

unsafe extern "C-unwind" fn rescan(node: *mut pg_sys::ForeignScanState) {
    call(|| {
        // SAFETY: after `begin`.
        unsafe { executor::restart(node) };
        Ok(())
    });
}

unsafe extern "C-unwind" fn end(node: *mut pg_sys::ForeignScanState) {
    call(|| {
        // SAFETY: after `begin`; called at most once.
        unsafe { executor::end(node) };
        Ok(())
    });
}

unsafe extern "C-unwind" fn explain_scan(
    node: *mut pg_sys::ForeignScanState,
    state: *mut pg_sys::ExplainState,
) {
    call(|| {
        // SAFETY: after `begin`.
        unsafe { explain::explain(node, state) };
        Ok(())
    });
}
