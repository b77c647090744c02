//! What does EXPLAIN say of a scan over all instances?
//!
//! How many instances will be read, as the registry is now and before conditions that are
//! evaluated for each, unless that depends on values that come with the other rows of a join;
//! which conditions were pushed down; and with ANALYZE how many instances were read, and how many
//! of them by an index. It shows nothing that is not the query's own text or a number.

use super::executor;
use super::node::Expr;
use super::planner::Told;
use crate::analytics::condition::INSTANCE;
use crate::analytics::instances;
use pgrx::pg_sys;
use std::ffi::{CStr, CString};
use std::ptr::{null, null_mut};

/// Adds what is to be said of the node.
///
/// # Safety
/// Called by EXPLAIN after the scan was begun.
pub unsafe fn explain(node: *mut pg_sys::ForeignScanState, state: *mut pg_sys::ExplainState) {
    // SAFETY: the nodes are the executor's and EXPLAIN's own.
    unsafe {
        let scan = executor::of(node);
        if scan.is_named_before(!(*(*node).ss.ps.state).es_param_list_info.is_null()) {
            let ids = scan.named(node);
            let count = instances::count(&scan.known.namespace, ids, scan.snapshot());
            number(c"Instances", count, state);
        }
        let plan = (*node).ss.ps.plan.cast::<pg_sys::ForeignScan>();
        let pushed = Told::of(plan).pushed.concat();
        if !pushed.is_empty()
            && let Ok(text) = CString::new(texts(plan, &pushed, state).join(" AND "))
        {
            pg_sys::ExplainPropertyText(c"Pushed Down".as_ptr(), text.as_ptr(), state);
        }
        if (*state).analyze {
            number(c"Instances Read", scan.read, state);
            number(c"Instances Read by Index", scan.by_index, state);
        }
    }
}

unsafe fn number(label: &CStr, value: u64, state: *mut pg_sys::ExplainState) {
    let value = i64::try_from(value).unwrap_or(i64::MAX);
    // SAFETY: the label is a constant.
    unsafe { pg_sys::ExplainPropertyInteger(label.as_ptr(), null(), value, state) };
}

/// Conditions of a plan as SQL.
unsafe fn texts(
    plan: *mut pg_sys::ForeignScan,
    conditions: &[Expr],
    state: *mut pg_sys::ExplainState,
) -> Vec<String> {
    // SAFETY: the expressions are the plan's; the texts are palloc'd and copied.
    unsafe {
        let names = pg_sys::set_deparse_context_plan((*state).deparse_cxt, plan.cast(), null_mut());
        let prefix = !(*state).rtable.is_null() && (*(*state).rtable).length > i32::from(INSTANCE);
        let text = |expr: &Expr| {
            let text = pg_sys::deparse_expression(expr.node().cast(), names, prefix, false);
            CStr::from_ptr(text).to_string_lossy().into_owned()
        };
        conditions.iter().map(text).collect()
    }
}
