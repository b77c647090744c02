//! How does the planner show a relation, and how is it told what reading one costs?
//!
//! [`Rel`] and [`Condition`] live as long as the planning that they were made in. What is done with
//! them is decided in `crate::analytics::plan`.

use super::node::{Expr, allocated, attributes, integers, list, pointers};
use crate::analytics::plan::{Estimate, Sorted, is_instance, sort};
use pgrx::pg_sys::{self, NodeTag};
use std::ffi::c_void;
use std::marker::PhantomData;
use std::ptr::null_mut;

/// A relation of ours in a query that is being planned.
#[derive(Clone, Copy)]
pub struct Rel<'p> {
    root: *mut pg_sys::PlannerInfo,
    rel: *mut pg_sys::RelOptInfo,
    planning: PhantomData<&'p ()>,
}

/// A condition of the query on it.
#[derive(Clone, Copy)]
pub struct Condition<'p> {
    rel: Rel<'p>,
    info: *mut pg_sys::RestrictInfo,
}

/// Relations that have to be read before.
#[derive(Clone, Copy)]
pub struct Others<'p>(pg_sys::Relids, PhantomData<&'p ()>);

/// What things cost, in the planner's units.
#[derive(Clone, Copy)]
pub struct Cost {
    pub startup: f64,
    pub row: f64,
    pub page: f64,
}

impl PartialEq for Others<'_> {
    fn eq(&self, other: &Self) -> bool {
        // SAFETY: both sets are the planner's.
        unsafe { pg_sys::bms_equal(self.0, other.0) }
    }
}

impl Others<'_> {
    pub fn is_empty(&self) -> bool {
        // SAFETY: the set is the planner's.
        unsafe { pg_sys::bms_num_members(self.0) == 0 }
    }
}

impl<'p> Condition<'p> {
    /// Whether it has no column in it, and so is decided once for the whole query.
    pub fn is_pseudoconstant(&self) -> bool {
        // SAFETY: the node is the planner's.
        unsafe { (*self.info).pseudoconstant }
    }

    /// Whether it may be decided before all others, as far as security barriers go.
    pub fn may_come_first(&self) -> bool {
        // SAFETY: both nodes are the planner's.
        !self.is_pseudoconstant()
            && unsafe { pg_sys::restriction_is_securely_promotable(self.info, self.rel.rel) }
    }

    pub fn expr(&self) -> Expr<'p> {
        // SAFETY: a condition's clause is an expression of the query.
        unsafe { Expr::new((*self.info).clause) }
    }

    /// The number of the relation.
    pub fn relation(&self) -> pg_sys::Index {
        self.rel.number()
    }

    /// Whether an expression mentions the relation.
    pub fn is_about(&self, expr: Expr) -> bool {
        // SAFETY: both belong to the planning.
        unsafe {
            let relations = pg_sys::pull_varnos(self.rel.root, expr.node().cast());
            pg_sys::bms_is_member(self.relation() as _, relations)
        }
    }

    /// The other relations that it needs.
    pub fn others(&self) -> Others<'p> {
        // SAFETY: the sets are the planner's; what is changed is a new one.
        unsafe {
            let all = pg_sys::bms_union((*self.info).clause_relids, (*self.rel.rel).lateral_relids);
            Others(pg_sys::bms_del_member(all, self.relation() as _), PhantomData)
        }
    }
}

impl<'p> Rel<'p> {
    /// # Safety
    /// Both are the planner's and live as long as `'p`.
    pub unsafe fn new(root: *mut pg_sys::PlannerInfo, rel: *mut pg_sys::RelOptInfo) -> Self {
        Self { root, rel, planning: PhantomData }
    }

    fn number(&self) -> pg_sys::Index {
        // SAFETY: the node is the planner's.
        unsafe { (*self.rel).relid }
    }

