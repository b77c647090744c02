//! What does a rule decide, without an engine?
//!
//! A closed subset of JavaScript without side effects, as a tree over JSON values. Whatever
//! the tree cannot answer with certainty it leaves to the engine ([`Stop::Bail`]), which is
//! always safe because nothing here has effects.
//!
//! Invariant: for every input the tree gives the engine's answer, or bails. Generated rules are
//! tested against the engine for it.

mod equality;
mod eval;
mod number;
mod operate;
mod tree;
mod value;

pub(crate) use equality::{same_value_zero, strict};
pub(crate) use eval::{Stop, evaluate};
pub(crate) use operate::{binary, bounded, call, index, inherited, member};
pub(crate) use tree::{Body, Expr, Method, Operator, Program, Quantifier, Statement};
#[cfg(test)]
pub(crate) use value::canonical;
pub(crate) use value::{NotPrimitive, Val, number_to_json};
