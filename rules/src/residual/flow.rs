//! What does a function return while the row is unknown?
//!
//! Statements are followed as they are run: where a test is undecided, what follows it is
//! evaluated once for each answer.

use super::paths::{Residual, Result};
use super::predicate::Predicate;
use super::tree::{Tree, Truth};
use crate::fast::{Body, Expr, Statement, Val};
use std::cell::RefCell;

/// What follows a statement list that does not return.
type Rest<'a, 'v, 'c> = &'a mut dyn FnMut(&mut Residual<'v, 'c>) -> Result<Tree<'v>>;

/// Whether a returned value is wanted, or only its truth.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    Value,
    Truth,
}

impl<'v, 'c> Residual<'v, 'c> {
    /// The truth of what a function with this body returns.
    pub fn returned_truth(&mut self, body: &'v Body) -> Result<Truth> {
        let tree = self.body(body, Wanted::Truth, &mut |_| Ok(Tree::known(Val::Undefined)))?;
        self.truth(&tree)
    }

    fn body(
        &mut self,
        body: &'v [Statement],
        wanted: Wanted,
        rest: Rest<'_, 'v, 'c>,
    ) -> Result<Tree<'v>> {
        match body.split_first() {
            None => rest(self),
            Some((statement, after)) => {
                self.deeper(|s| s.statement(statement, after, wanted, rest))
            }
        }
    }

    /// A statement and those after it.
    fn statement(
        &mut self,
        statement: &'v Statement,
        after: &'v [Statement],
        wanted: Wanted,
        rest: Rest<'_, 'v, 'c>,
    ) -> Result<Tree<'v>> {
        match statement {
            Statement::Let(slot, e) => {
                let value = self.eval(e)?;
                let throws = value.throws();
                self.slots[*slot] = value;
                self.branch(throws, |_| Ok(Tree::THROW), |s| s.body(after, wanted, rest))
            }
            Statement::Evaluate(e) => {
                let throws = self.eval(e)?.throws();
                self.branch(throws, |_| Ok(Tree::THROW), |s| s.body(after, wanted, rest))
            }
            Statement::If(test, then, other) => {
                let test = self.test(test)?;
                self.branch(
                    test.throws,
                    |_| Ok(Tree::THROW),
                    |s| {
                        let rest = RefCell::new(rest);
                        let go = |s: &mut Self, branch: &'v [Statement]| {
                            s.body(branch, wanted, &mut |s| {
                                s.body(after, wanted, &mut |s| (rest.borrow_mut())(s))
                            })
                        };
                        s.branch(test.yes, |s| go(s, then), |s| go(s, other))
                    },
                )
            }
            Statement::Block(inner) => {
                self.body(inner, wanted, &mut |s| s.body(after, wanted, rest))
            }
            Statement::Return(e) if wanted == Wanted::Truth => Ok(self.test(e)?.tree()),
            Statement::Return(e) => self.eval(e),
            // Its message says nothing about the row to anybody.
            Statement::Throw(e) => {
                self.eval(e)?;
                Ok(Tree::THROW)
            }
        }
    }

    /// A helper's result, its arguments put into its slots.
    pub fn inline(
        &mut self,
        arguments: &'v [(Option<usize>, Expr)],
        body: &'v Body,
        wanted: Wanted,
    ) -> Result<Tree<'v>> {
        // All arguments first: a helper may be called with the caller's own slots.
        let mut throws = Predicate::Always(false);
        let mut values = Vec::with_capacity(arguments.len());
        for (slot, e) in arguments {
            let value = self.eval(e)?;
            throws = throws.or(value.throws());
            values.push((*slot, value));
        }
        for (slot, value) in values {
            if let Some(slot) = slot {
                self.slots[slot] = value;
            }
        }
        self.branch(
            throws,
            |_| Ok(Tree::THROW),
            |s| s.body(body, wanted, &mut |_| Ok(Tree::known(Val::Undefined))),
        )
    }
}
