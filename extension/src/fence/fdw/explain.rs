//! What does EXPLAIN say of a scan over all instances?
//!
//! How many instances will be read, as the registry is now, which conditions were pushed down,
//! and with ANALYZE how many instances were read, and how many of them by an index. It shows
//! nothing that is not the query's own text or a number.

use super::clause::INSTANCE;
use super::list::{integers, pointers};
use super::scan::{self, Scan};
use crate::registry;
use pgrx::pg_sys::{self, NodeTag};
use std::ffi::{CStr, CString};
use std::ptr::{null, null_mut};

/// Instances counted at once.
const PAGE: usize = 1000;

/// Adds what is to be said of the node.
///
/// # Safety
/// Called by EXPLAIN after the scan was begun.
pub unsafe fn explain(node: *mut pg_sys::ForeignScanState, state: *mut pg_sys::ExplainState) {
    // SAFETY: the nodes are the executor's and EXPLAIN's own.
    unsafe {
        let scan = scan::of(node);
        if let Some(count) = count(node, scan) {
            number(c"Instances", count, state);
        }
        let plan = (*node).ss.ps.plan.cast::<pg_sys::ForeignScan>();
        let pushed = conditions(plan, state);
        if let Ok(text) = CString::new(pushed.join(" AND "))
            && !pushed.is_empty()
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

/// How many instances the scan will read, before conditions that are evaluated for each; `None`
/// where that depends on values that come with the other rows of a join.
unsafe fn count(node: *mut pg_sys::ForeignScanState, scan: &Scan) -> Option<u64> {
    // SAFETY: as above.
    unsafe {
        if !scan.keys.iter().all(|key| is_known(node, key.comparison.value)) {
            return None;
        }
        let there =
            |id: &String| registry::place(&scan.known.namespace, id, scan.snapshot).is_some();
        if let Some(ids) = scan.named(node) {
            return Some(ids.iter().filter(|id| there(id)).count() as u64);
        }
        let (mut count, mut after) = (0, None);
        loop {
            pgrx::check_for_interrupts!();
            let (page, more) =
                registry::places(&scan.known.namespace, after.as_deref(), PAGE, scan.snapshot);
            count += page.len() as u64;
            after = more;
            if after.is_none() {
                return Some(count);
            }
        }
    }
}

/// Whether a value is there before the query runs.
unsafe fn is_known(node: *mut pg_sys::ForeignScanState, expr: *mut pg_sys::Expr) -> bool {
    // SAFETY: the tag says which structure the node is.
    unsafe {
        match (*expr).type_ {
            NodeTag::T_Const => true,
            NodeTag::T_Param => {
                let outside = pg_sys::ParamKind::PARAM_EXTERN;
                (*expr.cast::<pg_sys::Param>()).paramkind == outside
                    && !(*(*node).ss.ps.state).es_param_list_info.is_null()
            }
            _ => false,
        }
    }
}

/// The conditions that were pushed down, as SQL.
unsafe fn conditions(
    plan: *mut pg_sys::ForeignScan,
    state: *mut pg_sys::ExplainState,
) -> Vec<String> {
    // SAFETY: the expressions are the plan's; the texts are palloc'd and copied.
    unsafe {
        if integers((*plan).fdw_private).take(3).sum::<i32>() == 0 {
            return Vec::new();
        }
        let names = pg_sys::set_deparse_context_plan((*state).deparse_cxt, plan.cast(), null_mut());
        let prefix = !(*state).rtable.is_null() && (*(*state).rtable).length > i32::from(INSTANCE);
        pointers::<pg_sys::Node>((*plan).fdw_exprs)
            .map(|expr| {
                let text = pg_sys::deparse_expression(expr, names, prefix, false);
                CStr::from_ptr(text).to_string_lossy().into_owned()
            })
            .collect()
    }
}
