//! What does the planner tell of a relation of ours, and what is it told?
//!
//! What is said is decided in `crate::analytics::plan`.

use super::node::{Ptr, Set, allocated, list};
use crate::analytics::plan::{Estimate, is_instance};
use crate::fence::lists::pointers;
use pgrx::pg_sys::{
    self, EquivalenceClass, EquivalenceMember, Expr, NodeTag, PathKey, PlannerInfo, RelOptInfo,
    RestrictInfo,
};
use std::ffi::c_void;
use std::ptr::null_mut;

/// A relation of ours in a query that is being planned.
#[derive(Clone, Copy)]
pub struct Rel<'p> {
    pub root: Ptr<'p, PlannerInfo>,
    pub rel: Ptr<'p, RelOptInfo>,
}

/// A way to read it.
pub struct Way<'p> {
    /// Relations that have to be read before.
    pub others: Set<'p>,
    pub rows: f64,
    pub startup_cost: f64,
    pub total_cost: f64,
    pub order: Option<Ptr<'p, PathKey>>,
}

/// What a plan has of expressions.
pub struct Parts<'p> {
    /// Evaluated for each row.
    pub local: Vec<Ptr<'p, Expr>>,
    /// What the scan is told, with numbers to go with it.
    pub told: Vec<Ptr<'p, Expr>>,
    pub numbers: Vec<i32>,
    /// Evaluated when a row was changed meanwhile and is looked at again.
    pub recheck: Vec<Ptr<'p, Expr>>,
}

impl<'p> Rel<'p> {
    /// # Safety
    /// Both are the planner's and live as long as `'p`.
    pub(super) unsafe fn new(root: *mut PlannerInfo, rel: *mut RelOptInfo) -> Option<Self> {
        // SAFETY: as above.
        unsafe { Ptr::new(root).zip(Ptr::new(rel)) }.map(|(root, rel)| Self { root, rel })
    }

    /// Whether a condition may be decided before all others, as far as security barriers go.
    pub fn may_come_first(self, condition: Ptr<'p, RestrictInfo>) -> bool {
        // SAFETY: both are the planner's.
        unsafe { pg_sys::restriction_is_securely_promotable(condition.raw(), self.rel.raw()) }
    }

    /// Whether the relation may be read under a condition of a join.
    pub fn may_join_by(self, condition: Ptr<'p, RestrictInfo>) -> bool {
        // SAFETY: both are the planner's.
        unsafe { pg_sys::join_clause_is_movable_to(condition.raw(), self.rel.raw()) }
    }

    /// The relations that a condition needs.
    pub fn needs(self, condition: Ptr<'p, RestrictInfo>) -> Set<'p> {
        // SAFETY: the set is the planner's.
        unsafe { Set::new(condition.clause_relids) }
    }

    /// The relations that have to be read before in any case.
    pub fn lateral(self) -> Set<'p> {
        // SAFETY: the set is the planner's.
        unsafe { Set::new(self.rel.lateral_relids) }
    }

    /// The conditions of joins on `instance_id` that follow from others.
    pub fn implied(self) -> Vec<Ptr<'p, RestrictInfo>> {
        let (root, rel, laterals) = (self.root.raw(), self.rel.raw(), self.rel.lateral_referencers);
        if !self.rel.has_eclass_joins {
            return Vec::new();
        }
        // SAFETY: all are the planner's, and so are the conditions that it lists.
        unsafe {
            let all = pg_sys::generate_implied_equalities_for_column(
                root,
                rel,
                Some(equals_instance),
                null_mut(),
                laterals,
            );
            pointers(all).filter_map(|info| Ptr::new(info)).collect()
        }
    }

    /// Has the planner estimate the rows that come of `tuples` under these conditions; which part
    /// of them that is.
    pub fn estimate_rows(self, tuples: f64, conditions: Vec<Ptr<'p, RestrictInfo>>) -> f64 {
        let (conditions, rel) = (list(conditions), self.rel.raw());
        // SAFETY: both are the planner's; its list of conditions is put back.
        unsafe {
            (*rel).tuples = tuples.max(1.0);
            let all = std::mem::replace(&mut (*rel).baserestrictinfo, conditions);
            pg_sys::set_baserel_size_estimates(self.root.raw(), rel);
            (*rel).baserestrictinfo = all;
            (*rel).rows / (*rel).tuples
        }
    }

    /// Keeps an estimate with the relation.
    pub fn keep(self, estimate: Estimate) {
        // SAFETY: the field is ours, and nothing else is put there.
        unsafe { (*self.rel.raw()).fdw_private = allocated(estimate).cast() };
    }

    /// What was kept.
    pub fn kept(self) -> Option<Estimate> {
        // SAFETY: as above.
        unsafe { self.rel.fdw_private.cast::<Estimate>().as_ref().copied() }
    }

    /// Adds a way to read it.
    pub fn add(self, way: &Way<'p>) {
        let (root, rel) = (self.root.raw(), self.rel.raw());
        // SAFETY: all are the planner's. The path is filled in as create_foreignscan_path does,
        // whose arguments are not those of every version.
        unsafe {
            let path = pg_sys::Path {
                type_: NodeTag::T_ForeignPath,
                pathtype: NodeTag::T_ForeignScan,
                parent: rel,
                pathtarget: (*rel).reltarget,
                param_info: pg_sys::get_baserel_parampathinfo(root, rel, way.others.raw()),
                parallel_safe: (*rel).consider_parallel,
                rows: way.rows,
                startup_cost: way.startup_cost,
                total_cost: way.total_cost,
                pathkeys: list(way.order),
                ..Default::default()
            };
            let path = allocated(pg_sys::ForeignPath { path, ..Default::default() });
            pg_sys::add_path(rel, path.cast());
        }
    }

    /// The plan for a way to read it.
    ///
    /// # Safety
    /// The lists are what the planner has for that way.
    pub(super) unsafe fn plan(
        self,
        targets: *mut pg_sys::List,
        outer: *mut pg_sys::Plan,
        parts: Parts<'p>,
    ) -> *mut pg_sys::ForeignScan {
        let (local, told, recheck) = (list(parts.local), list(parts.told), list(parts.recheck));
        // SAFETY: as above; a null list is an empty one.
        unsafe {
            let add = |all, number: i32| pg_sys::lappend_int(all, number);
            let numbers = parts.numbers.into_iter().fold(null_mut(), add);
            let relation = self.rel.relid;
            pg_sys::make_foreignscan(
                targets,
                local,
                relation,
                told,
                numbers,
                null_mut(),
                recheck,
                outer,
            )
        }
    }
}

/// Whether a member of an equivalence class is the relation's `instance_id`.
unsafe extern "C-unwind" fn equals_instance(
    _: *mut PlannerInfo,
    rel: *mut RelOptInfo,
    _: *mut EquivalenceClass,
    member: *mut EquivalenceMember,
    _: *mut c_void,
) -> bool {
    // SAFETY: called back by the planner with its own; nothing here can fail.
    let given = unsafe { Ptr::new(member).zip(Ptr::new(rel)) };
    given.is_some_and(|(member, rel)| is_instance(member.em_expr(), rel.relid))
}
