//! How is a query over a relation planned?
//!
//! There is one way to read it, instance by instance in the order of their ids, so ordering and
//! grouping by `instance_id` come for free. Beside it stand ways for joins that give the id of the
//! instance for each row of the other side.

use super::clause::{self, Clause, INSTANCE, Use, classify, comparison};
use super::known;
use super::list::pointers;
use crate::error::Error;
use pgrx::datum::FromDatum;
use pgrx::pg_sys::{self, NodeTag, Oid};
use std::ffi::c_void;
use std::ptr::null_mut;

/// Cost of opening an instance's table, in the planner's units: about that of reading a page.
const INSTANCE_COST: f64 = 1.0;
/// How many values an array is taken to have that is not known yet.
const ARRAY_LENGTH: f64 = 10.0;

/// What planning knows of a relation; lives in the planner's memory.
#[derive(Clone, Copy)]
struct Estimate {
    /// Instances that will be read.
    instances: f64,
    /// Rows of one, before and after its conditions.
    rows: f64,
    kept: f64,
    pages: f64,
}

/// Fills in how many rows the relation gives.
///
/// # Safety
/// Called by the planner with its state and a base relation that is a foreign table of ours.
pub unsafe fn size(
    root: *mut pg_sys::PlannerInfo,
    rel: *mut pg_sys::RelOptInfo,
    table: Oid,
) -> Result<(), Error> {
    // SAFETY: the planner has locked the table; the nodes are its own.
    unsafe {
        let known = known::to_plan(table)?.size;
        let mut others = null_mut();
        let mut named = None;
        for info in pointers::<pg_sys::RestrictInfo>((*rel).baserestrictinfo) {
            match classify(root, rel, info) {
                Some(c) if c.usage == Use::Key => named = Some(c),
                _ => others = pg_sys::lappend(others, info.cast()),
            }
        }
        let instances = named.map_or(known.instances, |clause| named_instances(clause));
        let (rows, pages) = (known.rows, known.pages);
        (*rel).tuples = (instances * rows).max(1.0);
        // What names instances has had its effect, and is not evaluated for rows.
        let all = std::mem::replace(&mut (*rel).baserestrictinfo, others);
        pg_sys::set_baserel_size_estimates(root, rel);
        (*rel).baserestrictinfo = all;
        let kept = rows * ((*rel).rows / (*rel).tuples);
        let estimate = pg_sys::palloc(size_of::<Estimate>()).cast::<Estimate>();
        estimate.write(Estimate { instances, rows, kept, pages });
        (*rel).fdw_private = estimate.cast();
    }
    Ok(())
}

/// How many instances a condition names.
unsafe fn named_instances(clause: Clause) -> f64 {
    // SAFETY: a constant is of the type that the operator takes, an array of text.
    unsafe {
        let Some(found) = comparison(clause.expr).filter(|found| found.array) else { return 1.0 };
        if (*found.value).type_ != NodeTag::T_Const {
            return ARRAY_LENGTH;
        }
        let constant = &*found.value.cast::<pg_sys::Const>();
        let ids = Vec::<Option<String>>::from_datum(constant.constvalue, constant.constisnull);
        ids.map_or(0.0, |ids| ids.len() as f64)
    }
}

/// Adds the ways to read the relation.
///
/// # Safety
/// Called by the planner after [`size`].
pub unsafe fn paths(root: *mut pg_sys::PlannerInfo, rel: *mut pg_sys::RelOptInfo) {
    // SAFETY: the nodes are the planner's, the estimate is the one made by `size`.
    unsafe {
        let estimate = *(*rel).fdw_private.cast::<Estimate>();
        add(root, rel, (*rel).rows, estimate.instances, &estimate, (*rel).lateral_relids);
        let mut done: Vec<pg_sys::Relids> = Vec::new();
        for info in join_clauses(root, rel) {
            let outer = pg_sys::bms_union((*info).clause_relids, (*rel).lateral_relids);
            let outer = pg_sys::bms_del_member(outer, (*rel).relid as _);
            let known = done.iter().any(|d| pg_sys::bms_equal(*d, outer));
            if outer.is_null() || known {
                continue;
            }
            done.push(outer);
            add(root, rel, estimate.kept.max(1.0), 1.0, &estimate, outer);
        }
    }
}

