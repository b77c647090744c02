//! Which JavaScript has a native form?
//!
//! The tree that rules of the subset are compiled to. Every variable is a slot known at
//! compile time; helpers of the module are inlined, so there are no calls left and no way to
//! loop other than over an array that exists.

use crate::api::ReadKind;

/// A compiled function.
#[derive(Debug)]
pub(crate) struct Program {
    /// How many arguments it looks at; they fill the first slots.
    pub params: usize,
    /// Slots in all.
    pub slots: usize,
    /// Parameters used as values, by bit: a context must not be given for these.
    pub used: u64,
    /// Parameter that must be given a context, if any.
    pub context: Option<usize>,
    pub body: Body,
}

/// Statements, run in order; falling off the end is `undefined`.
pub(crate) type Body = Vec<Statement>;

#[derive(Debug)]
pub(crate) enum Statement {
    Let(usize, Expr),
    If(Expr, Body, Body),
    Block(Body),
    Return(Expr),
    Evaluate(Expr),
    /// `throw new Error(message)`.
    Throw(Expr),
}

#[derive(Debug)]
pub(crate) enum Expr {
    Undefined,
    Null,
    Bool(bool),
    Number(f64),
    Text(Box<str>),
    Slot(usize),
    /// `object.name`; `optional` for `?.`.
    Member {
        object: Box<Expr>,
        name: Box<str>,
        optional: bool,
    },
    /// `object[key]`.
    Index {
        object: Box<Expr>,
        key: Box<Expr>,
        optional: bool,
    },
    /// Where a `?.` inside stops.
    Chain(Box<Expr>),
    Not(Box<Expr>),
    Negate(Box<Expr>),
    ToNumber(Box<Expr>),
    Typeof(Box<Expr>),
    Void(Box<Expr>),
    Binary(Operator, Box<Expr>, Box<Expr>),
    And(Box<Expr>, Box<Expr>),
    Or(Box<Expr>, Box<Expr>),
    Coalesce(Box<Expr>, Box<Expr>),
    Conditional(Box<Expr>, Box<Expr>, Box<Expr>),
    /// Literal pieces around expressions; one more piece than expressions.
    Template(Vec<Box<str>>, Vec<Expr>),
    Array(Vec<Expr>),
    /// `receiver.method(argument)`.
    Call {
        method: Method,
        receiver: Box<Expr>,
        argument: Box<Expr>,
        optional: bool,
    },
    /// `receiver.some((item, index) => body)`.
    Each {
        quantifier: Quantifier,
        receiver: Box<Expr>,
        item: Option<usize>,
        index: Option<usize>,
        body: Body,
        optional: bool,
    },
    /// A helper's body after its arguments have been put into slots.
    Inline {
        arguments: Vec<(Option<usize>, Expr)>,
        body: Body,
    },
    /// `{ key: value }`, which stands only inside the arguments of a read.
    Object(Vec<(Box<str>, Expr)>),
    /// `await ctx.db.get(table, id)` and its like.
    Read(ReadKind, Vec<Expr>),
}

impl Expr {
    /// Whether it is a primitive literal.
    pub fn is_literal(&self) -> bool {
        matches!(
            self,
            Self::Undefined | Self::Null | Self::Bool(_) | Self::Number(_) | Self::Text(_)
        )
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operator {
    StrictEqual,
    StrictUnequal,
    Equal,
    Unequal,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    Includes,
    StartsWith,
    EndsWith,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Quantifier {
    Some,
    Every,
    Find,
}
