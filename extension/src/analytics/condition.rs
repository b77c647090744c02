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

use crate::analytics::expr::{self, Comparison, Expr, comparison};
use crate::analytics::fit::{EQUAL, Search};
use crate::fence::fdw::planner::Rel;
use crate::fence::{catalog, plain};
use pgrx::pg_sys::{self, Oid, RestrictInfo};

/// A condition of a query.
pub type Condition<'q> = crate::fence::fdw::node::Ptr<'q, RestrictInfo>;

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
pub fn classify<'q>(rel: Rel<'q>, condition: Condition<'q>) -> Option<Clause<'q>> {
    let expr = condition.clause()?;
    if condition.pseudoconstant || !rel.may_come_first(condition) || !expr.is_silent() {
        return None;
    }
    compare(rel, expr).or_else(|| {
        (expr.attributes(rel.rel.relid) == [INSTANCE])
            .then_some(Clause { usage: Use::Filter, expr })
    })
}

fn compare<'q>(rel: Rel<'q>, expr: Expr<'q>) -> Option<Clause<'q>> {
    let number = rel.rel.relid;
    let ours = |c: &Comparison| c.column.is_of(number) && c.column.attribute > 0;
    let (expr, found) = match comparison(expr).filter(ours) {
        Some(found) => (expr, found),
        None => {
            let turned = expr::commuted(expr)?;
            (turned, comparison(turned).filter(ours)?)
        }
    };
    if found.value.relations(rel.root).members().contains(&(number as i32)) {
        return None;
    }
    let usage = if found.column.attribute == INSTANCE {
        names_instances(&found).then_some(Use::Key)?
    } else {
        search(&found).map(|_| Use::Column)?
    };
    Some(Clause { usage, expr })
}

/// Whether it compares as the registry does: equal texts are the same bytes.
fn names_instances(found: &Comparison) -> bool {
    found.operator.to_u32() == pg_sys::TextEqualOperator
        && found.collation != Oid::INVALID
        && plain::get_collation_isdeterministic(found.collation)
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
    // 0 where the operator is nothing to it.
    let strategy = plain::get_op_opfamily_strategy(found.operator, family) as u16;
    let served = strategy != 0 && (!found.array || strategy == EQUAL);
    served.then_some(Search { family, strategy, collation: found.collation })
}

/// How many instances a condition names that is of [`Use::Key`]; nothing where that is not known
/// before it runs.
pub fn named(clause: &Clause) -> Option<usize> {
    match comparison(clause.expr) {
        Some(found) if found.array => expr::constant_texts(found.value),
        _ => Some(1),
    }
}
