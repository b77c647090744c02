//! For which rows does a rule allow this caller?
//!
//! The native form of a rule is evaluated with the caller and the config's constants known and
//! the row unknown. What is left is a [`Predicate`] over the row's columns, for a database to
//! evaluate. This crate knows of no database: a column is a name and a type.
//!
//! Invariant: a predicate holds for exactly the rows that the rule allows; a row for which the
//! rule throws is none of them. What has no exact predicate has none at all
//! ([`RowPredicate::Opaque`]).

mod call;
mod compare;
mod eval;
mod flow;
mod inherited;
mod paths;
mod place;
mod predicate;
#[cfg(test)]
mod tests;
mod tree;

pub use compare::not_finite;
pub use place::{ColumnType, Columns, Kinds, Place, Root};
pub use predicate::{Order, Predicate, Scalar, TextTest};

use crate::api::Arg;
use crate::fast::{Program, Val};
use paths::Residual;
use std::borrow::Cow;
use tree::{Sym, Tree};

/// Nodes that a predicate may have.
const MOST_NODES: usize = 400;
/// What is said of one that has more.
const LARGEST: &str = "its predicate would be too large";

/// Which rows a rule allows one caller.
#[derive(Clone, Debug, PartialEq)]
pub enum RowPredicate {
    /// All of them.
    All,
    /// None of them.
    None,
    /// Those for which this holds.
    When(Predicate),
    /// Only an evaluation of the rule tells, for this reason.
    Opaque(String),
}

/// Why a rule has no predicate.
#[derive(Debug)]
struct Opaque(String);

impl Opaque {
    fn new(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }
}

/// The predicate of `rule(auth, row)`.
pub(crate) fn row_predicate(program: &Program, auth: &Arg, columns: &Columns) -> RowPredicate {
    if program.context.is_some() {
        return RowPredicate::Opaque("it reads through ctx.db".into());
    }
    let auth = match auth {
        Arg::Json(value) => Val::of(value),
        Arg::Text(text) => Val::Text(Cow::Borrowed(text)),
        Arg::Null => Val::Null,
        Arg::Undefined => Val::Undefined,
        Arg::Context(_) => return RowPredicate::Opaque("it is asked with a context".into()),
    };
    let mut slots = vec![Tree::known(Val::Undefined); program.slots];
    let parameters = [Tree::known(auth), Tree::Leaf(Sym::Row)];
    for (slot, value) in slots.iter_mut().take(program.params).zip(parameters) {
        *slot = value;
    }
    match Residual::new(columns, slots).returned_truth(&program.body) {
        Ok(truth) => match truth.yes {
            Predicate::Always(true) => RowPredicate::All,
            Predicate::Always(false) => RowPredicate::None,
            predicate => RowPredicate::When(predicate),
        },
        Err(Opaque(reason)) => RowPredicate::Opaque(reason),
    }
}