    fn condition(self, info: *mut pg_sys::RestrictInfo) -> Condition<'p> {
        Condition { rel: self, info }
    }

    /// The conditions on it alone.
    pub fn conditions(self) -> impl Iterator<Item = Condition<'p>> {
        // SAFETY: the list is the planner's, of such nodes.
        unsafe { pointers((*self.rel).baserestrictinfo) }.map(move |info| self.condition(info))
    }

    /// The conditions by which a join could name the instance.
    pub fn join_conditions(self) -> Vec<Condition<'p>> {
        // SAFETY: the nodes are the planner's; the callback cannot fail.
        unsafe {
            let rel = self.rel;
            let mut all: Vec<*mut pg_sys::RestrictInfo> = pointers((*rel).joininfo).collect();
            if (*rel).has_eclass_joins {
                all.extend(pointers::<pg_sys::RestrictInfo>(
                    pg_sys::generate_implied_equalities_for_column(
                        self.root,
                        rel,
                        Some(equals_instance),
                        null_mut(),
                        (*rel).lateral_referencers,
                    ),
                ));
            }
            all.retain(|info| pg_sys::join_clause_is_movable_to(*info, rel));
            all.into_iter().map(|info| self.condition(info)).collect()
        }
    }

    /// Has the planner estimate the rows that come of `tuples` under these conditions; which part
    /// of them that is.
    pub fn estimate_rows(&self, tuples: f64, conditions: Vec<Condition<'p>>) -> f64 {
        // SAFETY: the nodes are the planner's; its list of conditions is put back.
        unsafe {
            let conditions = list(conditions.into_iter().map(|c| c.info));
            (*self.rel).tuples = tuples.max(1.0);
            let all = std::mem::replace(&mut (*self.rel).baserestrictinfo, conditions);
            pg_sys::set_baserel_size_estimates(self.root, self.rel);
            (*self.rel).baserestrictinfo = all;
            (*self.rel).rows / (*self.rel).tuples
        }
    }

    /// The rows that it was estimated to give.
    pub fn rows(&self) -> f64 {
        // SAFETY: the node is the planner's.
        unsafe { (*self.rel).rows }
    }

    /// Keeps an estimate with the relation.
    pub fn keep(&self, estimate: Estimate) {
        // SAFETY: the field is ours, and nothing else is put there.
        unsafe { (*self.rel).fdw_private = allocated(estimate).cast() };
    }

    /// What was kept.
    pub fn kept(&self) -> Option<Estimate> {
        // SAFETY: as above.
        unsafe { (*self.rel).fdw_private.cast::<Estimate>().as_ref().copied() }
    }

    /// What has to be read before in any case.
    pub fn no_others(&self) -> Others<'p> {
        // SAFETY: the node is the planner's.
        Others(unsafe { (*self.rel).lateral_relids }, PhantomData)
    }

    /// Adds a way to read it after others, which gives so many rows in the order of instances.
    pub fn add_path(&self, rows: f64, total: impl Fn(Cost) -> f64, others: Others<'p>) {
        // SAFETY: the nodes are the planner's; reads settings. The path is filled in as
        // create_foreignscan_path does, whose arguments are not those of every version.
        unsafe {
            let rel = self.rel;
            let cost = Cost {
                startup: (*rel).baserestrictcost.startup,
                row: pg_sys::cpu_tuple_cost + (*rel).baserestrictcost.per_tuple,
                page: pg_sys::seq_page_cost,
            };
            let path = pg_sys::Path {
                type_: NodeTag::T_ForeignPath,
                pathtype: NodeTag::T_ForeignScan,
                parent: rel,
                pathtarget: (*rel).reltarget,
                param_info: pg_sys::get_baserel_parampathinfo(self.root, rel, others.0),
                parallel_safe: (*rel).consider_parallel,
                rows,
                startup_cost: cost.startup,
                total_cost: total(cost),
                pathkeys: self.order(),
                ..Default::default()
            };
            let path = allocated(pg_sys::ForeignPath { path, ..Default::default() });
            pg_sys::add_path(rel, path.cast());
        }
    }

    /// The order in which rows come, as far as the query asks for it: by `instance_id`, ascending
    /// in collation "C", which is the order of the registry's key.
    fn order(&self) -> *mut pg_sys::List {
        // SAFETY: the nodes are the planner's.
        unsafe {
            let Some(key) = pointers::<pg_sys::PathKey>((*self.root).query_pathkeys).next() else {
                return null_mut();
            };
            #[cfg(not(feature = "pg18"))]
            let ascending = (*key).pk_strategy == pg_sys::BTLessStrategyNumber as i32;
            #[cfg(feature = "pg18")]
            let ascending = (*key).pk_cmptype == pg_sys::CompareType::COMPARE_LT;
            let class = &*(*key).pk_eclass;
            let ours = pointers::<pg_sys::EquivalenceMember>(class.ec_members)
                .any(|m| is_instance(Expr::new((*m).em_expr).column(), self.number()));
            let text = (*key).pk_opfamily == pg_sys::TEXT_BTREE_FAM_OID;
            let bytes = class.ec_collation == pg_sys::C_COLLATION_OID;
            list((ascending && ours && text && bytes && !class.ec_has_volatile).then_some(key))
        }
    }

    /// The plan for a path of ours: what the executor is told is the conditions that are pushed
    /// down, and how many of each use there are, followed by the columns that the query needs.
    ///
    /// # Safety
    /// The lists are what the planner has for a path made by [`add_path`](Self::add_path).
    pub unsafe fn plan(
        self,
        targets: *mut pg_sys::List,
        clauses: *mut pg_sys::List,
        outer: *mut pg_sys::Plan,
    ) -> *mut pg_sys::ForeignScan {
        // SAFETY: as above.
        unsafe {
            let Sorted { exact, local, pushed } =
                sort(pointers(clauses).map(|info| self.condition(info)));
            let nodes = |exprs: &[Expr]| list(exprs.iter().map(|e| e.node()));
            let local = nodes(&local);
            let mut numbers: Vec<i32> = pushed.iter().map(|of_use| of_use.len() as i32).collect();
            let mut needed = attributes((*(*self.rel).reltarget).exprs.cast(), self.number());
            needed.extend(attributes(local.cast(), self.number()));
            needed.sort_unstable();
            needed.dedup();
            numbers.extend(needed.into_iter().map(i32::from));
            let told = numbers.into_iter().fold(null_mut(), |all, n| pg_sys::lappend_int(all, n));
            pg_sys::make_foreignscan(
                targets,
                local,
                self.number(),
                nodes(&pushed.concat()),
                told,
                null_mut(),
                nodes(&exact),
                outer,
            )
        }
    }
}

