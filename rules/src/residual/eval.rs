//! What does an expression come to while the row is unknown?
//!
//! Evaluates as [`crate::fast`] does, over symbolic values. A test is kept in the form it is
//! written in, so that `a || b` stays a disjunction. What has no exact predicate ends the
//! evaluation.

use super::Opaque;
use super::flow::Wanted;
use super::paths::{Residual, Result, bounded, of_step};
use super::predicate::Predicate;
use super::tree::{Sym, Tree, Truth};
use crate::fast::{self, Expr, Operator, Val};
use std::borrow::Cow;
use std::rc::Rc;

impl<'v> Residual<'v, '_> {
    /// Whether an expression is truthy, in the form it is written in.
    pub fn test(&mut self, e: &'v Expr) -> Result<Truth> {
        self.deeper(|s| s.tested(e))
    }

    fn tested(&mut self, e: &'v Expr) -> Result<Truth> {
        let truth = match e {
            Expr::And(a, b) => {
                let a = self.test(a)?;
                if a.yes == Predicate::Always(false) {
                    return Ok(a);
                }
                let b = self.under(&a.yes, true, |s| s.test(b))?;
                Truth { yes: a.yes.clone().and(b.yes), throws: a.throws.or(a.yes.and(b.throws)) }
            }
            Expr::Or(a, b) => {
                let a = self.test(a)?;
                if a.yes == Predicate::Always(true) {
                    return Ok(a);
                }
                let b = self.under(&a.yes, false, |s| s.test(b))?;
                let no = a.yes.clone().negated();
                Truth {
                    yes: a.yes.or(a.throws.clone().negated().and(b.yes)),
                    throws: a.throws.clone().or(no.and(a.throws.negated()).and(b.throws)),
                }
            }
            Expr::Not(e) => {
                let e = self.test(e)?;
                Truth { yes: e.yes.negated().and(e.throws.clone().negated()), throws: e.throws }
            }
            Expr::Conditional(test, a, b) => {
                let test = self.test(test)?;
                let tree = self.branch(
                    test.throws,
                    |_| Ok(Tree::THROW),
                    |s| s.branch(test.yes, |s| Ok(s.test(a)?.tree()), |s| Ok(s.test(b)?.tree())),
                )?;
                self.truth(&tree)?
            }
            Expr::Inline { arguments, body } => {
                let tree = self.inline(arguments, body, Wanted::Truth)?;
                self.truth(&tree)?
            }
            e => {
                let tree = self.eval(e)?;
                self.truth(&tree)?
            }
        };
        bounded(&truth.yes)?;
        bounded(&truth.throws)?;
        Ok(truth)
    }

    /// What an expression comes to.
    pub fn eval(&mut self, e: &'v Expr) -> Result<Tree<'v>> {
        self.deeper(|s| s.value(e))
    }

    fn value(&mut self, e: &'v Expr) -> Result<Tree<'v>> {
        Ok(match e {
            Expr::Undefined => Tree::known(Val::Undefined),
            Expr::Null => Tree::known(Val::Null),
            Expr::Bool(b) => Tree::known(Val::Bool(*b)),
            Expr::Number(n) => Tree::known(Val::Number(*n)),
            Expr::Text(t) => Tree::known(Val::Text(Cow::Borrowed(t))),
            Expr::Slot(slot) => self.slots[*slot].clone(),
            Expr::Member { object, name, optional } => {
                let object = self.eval(object)?;
                self.map(&object, &mut |s, o| s.member(o, name, *optional))?
            }
            Expr::Index { object, key, optional } => {
                let object = self.eval(object)?;
                self.map(&object, &mut |s, o| {
                    let nullish = s.nullish(o);
                    let nothing = if *optional { Tree::Leaf(Sym::Short) } else { Tree::THROW };
                    // A key that throws does so before the object is looked at.
                    let short = *optional;
                    let read = |s: &mut Self| {
                        let key = s.eval(key)?;
                        s.map(&key, &mut |s, k| s.index(o, k))
                    };
                    if short { s.branch(nullish, |_| Ok(nothing), read) } else { read(s) }
                })?
            }
            Expr::Chain(inner) => {
                let tree = self.eval(inner)?;
                unshortened(&tree)
            }
            Expr::Not(_) => self.test(e)?.tree(),
            Expr::Negate(e) => self.number(e, |n| -n)?,
            Expr::ToNumber(e) => self.number(e, |n| n)?,
            Expr::Typeof(e) => {
                let tree = self.eval(e)?;
                self.map(&tree, &mut |s, v| s.kind_of(v))?
            }
            Expr::Void(e) => {
                let throws = self.eval(e)?.throws();
                Tree::choose(throws, Tree::THROW, Tree::known(Val::Undefined))
            }
            Expr::Binary(operator, a, b) => self.binary(*operator, a, b)?,
            Expr::And(a, b) => {
                let a = self.eval(a)?;
                self.map(&a, &mut |s, v| {
                    let yes = s.truth(&Tree::Leaf(v.clone()))?.yes;
                    s.branch(yes, |s| s.eval(b), |_| Ok(falsy(v)))
                })?
            }
            Expr::Or(a, b) => {
                let a = self.eval(a)?;
                self.map(&a, &mut |s, v| {
                    let yes = s.truth(&Tree::Leaf(v.clone()))?.yes;
                    s.branch(yes, |_| Ok(truthy_value(v)), |s| s.eval(b))
                })?
            }
            Expr::Coalesce(a, b) => {
                let a = self.eval(a)?;
                self.map(&a, &mut |s, v| {
                    let nullish = s.nullish(v);
                    s.branch(nullish, |s| s.eval(b), |_| Ok(Tree::Leaf(v.clone())))
                })?
            }
            Expr::Conditional(test, a, b) => {
                let test = self.test(test)?;
                self.branch(
                    test.throws,
                    |_| Ok(Tree::THROW),
                    |s| s.branch(test.yes, |s| s.eval(a), |s| s.eval(b)),
                )?
            }
            Expr::Template(pieces, expressions) => self.template(pieces, expressions)?,
            Expr::Array(items) => self.array(items)?,
            Expr::Call { method, receiver, argument, optional } => {
                let receiver = self.eval(receiver)?;
                self.map(&receiver, &mut |s, r| s.call(*method, r, argument, *optional))?
            }
            Expr::Each { quantifier, receiver, item, index, body, optional } => {
                let receiver = self.eval(receiver)?;
                self.map(&receiver, &mut |s, r| {
                    s.each(*quantifier, r, (*item, *index), body, *optional)
                })?
            }
            Expr::Inline { arguments, body } => self.inline(arguments, body, Wanted::Value)?,
            Expr::Object(_) | Expr::Read(..) => return Err(Opaque::new("it reads through ctx.db")),
        })
    }

    fn number(&mut self, e: &'v Expr, f: fn(f64) -> f64) -> Result<Tree<'v>> {
        let tree = self.eval(e)?;
        self.map(&tree, &mut |_, v| match v {
            Sym::Known(v) => Ok(Tree::known(Val::Number(f(v.to_number()?)))),
            _ => Err(Opaque::new("it calculates with a value of the row")),
        })
    }

    fn binary(&mut self, operator: Operator, a: &'v Expr, b: &'v Expr) -> Result<Tree<'v>> {
        let a = self.eval(a)?;
        self.map(&a, &mut |s, a| {
            let b = s.eval(b)?;
            s.map(&b, &mut |s, b| match (a, b) {
                (Sym::Known(a), Sym::Known(b)) => of_step(fast::binary(operator, a, b)),
                _ => s.compare(operator, a, b),
            })
        })
    }

    fn template(&mut self, pieces: &'v [Box<str>], e: &'v [Expr]) -> Result<Tree<'v>> {
        let mut text = String::new();
        let mut throws = Predicate::Always(false);
        for (i, piece) in pieces.iter().enumerate() {
            text.push_str(piece);
            let Some(e) = e.get(i) else { continue };
            match self.eval(e)? {
                Tree::Leaf(Sym::Known(value)) => text.push_str(&value.to_text()?),
                Tree::Leaf(Sym::Throw) => throws = Predicate::Always(true),
                _ => return Err(Opaque::new("it makes text of a value of the row")),
            }
            fast::bounded(text.len()).map_err(|_| Opaque::new("it makes a long text"))?;
        }
        Ok(Tree::choose(throws, Tree::THROW, Tree::known(Val::Text(Cow::Owned(text)))))
    }

    fn array(&mut self, items: &'v [Expr]) -> Result<Tree<'v>> {
        let mut values = Vec::with_capacity(items.len());
        for item in items {
            match self.eval(item)? {
                Tree::Leaf(Sym::Throw) => return Ok(Tree::THROW),
                Tree::Leaf(value) => values.push(value),
                Tree::Choose(..) => {
                    return Err(Opaque::new("it puts an undecided value into an array"));
                }
            }
        }
        let known = values.iter().map(|v| match v {
            Sym::Known(v) => Some(v.clone()),
            _ => None,
        });
        Ok(match known.collect::<Option<Vec<_>>>() {
            Some(known) => Tree::known(Val::Array(known.into())),
            None => Tree::Leaf(Sym::List(Rc::from(values))),
        })
    }
}

/// The value of a chain in which a `?.` may have found nothing.
fn unshortened<'v>(tree: &Tree<'v>) -> Tree<'v> {
    match tree {
        Tree::Leaf(Sym::Short) => Tree::known(Val::Undefined),
        Tree::Leaf(_) => tree.clone(),
        Tree::Choose(p, yes, no) => Tree::choose(p.clone(), unshortened(yes), unshortened(no)),
    }
}

/// A value where it is falsy.
fn falsy<'v>(value: &Sym<'v>) -> Tree<'v> {
    match value {
        Sym::Truth(_) => Tree::known(Val::Bool(false)),
        other => Tree::Leaf(other.clone()),
    }
}

/// A value where it is truthy.
fn truthy_value<'v>(value: &Sym<'v>) -> Tree<'v> {
    match value {
        Sym::Truth(_) => Tree::known(Val::Bool(true)),
        other => Tree::Leaf(other.clone()),
    }
}
