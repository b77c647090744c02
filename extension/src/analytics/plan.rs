//! How is a query over a relation planned?
//!
//! There is one way to read it, instance by instance in the order of their ids, so ordering and
//! grouping by `instance_id` come for free. Beside it stand ways for joins that give the id of the
//! instance for each row of the other side.

use crate::analytics::condition::{Clause, INSTANCE, Use, classify, named};
use crate::analytics::known::Size;
use crate::fence::fdw::node::{Expr, Variable};
use crate::fence::fdw::planner::{Condition, Cost, Rel};

/// Cost of opening an instance's table, in the planner's units: about that of reading a page.
const INSTANCE_COST: f64 = 1.0;
/// How many values an array is taken to have that is not known yet.
const ARRAY_LENGTH: f64 = 10.0;

/// What planning knows of a relation.
#[derive(Clone, Copy)]
pub struct Estimate {
    /// Instances that will be read.
    instances: f64,
    /// Rows of one, before and after its conditions.
    rows: f64,
    kept: f64,
    pages: f64,
}

/// Estimates how many rows the relation gives.
pub fn size(rel: &Rel, size: Size) {
    let is_key = |c: &Clause| c.usage == Use::Key;
    let (mut keys, mut others) = (None, Vec::new());
    for condition in rel.conditions() {
        match classify(&condition).filter(is_key) {
            Some(clause) => keys = Some(clause),
            None => others.push(condition),
        }
    }
    let ids = |clause| named(&clause).map_or(ARRAY_LENGTH, |n| n as f64);
    let instances = keys.map_or(size.instances, ids);
    // What names instances has had its effect, and is not evaluated for rows.
    let kept = size.rows * rel.estimate_rows(instances * size.rows, others);
    rel.keep(Estimate { instances, rows: size.rows, kept, pages: size.pages });
}

/// Adds the ways to read the relation.
pub fn paths(rel: &Rel) {
    let Some(estimate) = rel.kept() else { return };
    let cost = |instances: f64, c: Cost| {
        let instance = INSTANCE_COST + estimate.pages * c.page + estimate.rows * c.row;
        c.startup + instances * instance
    };
    rel.add_path(rel.rows(), |c| cost(estimate.instances, c), rel.no_others());
    let mut done = Vec::new();
    for condition in rel.join_conditions() {
        if classify(&condition).is_none_or(|c| c.usage != Use::Key) {
            continue;
        }
        let outer = condition.others();
        if outer.is_empty() || done.contains(&outer) {
            continue;
        }
        rel.add_path(estimate.kept.max(1.0), |c| cost(1.0, c), outer);
        done.push(outer);
    }
}

/// Whether a column is the `instance_id` of the relation of that number.
pub fn is_instance(column: Option<Variable>, relation: u32) -> bool {
    column.is_some_and(|c| c.is_of(relation) && c.attribute == INSTANCE)
}

/// The conditions of a scan, sorted by what happens to them.
#[derive(Default)]
pub struct Sorted<'q> {
    /// Decided by the scan and not again.
    pub exact: Vec<Expr<'q>>,
    /// Evaluated for each row.
    pub local: Vec<Expr<'q>>,
    /// What the scan is told, in the order of [`Use`].
    pub pushed: [Vec<Expr<'q>>; 3],
}

/// Sorts the conditions of a scan.
pub fn sort<'q>(conditions: impl Iterator<Item = Condition<'q>>) -> Sorted<'q> {
    let mut sorted = Sorted::default();
    for condition in conditions.filter(|c| !c.is_pseudoconstant()) {
        let found = classify(&condition);
        let exact = found.is_some_and(|c| c.usage != Use::Column);
        let to = if exact { &mut sorted.exact } else { &mut sorted.local };
        to.push(condition.expr());
        if let Some(clause) = found {
            sorted.pushed[clause.usage as usize].push(clause.expr);
        }
    }
    sorted
}