/// Whether a member of an equivalence class is the relation's `instance_id`.
unsafe extern "C-unwind" fn equals_instance(
    _: *mut pg_sys::PlannerInfo,
    rel: *mut pg_sys::RelOptInfo,
    _: *mut pg_sys::EquivalenceClass,
    member: *mut pg_sys::EquivalenceMember,
    _: *mut c_void,
) -> bool {
    // SAFETY: called back by the planner; nothing here can fail or has a destructor.
    unsafe { is_instance(Expr::new((*member).em_expr).column(), (*rel).relid) }
}

/// What the executor is told of a scan.
pub struct Told<'q> {
    /// Conditions by [`Use`](crate::analytics::condition::Use).
    pub pushed: [Vec<Expr<'q>>; 3],
    /// Columns of the relation; 0 for all of them.
    pub needed: Vec<i16>,
}

impl Told<'_> {
    /// # Safety
    /// The plan was made by [`Rel::plan`].
    pub unsafe fn of(plan: *mut pg_sys::ForeignScan) -> Self {
        // SAFETY: as above.
        unsafe {
            let mut numbers = integers((*plan).fdw_private);
            let mut exprs = pointers((*plan).fdw_exprs).map(|e| Expr::new(e));
            let pushed = std::array::from_fn(|_| {
                let count = numbers.next().unwrap_or_default() as usize;
                exprs.by_ref().take(count).collect()
            });
            Self { pushed, needed: numbers.map(|n| n as i16).collect() }
        }
    }
}
