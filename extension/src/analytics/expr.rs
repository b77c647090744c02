//! What does an expression of a query compare?

use crate::fence::fdw::node::Ptr;
use crate::fence::plain;
use pgrx::pg_sys::{self, Oid, OpExpr, Param, RelabelType, ScalarArrayOpExpr, Var};

/// An expression of a query that is there for as long as `'q`.
pub type Expr<'q> = Ptr<'q, pg_sys::Expr>;

/// A column of a relation of the query.
#[derive(Clone, Copy)]
pub struct Variable {
    relation: i64,
    /// Counted from 1; what is not positive is no column of the table.
    pub attribute: i16,
    pub kind: Oid,
    pub collation: Oid,
}

/// `column operator value`, or `column operator ANY (value)`.
#[derive(Clone, Copy)]
pub struct Comparison<'q> {
    pub column: Variable,
    pub value: Expr<'q>,
    pub operator: Oid,
    pub collation: Oid,
    pub array: bool,
}

impl Variable {
    /// Whether it is a column of that relation.
    pub fn is_of(&self, relation: u32) -> bool {
        self.relation == i64::from(relation)
    }
}

/// What the expression compares, if its left side is a column.
pub fn comparison(expr: Expr<'_>) -> Option<Comparison<'_>> {
    let (sides, operator, collation, array) = if let Some(e) = expr.read::<OpExpr>() {
        (e.args(), e.opno, e.inputcollid, false)
    } else {
        let e = expr.read::<ScalarArrayOpExpr>().filter(|e| e.useOr)?;
        (e.args(), e.opno, e.inputcollid, true)
    };
    let (column, value) = (column(*sides.first()?)?, *sides.get(1)?);
    Some(Comparison { column, value, operator, collation, array })
}

/// The column of this query that the expression is, below changes of type that change nothing.
pub fn column(mut expr: Expr) -> Option<Variable> {
    while let Some(relabelled) = expr.read::<RelabelType>() {
        expr = relabelled.arg()?;
    }
    let column = expr.read::<Var>()?;
    (column.varlevelsup == 0).then_some(Variable {
        relation: i64::from(column.varno),
        attribute: column.varattno,
        kind: column.vartype,
        collation: column.varcollid,
    })
}

/// The same operator the other way round.
pub fn commuted(expr: Expr<'_>) -> Option<Expr<'_>> {
    let operator = expr.read::<OpExpr>()?;
    let has_another_way = plain::get_commutator(operator.opno) != Oid::INVALID;
    (operator.args().len() == 2 && has_another_way).then(|| operator.commuted()).flatten()
}

/// Whether it is a constant.
pub fn is_constant(expr: Expr) -> bool {
    expr.read::<pg_sys::Const>().is_some()
}

/// Of a constant that is an array of text, how many there are.
pub fn constant_texts(expr: Expr) -> Option<usize> {
    let constant = expr.read::<pg_sys::Const>()?;
    let is_texts = constant.consttype == pg_sys::TEXTARRAYOID;
    is_texts.then(|| constant.value().and_then(|v| v.texts()).map_or(0, |texts| texts.len()))
}

/// Whether it is a parameter that the query was called with.
pub fn is_outer_parameter(expr: Expr) -> bool {
    expr.read::<Param>().is_some_and(|p| p.paramkind == pg_sys::ParamKind::PARAM_EXTERN)
}
