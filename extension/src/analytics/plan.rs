//! How is a query over a relation planned?
//!
//! There is one way to read it, instance by instance in the order of their ids, so ordering and
//! grouping by `instance_id` come for free. Beside it stand ways for joins that give the id of the
//! instance for each row of the other side.

use crate::analytics::condition::{Clause, Condition, INSTANCE, Use, classify, named};
use crate::analytics::expr::{Expr, column};
use crate::analytics::known::Size;
use crate::fence::fdw::node::Ptr;
use crate::fence::fdw::planner::{Parts, Rel, Way};
use crate::fence::plain;
use pgrx::pg_sys::{self, ForeignScan, PathKey};

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
pub fn size(rel: Rel, size: Size) {
    let is_key = |c: &Clause| c.usage == Use::Key;
    let (mut keys, mut others) = (None, Vec::new());
    for condition in rel.rel.baserestrictinfo() {
        match classify(rel, condition).filter(is_key) {
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
pub fn paths(rel: Rel) {
    let Some(estimate) = rel.kept() else { return };
    let cost = rel.rel.baserestrictcost;
    let row = plain::cpu_tuple_cost() + cost.per_tuple;
    let instance = INSTANCE_COST + estimate.pages * plain::seq_page_cost() + estimate.rows * row;
    let (startup_cost, order) = (cost.startup, order(rel));
    let way = |others, rows, instances: f64| {
        let total_cost = startup_cost + instances * instance;
        Way { others, rows, startup_cost, total_cost, order }
    };
    rel.add(&way(rel.lateral(), rel.rel.rows, estimate.instances));
    let mut done = Vec::new();
    let mut joins = rel.rel.joininfo();
    joins.extend(rel.implied());
    for condition in joins.into_iter().filter(|c| rel.may_join_by(*c)) {
        if classify(rel, condition).is_none_or(|c| c.usage != Use::Key) {
            continue;
        }
        let others = rel.needs(condition).union_without(rel.lateral(), rel.rel.relid as i32);
        if others.is_empty() || done.contains(&others) {
            continue;
        }
        rel.add(&way(others, estimate.kept.max(1.0), 1.0));
        done.push(others);
    }
}

/// The order in which rows come, as far as the query asks for it: by `instance_id`, ascending in
/// collation "C", which is the order of the registry's key.
fn order<'p>(rel: Rel<'p>) -> Option<Ptr<'p, PathKey>> {
    let key = *rel.root.query_pathkeys().first()?;
    #[cfg(not(feature = "pg18"))]
    let ascending = key.pk_strategy == pg_sys::BTLessStrategyNumber as i32;
    #[cfg(feature = "pg18")]
    let ascending = key.pk_cmptype == pg_sys::CompareType::COMPARE_LT;
    let class = key.pk_eclass()?;
    let ours = class.ec_members().iter().any(|m| is_instance(m.em_expr(), rel.rel.relid));
    let text = key.pk_opfamily == pg_sys::TEXT_BTREE_FAM_OID;
    let bytes = class.ec_collation == pg_sys::C_COLLATION_OID;
    (ascending && ours && text && bytes && !class.ec_has_volatile).then_some(key)
}

/// Whether an expression is the `instance_id` of the relation of that number.
pub fn is_instance(expr: Option<Expr>, relation: u32) -> bool {
    expr.and_then(column).is_some_and(|c| c.is_of(relation) && c.attribute == INSTANCE)
}

/// What the plan says for these conditions. The numbers are how many conditions of each [`Use`]
/// are pushed down, followed by the columns that the query needs: [`Told`] reads them again.
pub fn parts<'p>(rel: Rel<'p>, conditions: impl Iterator<Item = Condition<'p>>) -> Parts<'p> {
    let (mut recheck, mut local) = (Vec::new(), Vec::new());
    let mut pushed: [Vec<Expr<'p>>; 3] = Default::default();
    for condition in conditions.filter(|c| !c.pseudoconstant) {
        let found = classify(rel, condition);
        // A scan decides on these and nobody after it.
        let exact = found.is_some_and(|c| c.usage != Use::Column);
        let to = if exact { &mut recheck } else { &mut local };
        to.extend(condition.clause());
        if let Some(clause) = found {
            pushed[clause.usage as usize].push(clause.expr);
        }
    }
    let mut numbers: Vec<i32> = pushed.iter().map(|of_use| of_use.len() as i32).collect();
    let shown = rel.rel.reltarget().map(|target| target.exprs()).unwrap_or_default();
    let attributes = |expr: &Expr<'p>| expr.attributes(rel.rel.relid);
    let mut needed: Vec<i16> = shown.iter().chain(&local).flat_map(attributes).collect();
    needed.sort_unstable();
    needed.dedup();
    numbers.extend(needed.into_iter().map(i32::from));
    Parts { local, told: pushed.concat(), numbers, recheck }
}

/// What a plan tells the executor of a scan.
pub struct Told<'q> {
    /// Conditions by [`Use`].
    pub pushed: [Vec<Expr<'q>>; 3],
    /// Columns of the relation; 0 for all of them.
    pub needed: Vec<i16>,
}

impl<'q> Told<'q> {
    /// Reads what [`parts`] has put there.
    pub fn of(plan: Ptr<'q, ForeignScan>, numbers: Vec<i32>) -> Self {
        let (mut numbers, mut exprs) = (numbers.into_iter(), plan.fdw_exprs().into_iter());
        let pushed = std::array::from_fn(|_| {
            let count = numbers.next().unwrap_or_default() as usize;
            exprs.by_ref().take(count).collect()
        });
        Self { pushed, needed: numbers.map(|n| n as i16).collect() }
    }
}
