//! What may a caller do, according to the config?
//!
//! Loads a config written in TypeScript, JavaScript or JSON ([`load`]) and evaluates its rules
//! and hooks ([`Engine`]). A rule has two forms: a native one for a closed subset of the
//! language, evaluated in place, and JavaScript on dedicated threads for everything else; both
//! decide alike, by JavaScript truthiness.
//!
//! Invariant: the only way to [`Decision::Allow`] is an evaluation that completed with a truthy
//! primitive, a plain object or an array within its budget. Everything else denies and names its [`Cause`].
#![deny(unsafe_code)]

mod api;
mod bounds;
mod budget;
mod caller;
#[cfg(test)]
mod differential;
#[cfg(test)]
mod ends;
mod engine;
mod error;
mod fast;
mod js;
mod load;
mod pool;
mod program;
mod residual;
mod rule;
mod stalls;
mod stuck;
mod syntax;
mod watch;
mod watched;

pub use api::{
    Arg, Cause, Context, DbRead, Decision, Failure, Form, Limits, ReadError, RowDenied,
    RuleMetrics, Thrown,
};
pub use budget::Budgeted;
pub use caller::Caller;
pub use edgebase_blocks::FunctionId;
pub use edgebase_blocks::rule::FUNCTION_MARKER;
pub use engine::Engine;
pub use error::{LoadError, Location};
pub use load::{Loaded, load};
pub use program::FunctionInfo;
pub use residual::{
    ColumnType, Columns, Kinds, Order, Place, Predicate, Root, RowPredicate, Scalar, TextTest,
    not_finite,
};
