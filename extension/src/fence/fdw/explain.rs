//! How is something added to what EXPLAIN says of a scan?

use super::executor::Executing;
use super::node::Ptr;
use crate::fence::plain::text;
use pgrx::pg_sys::{self, ExplainState, Expr};
use std::ffi::{CStr, CString};
use std::ptr::{null, null_mut};

/// An EXPLAIN that runs.
#[derive(Clone, Copy)]
pub struct Explaining<'e>(Ptr<'e, ExplainState>);

impl<'e> Explaining<'e> {
    /// # Safety
    /// Null, or the state of an EXPLAIN that runs for as long as `'e`.
    pub(super) unsafe fn new(state: *mut ExplainState) -> Option<Self> {
        // SAFETY: as above.
        unsafe { Ptr::new(state) }.map(Self)
    }

    /// Whether the query was run.
    pub fn is_of_a_run(self) -> bool {
        self.0.analyze
    }

    pub fn number(self, label: &CStr, value: u64) {
        let value = i64::try_from(value).unwrap_or(i64::MAX);
        // SAFETY: NUL-terminated, and copied.
        unsafe { pg_sys::ExplainPropertyInteger(label.as_ptr(), null(), value, self.0.raw()) };
    }

    pub fn text(self, label: &CStr, text: &CStr) {
        // SAFETY: as above.
        unsafe { pg_sys::ExplainPropertyText(label.as_ptr(), text.as_ptr(), self.0.raw()) };
    }

    /// Expressions of the node's plan as SQL, joined by `AND`.
    pub fn deparse(self, node: Executing, expressions: &[Ptr<Expr>]) -> Option<CString> {
        let plan = node.plan()?;
        // SAFETY: all are of the query that is explained; the texts are palloc'd, and copied.
        unsafe {
            let context = self.0.deparse_cxt;
            let names = pg_sys::set_deparse_context_plan(context, plan.raw().cast(), null_mut());
            let tables = self.0.rtable;
            let prefix = !tables.is_null() && (*tables).length > 1;
            let sql = |expr: &Ptr<Expr>| {
                text(pg_sys::deparse_expression(expr.raw().cast(), names, prefix, false))
            };
            let all: Vec<String> = expressions.iter().filter_map(sql).collect();
            CString::new(all.join(" AND ")).ok()
        }
    }
}