/// The conditions by which a join can name the instance.
unsafe fn join_clauses(
    root: *mut pg_sys::PlannerInfo,
    rel: *mut pg_sys::RelOptInfo,
) -> Vec<*mut pg_sys::RestrictInfo> {
    // SAFETY: the nodes are the planner's.
    unsafe {
        let mut all: Vec<*mut pg_sys::RestrictInfo> = pointers((*rel).joininfo).collect();
        if (*rel).has_eclass_joins {
            let implied = pg_sys::generate_implied_equalities_for_column(
                root,
                rel,
                Some(is_instance),
                null_mut(),
                (*rel).lateral_referencers,
            );
            all.extend(pointers::<pg_sys::RestrictInfo>(implied));
        }
        all.retain(|info| {
            pg_sys::join_clause_is_movable_to(*info, rel)
                && classify(root, rel, *info).is_some_and(|c| c.usage == Use::Key)
        });
        all
    }
}

/// Whether a member of an equivalence class is the relation's `instance_id`.
unsafe extern "C-unwind" fn is_instance(
    _: *mut pg_sys::PlannerInfo,
    rel: *mut pg_sys::RelOptInfo,
    _: *mut pg_sys::EquivalenceClass,
    member: *mut pg_sys::EquivalenceMember,
    _: *mut c_void,
) -> bool {
    // SAFETY: called back by the planner; nothing here can fail or has a destructor.
    unsafe { is_instance_column((*member).em_expr, (*rel).relid) }
}

unsafe fn is_instance_column(expr: *mut pg_sys::Expr, relid: pg_sys::Index) -> bool {
    // SAFETY: the tag says which structure the node is.
    unsafe {
        (*expr).type_ == NodeTag::T_Var && {
            let column = &*expr.cast::<pg_sys::Var>();
            i64::from(column.varno) == i64::from(relid)
                && column.varattno == INSTANCE
                && column.varlevelsup == 0
        }
    }
}

unsafe fn add(
    root: *mut pg_sys::PlannerInfo,
    rel: *mut pg_sys::RelOptInfo,
    rows: f64,
    instances: f64,
    estimate: &Estimate,
    outer: pg_sys::Relids,
) {
    // SAFETY: the nodes are the planner's; reads settings.
    unsafe {
        let per_row = pg_sys::cpu_tuple_cost + (*rel).baserestrictcost.per_tuple;
        let per_instance =
            INSTANCE_COST + estimate.pages * pg_sys::seq_page_cost + estimate.rows * per_row;
        let startup = (*rel).baserestrictcost.startup;
        let total = startup + instances * per_instance;
        let order = order(root, rel);
        let path = foreign_path(root, rel, rows, (startup, total), order, outer);
        pg_sys::add_path(rel, path.cast());
    }
}

#[cfg(any(feature = "pg15", feature = "pg16"))]
unsafe fn foreign_path(
    root: *mut pg_sys::PlannerInfo,
    rel: *mut pg_sys::RelOptInfo,
    rows: f64,
    (startup, total): (f64, f64),
    order: *mut pg_sys::List,
    outer: pg_sys::Relids,
) -> *mut pg_sys::ForeignPath {
    let none = null_mut();
    // SAFETY: the nodes are the planner's.
    unsafe {
        pg_sys::create_foreignscan_path(
            root,
            rel,
            null_mut(),
            rows,
            startup,
            total,
            order,
            outer,
            null_mut(),
            none,
        )
    }
}

#[cfg(feature = "pg17")]
unsafe fn foreign_path(
    root: *mut pg_sys::PlannerInfo,
    rel: *mut pg_sys::RelOptInfo,
    rows: f64,
    (startup, total): (f64, f64),
    order: *mut pg_sys::List,
    outer: pg_sys::Relids,
) -> *mut pg_sys::ForeignPath {
    let none = null_mut();
    // SAFETY: the nodes are the planner's.
    unsafe {
        pg_sys::create_foreignscan_path(
            root,
            rel,
            null_mut(),
            rows,
            startup,
            total,
            order,
            outer,
            null_mut(),
            none,
            none,
        )
    }
}

