//! What is known of the row on the path being followed?
//!
//! An evaluation goes both ways at a condition that the row decides, each way under what the
//! condition says of the row, and puts the results together under it. Its steps and the size of
//! its predicates are bounded.

use super::compare::truthy;
use super::place::{Columns, Kinds, Place};
use super::predicate::Predicate;
use super::tree::{Sym, Tree, Truth};
use super::{LARGEST, MOST_NODES, Opaque};
use crate::fast::{NotPrimitive, Stop, Val};
use std::cell::RefCell;

/// Steps of one evaluation.
const FUEL: u32 = 10_000;
/// Expressions and statements within each other, which bounds the stack: a request's thread has
/// 2 MiB.
const DEEPEST: usize = 100;

pub(super) type Result<T> = std::result::Result<T, Opaque>;

/// An evaluation under way.
pub(super) struct Residual<'v, 'c> {
    pub columns: &'c Columns,
    pub slots: Vec<Tree<'v>>,
    /// Kinds that places are known to have on the path being followed.
    facts: Vec<(Place, Kinds)>,
    /// How many `Predicate::First` are around.
    pub depth: usize,
    fuel: u32,
    nesting: usize,
}

impl<'v, 'c> Residual<'v, 'c> {
    pub fn new(columns: &'c Columns, slots: Vec<Tree<'v>>) -> Self {
        Self { columns, slots, facts: Vec::new(), depth: 0, fuel: FUEL, nesting: 0 }
    }

    /// What can stand at a place, given what is known.
    pub fn kinds(&self, place: &Place) -> Kinds {
        let known = self.facts.iter().filter(|(p, _)| p == place);
        known.fold(place.kinds(), |kinds, (_, k)| kinds.common(*k))
    }

    /// That the value at a place is of one of these kinds.
    pub fn is(&self, place: &Place, kinds: Kinds) -> Predicate {
        let possible = self.kinds(place);
        if kinds.contains(possible) {
            return Predicate::Always(true);
        }
        match possible.common(kinds) {
            none if none.is_empty() => Predicate::Always(false),
            some => Predicate::Kind(place.clone(), some),
        }
    }

    /// Goes on where the predicate holds, or does not.
    pub fn under<T>(
        &mut self,
        predicate: &Predicate,
        holds: bool,
        go: impl FnOnce(&mut Self) -> Result<T>,
    ) -> Result<T> {
        let known = self.facts.len();
        self.assume(predicate, holds);
        let result = go(self);
        self.facts.truncate(known);
        result
    }

    fn assume(&mut self, predicate: &Predicate, holds: bool) {
        match (predicate, holds) {
            (Predicate::Kind(place, kinds), true) => self.facts.push((place.clone(), *kinds)),
            (Predicate::Kind(place, kinds), false) => {
                self.facts.push((place.clone(), place.kinds().without(*kinds)));
            }
            (Predicate::Equal(place, value), true) => {
                self.facts.push((place.clone(), value.kind()));
            }
            (Predicate::Text(_, place, _), true) => {
                self.facts.push((place.clone(), Kinds::STRING));
            }
            (Predicate::Not(inner), _) => self.assume(inner, !holds),
            (Predicate::All(parts), true) | (Predicate::Any(parts), false) => {
                for part in parts {
                    self.assume(part, holds);
                }
            }
            _ => {}
        }
    }

    /// Each value of a tree, replaced under the conditions that lead to it.
    pub fn map(
        &mut self,
        tree: &Tree<'v>,
        f: &mut dyn FnMut(&mut Self, &Sym<'v>) -> Result<Tree<'v>>,
    ) -> Result<Tree<'v>> {
        match tree {
            Tree::Leaf(Sym::Throw) => Ok(Tree::THROW),
            Tree::Leaf(Sym::Short) => Ok(Tree::Leaf(Sym::Short)),
            Tree::Leaf(Sym::Unknown) => Err(Opaque::new("it uses the index of an element")),
            Tree::Leaf(value) => f(self, value),
            Tree::Choose(p, yes, no) => {
                let f = RefCell::new(f);
                self.branch(
                    p.clone(),
                    |s| s.map(yes, &mut |s, v| (f.borrow_mut())(s, v)),
                    |s| s.map(no, &mut |s, v| (f.borrow_mut())(s, v)),
                )
            }
        }
    }

