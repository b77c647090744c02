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

use super::list::{members, pointers};
use pgrx::pg_sys::{self, NodeTag, Oid};

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
pub struct Clause {
    pub usage: Use,
    pub expr: *mut pg_sys::Expr,
}

/// The two sides of a comparison.
#[derive(Clone, Copy)]
pub struct Comparison {
    pub column: *mut pg_sys::Var,
    pub value: *mut pg_sys::Expr,
    pub operator: Oid,
    pub function: Oid,
    pub collation: Oid,
    /// `column operator ANY (value)`
    pub array: bool,
}

/// Reads `column operator value`, as it stands.
///
/// # Safety
/// `expr` is a valid expression.
pub unsafe fn comparison(expr: *mut pg_sys::Expr) -> Option<Comparison> {
    // SAFETY: the tag says which structure the node is; both have two arguments.
    unsafe {
        let (args, operator, function, collation, array) = match (*expr).type_ {
            NodeTag::T_OpExpr => {
                let e = &*expr.cast::<pg_sys::OpExpr>();
                (e.args, e.opno, e.opfuncid, e.inputcollid, false)
            }
            NodeTag::T_ScalarArrayOpExpr => {
                let e = &*expr.cast::<pg_sys::ScalarArrayOpExpr>();
                if !e.useOr {
                    return None;
                }
                (e.args, e.opno, e.opfuncid, e.inputcollid, true)
            }
            _ => return None,
        };
        let mut sides = pointers::<pg_sys::Expr>(args);
        let (left, value) = (sides.next()?, sides.next()?);
        let column = plain(left);
        if (*column).type_ != NodeTag::T_Var {
            return None;
        }
        Some(Comparison { column: column.cast(), value, operator, function, collation, array })
    }
}

/// The expression below a change of type that changes nothing.
unsafe fn plain(mut expr: *mut pg_sys::Expr) -> *mut pg_sys::Expr {
    // SAFETY: as above.
    unsafe {
        while (*expr).type_ == NodeTag::T_RelabelType {
            expr = (*expr.cast::<pg_sys::RelabelType>()).arg;
        }
    }
    expr
}

/// What the condition is good for on that relation, if for anything.
///
/// # Safety
/// All three belong to the same planning.
pub unsafe fn classify(
    root: *mut pg_sys::PlannerInfo,
    rel: *mut pg_sys::RelOptInfo,
    info: *mut pg_sys::RestrictInfo,
) -> Option<Clause> {
    // SAFETY: the nodes are the planner's; what is changed is a copy.
    unsafe {
        let expr = (*info).clause;
        let node = expr.cast::<pg_sys::Node>();
        if (*info).pseudoconstant
            || !pg_sys::restriction_is_securely_promotable(info, rel)
            || pg_sys::contain_volatile_functions(node)
            || pg_sys::contain_subplans(node)
        {
            return None;
        }
        if let Some(clause) = compare(root, (*rel).relid, expr) {
            return Some(clause);
        }
        (attributes(node, (*rel).relid).eq([INSTANCE]))
            .then_some(Clause { usage: Use::Filter, expr })
    }
}

unsafe fn compare(
    root: *mut pg_sys::PlannerInfo,
    relid: pg_sys::Index,
    expr: *mut pg_sys::Expr,
) -> Option<Clause> {
    // SAFETY: as above.
    unsafe {
        let ours = |c: &Comparison| {
            i64::from((*c.column).varno) == i64::from(relid) && (*c.column).varattno > 0
        };
        let (expr, found) = match comparison(expr).filter(ours) {
            Some(found) => (expr, found),
            None => {
                let turned = commuted(expr)?;
                (turned, comparison(turned).filter(ours)?)
            }
        };
        let others = pg_sys::pull_varnos(root, found.value.cast());
        if pg_sys::bms_is_member(relid as _, others) {
            return None;
        }
        let usage = if (*found.column).varattno == INSTANCE {
            names_instances(&found).then_some(Use::Key)?
        } else {
            strategy(&found).map(|_| Use::Column)?
        };
        Some(Clause { usage, expr })
    }
}

/// `value operator column` the other way round.
unsafe fn commuted(expr: *mut pg_sys::Expr) -> Option<*mut pg_sys::Expr> {
    // SAFETY: the copy is an operator of two arguments that has a commutator.
    unsafe {
        if (*expr).type_ != NodeTag::T_OpExpr {
            return None;
        }
        let operator = &*expr.cast::<pg_sys::OpExpr>();
        if operator.args.is_null()
            || (*operator.args).length != 2
            || pg_sys::get_commutator(operator.opno) == Oid::INVALID
        {
            return None;
        }
        let copy = pg_sys::copyObjectImpl(expr.cast());
        pg_sys::CommuteOpExpr(copy.cast());
        Some(copy.cast())
    }
}

/// Whether equal texts are the same bytes, as the registry compares them.
unsafe fn names_instances(found: &Comparison) -> bool {
    found.operator.to_u32() == pg_sys::TextEqualOperator
        && found.collation != Oid::INVALID
        // SAFETY: a catalog lookup.
        && unsafe { pg_sys::get_collation_isdeterministic(found.collation) }
}

/// How a B-tree over the column would be searched: its operator family and the strategy in it.
/// The value must be of the column's type and compared as the column's collation does.
///
/// # Safety
/// `found` was read from a valid expression.
pub unsafe fn strategy(found: &Comparison) -> Option<(Oid, u16)> {
    // SAFETY: catalog lookups; the cache entry stays.
    unsafe {
        let column = &*found.column;
        let entry =
            pg_sys::lookup_type_cache(column.vartype, pg_sys::TYPECACHE_BTREE_OPFAMILY as _);
        let family = (*entry).btree_opf;
        // Comparing jsonb leaves memory behind, which a scan would gather for every row.
        let plain = column.vartype != pg_sys::JSONBOID;
        if !plain || family == Oid::INVALID || found.collation != column.varcollid {
            return None;
        }
        let (mut left, mut right) = (Oid::INVALID, Oid::INVALID);
        pg_sys::op_input_types(found.operator, &mut left, &mut right);
        let strategy = pg_sys::get_op_opfamily_strategy(found.operator, family);
        if left != column.vartype || right != column.vartype || strategy == 0 {
            return None;
        }
        if found.array && strategy != pg_sys::BTEqualStrategyNumber as i32 {
            return None;
        }
        Some((family, strategy as u16))
    }
}

/// The columns of the relation that an expression mentions; 0 stands for all of them, and
/// negative numbers for system columns.
///
/// # Safety
/// `node` is a valid expression or list of them.
pub unsafe fn attributes(
    node: *mut pg_sys::Node,
    relid: pg_sys::Index,
) -> impl Iterator<Item = i16> {
    let mut set = std::ptr::null_mut();
    // SAFETY: makes a new set.
    unsafe {
        pg_sys::pull_varattnos(node, relid, &mut set);
        members(set).map(|m| (m + pg_sys::FirstLowInvalidHeapAttributeNumber) as i16)
    }
}