#[cfg(feature = "pg18")]
unsafe fn foreign_path(
    root: *mut pg_sys::PlannerInfo,
    rel: *mut pg_sys::RelOptInfo,
    rows: f64,
    (startup, total): (f64, f64),
    order: *mut pg_sys::List,
    outer: pg_sys::Relids,
) -> *mut pg_sys::ForeignPath {
    let none = null_mut();
    // SAFETY: the nodes are the planner's.
    unsafe {
        pg_sys::create_foreignscan_path(
            root,
            rel,
            null_mut(),
            rows,
            0,
            startup,
            total,
            order,
            outer,
            null_mut(),
            none,
            none,
        )
    }
}

/// The order in which rows come, as far as the query asks for it: by `instance_id`, ascending in
/// collation "C", which is the order of the registry's key.
unsafe fn order(root: *mut pg_sys::PlannerInfo, rel: *mut pg_sys::RelOptInfo) -> *mut pg_sys::List {
    // SAFETY: the nodes are the planner's.
    unsafe {
        let Some(key) = pointers::<pg_sys::PathKey>((*root).query_pathkeys).next() else {
            return null_mut();
        };
        #[cfg(not(feature = "pg18"))]
        let ascending = (*key).pk_strategy == pg_sys::BTLessStrategyNumber as i32;
        #[cfg(feature = "pg18")]
        let ascending = (*key).pk_cmptype == pg_sys::CompareType::COMPARE_LT;
        let class = &*(*key).pk_eclass;
        let ours = pointers::<pg_sys::EquivalenceMember>(class.ec_members)
            .any(|m| is_instance_column((*m).em_expr, (*rel).relid));
        let text = (*key).pk_opfamily == pg_sys::TEXT_BTREE_FAM_OID;
        let bytes = class.ec_collation == pg_sys::C_COLLATION_OID;
        if ascending && ours && text && bytes && !class.ec_has_volatile {
            pg_sys::lappend(null_mut(), key.cast())
        } else {
            null_mut()
        }
    }
}

/// What the executor is told: the conditions that are pushed down, in the order of [`Use`], and
/// how many of each there are, followed by the columns that the query needs.
///
/// # Safety
/// Called by the planner for a path made by [`paths`].
pub unsafe fn plan(
    root: *mut pg_sys::PlannerInfo,
    rel: *mut pg_sys::RelOptInfo,
    targets: *mut pg_sys::List,
    clauses: *mut pg_sys::List,
    outer: *mut pg_sys::Plan,
) -> *mut pg_sys::ForeignScan {
    // SAFETY: the nodes are the planner's.
    unsafe {
        let (mut local, mut exact) = (null_mut(), null_mut());
        let mut pushed: Vec<Clause> = Vec::new();
        for info in pointers::<pg_sys::RestrictInfo>(clauses) {
            if (*info).pseudoconstant {
                continue;
            }
            let found = classify(root, rel, info);
            let to = match found {
                Some(Clause { usage: Use::Key | Use::Filter, .. }) => &mut exact,
                _ => &mut local,
            };
            *to = pg_sys::lappend(*to, (*info).clause.cast());
            pushed.extend(found);
        }
        let (mut exprs, mut private) = (null_mut(), null_mut());
        for usage in [Use::Key, Use::Filter, Use::Column] {
            let of_use: Vec<_> = pushed.iter().filter(|c| c.usage == usage).collect();
            private = pg_sys::lappend_int(private, of_use.len() as i32);
            for clause in of_use {
                exprs = pg_sys::lappend(exprs, clause.expr.cast());
            }
        }
        let relid = (*rel).relid;
        let mut needed: Vec<i16> =
            clause::attributes((*(*rel).reltarget).exprs.cast(), relid).collect();
        needed.extend(clause::attributes(local.cast(), relid));
        needed.sort_unstable();
        needed.dedup();
        for attribute in needed {
            private = pg_sys::lappend_int(private, attribute.into());
        }
        pg_sys::make_foreignscan(targets, local, relid, exprs, private, null_mut(), exact, outer)
    }
}