    /// Both branches of a condition, each followed only where it can be reached.
    pub fn branch(
        &mut self,
        p: Predicate,
        yes: impl FnOnce(&mut Self) -> Result<Tree<'v>>,
        no: impl FnOnce(&mut Self) -> Result<Tree<'v>>,
    ) -> Result<Tree<'v>> {
        self.spend()?;
        match p {
            Predicate::Always(true) => yes(self),
            Predicate::Always(false) => no(self),
            p => {
                let yes = self.under(&p, true, yes)?;
                let no = self.under(&p, false, no)?;
                let tree = Tree::choose(p, yes, no);
                if let Tree::Leaf(Sym::Truth(p)) = &tree {
                    bounded(p)?;
                }
                Ok(tree)
            }
        }
    }

    /// When a value is truthy.
    pub fn truth(&self, tree: &Tree<'v>) -> Result<Truth> {
        Ok(match tree {
            Tree::Leaf(Sym::Throw) => {
                Truth { yes: Predicate::Always(false), throws: Predicate::Always(true) }
            }
            Tree::Leaf(Sym::Known(value)) => Truth::of(Predicate::Always(value.truthy())),
            Tree::Leaf(Sym::Row | Sym::List(_)) => Truth::of(Predicate::Always(true)),
            Tree::Leaf(Sym::Place(place)) => Truth::of(truthy(place)),
            Tree::Leaf(Sym::Truth(p)) => Truth::of(p.clone()),
            Tree::Leaf(Sym::Short | Sym::Unknown) => {
                return Err(Opaque::new("it uses the index of an element"));
            }
            Tree::Choose(p, yes, no) => {
                let (yes, no) = (self.truth(yes)?, self.truth(no)?);
                let truth = Truth {
                    yes: p.clone().choose(yes.yes, no.yes),
                    throws: p.clone().choose(yes.throws, no.throws),
                };
                bounded(&truth.yes)?;
                bounded(&truth.throws)?;
                truth
            }
        })
    }

    /// When a value is null or undefined.
    pub fn nullish(&self, value: &Sym<'v>) -> Predicate {
        match value {
            Sym::Known(v) => Predicate::Always(v.is_nullish()),
            Sym::Place(place) => self.is(place, Kinds::NULLISH),
            _ => Predicate::Always(false),
        }
    }

    /// One step further in.
    pub fn deeper<T>(&mut self, step: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        self.spend()?;
        if self.nesting == DEEPEST {
            return Err(Opaque::new("it is nested too deeply"));
        }
        self.nesting += 1;
        let result = step(self);
        self.nesting -= 1;
        result
    }

    pub fn spend(&mut self) -> Result<()> {
        self.fuel = self.fuel.checked_sub(1).ok_or_else(|| Opaque::new(LARGEST))?;
        Ok(())
    }
}

/// A step between known values.
pub(super) fn of_step<'v>(step: std::result::Result<Val<'v>, Stop>) -> Result<Tree<'v>> {
    match step {
        Ok(value) => Ok(Tree::known(value)),
        Err(Stop::Throw(_)) => Ok(Tree::THROW),
        Err(Stop::Short) => Ok(Tree::Leaf(Sym::Short)),
        Err(Stop::Bail | Stop::Need(_)) => Err(Opaque::new("only the engine can evaluate it")),
    }
}

/// Refuses a predicate that has grown too large.
pub(super) fn bounded(predicate: &Predicate) -> Result<()> {
    if predicate.size() > MOST_NODES { Err(Opaque::new(LARGEST)) } else { Ok(()) }
}

impl From<NotPrimitive> for Opaque {
    fn from(_: NotPrimitive) -> Self {
        Self::new("only the engine can evaluate it")
    }
}
