//! Which conditions of a query are of use before a row is read?
//!
//! Three kinds. `instance_id = x` and `instance_id = ANY (...)` name the instances: they are
//! looked up by key. Any other condition on nothing but `instance_id` is evaluated once an
//! instance. A comparison of a column with a value is handed to the scan of the tenant's table,
//! which uses an index for it where there is one. The first two are exact and are not evaluated
//! again; a comparison is, by the executor, because an instance may lack the column.
//!
//! Nothing is pushed down whose evaluation could be noticed: no volatile function, no subquery,
//! and nothing that a security barrier view has not let pass yet.

use crate::analytics::fit::{EQUAL, Search};
use crate::fence::fdw::catalog;
use crate::fence::fdw::node::{Comparison, Expr};
use crate::fence::fdw::planner::Condition;
use pgrx::pg_sys;

/// The column that every relation has first.
pub const INSTANCE: i16 = 1;

/// What a condition is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// It names instances.
    Key,
    /// It chooses among them.
    Filter,
    /// It compares a column.
    Column,
}

/// A condition that is pushed down, its column on the left.
#[derive(Clone, Copy)]
pub struct Clause<'q> {
    pub usage: Use,
    pub expr: Expr<'q>,
}

/// What the condition is good for, if for anything.
pub fn classify<'q>(condition: &Condition<'q>) -> Option<Clause<'q>> {
    let expr = condition.expr();
    if !condition.may_come_first() || !expr.is_silent() {
        return None;
    }
    compare(condition, expr).or_else(|| {
        (expr.attributes(condition.relation()) == [INSTANCE])
            .then_some(Clause { usage: Use::Filter, expr })
    })
}

fn compare<'q>(condition: &Condition<'q>, expr: Expr<'q>) -> Option<Clause<'q>> {
    let ours = |c: &Comparison| c.column.is_of(condition.relation()) && c.column.attribute > 0;
    let (expr, found) = match expr.comparison().filter(ours) {
        Some(found) => (expr, found),
        None => {
            let turned = expr.commuted()?;
            (turned, turned.comparison().filter(ours)?)
        }
    };
    if condition.is_about(found.value) {
        return None;
    }
    let usage = if found.column.attribute == INSTANCE {
        names_instances(&found).then_some(Use::Key)?
    } else {
        search(&found).map(|_| Use::Column)?
    };
    Some(Clause { usage, expr })
}

/// Whether it compares as the registry does.
fn names_instances(found: &Comparison) -> bool {
    found.operator.to_u32() == pg_sys::TextEqualOperator
        && catalog::is_deterministic(found.collation)
}

/// How a B-tree over the column would be searched. The value must be of the column's type and
/// compared as the column's collation does.
pub fn search(found: &Comparison) -> Option<Search> {
    let column = &found.column;
    // Comparing jsonb leaves memory behind, which a scan would gather for every row.
    if column.kind == pg_sys::JSONBOID || found.collation != column.collation {
        return None;
    }
    let family = catalog::btree_family(column.kind)?;
    if catalog::operands(found.operator) != (column.kind, column.kind) {
        return None;
    }
    let strategy = catalog::strategy(found.operator, family)?;
    let served = !found.array || strategy == EQUAL;
    served.then_some(Search { family, strategy, collation: found.collation })
}

/// How many instances a condition names that is of [`Use::Key`]; nothing where that is not known
/// before it runs.
pub fn named(clause: &Clause) -> Option<usize> {
    match clause.expr.comparison() {
        Some(found) if found.array => found.value.constant_texts(),
        _ => Some(1),
    }
}
