//! What can an expression come to, before the row is known?
//!
//! A [`Tree`] decides on predicates which of several symbolic values it is. A throw is a value
//! here, so that where it comes from decides what it spoils.

use super::place::Place;
use super::predicate::Predicate;
use crate::fast::Val;
use std::rc::Rc;

/// A value as far as it is known.
#[derive(Clone, Debug)]
pub(super) enum Sym<'v> {
    /// Known.
    Known(Val<'v>),
    /// The row.
    Row,
    /// What stands there.
    Place(Place),
    /// A boolean.
    Truth(Predicate),
    /// An array literal with a part that is not known.
    List(Rc<[Sym<'v>]>),
    /// A throw.
    Throw,
    /// A `?.` found nothing.
    Short,
    /// Something whose use has no predicate.
    Unknown,
}

/// Values by predicates.
#[derive(Clone, Debug)]
pub(super) enum Tree<'v> {
    Leaf(Sym<'v>),
    /// The first where the predicate holds, else the second.
    Choose(Predicate, Rc<Tree<'v>>, Rc<Tree<'v>>),
}

/// When a value is truthy and when there is none because of a throw; the two exclude each other.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Truth {
    pub yes: Predicate,
    pub throws: Predicate,
}

impl Truth {
    pub fn of(yes: Predicate) -> Self {
        Self { yes, throws: Predicate::Always(false) }
    }

    /// As a boolean.
    pub fn tree<'v>(self) -> Tree<'v> {
        Tree::choose(self.throws, Tree::THROW, Tree::truth(self.yes))
    }
}

impl<'v> Tree<'v> {
    pub const THROW: Self = Self::Leaf(Sym::Throw);

    pub fn known(value: Val<'v>) -> Self {
        Self::Leaf(Sym::Known(value))
    }

    pub fn truth(predicate: Predicate) -> Self {
        Self::Leaf(match predicate {
            Predicate::Always(b) => Sym::Known(Val::Bool(b)),
            other => Sym::Truth(other),
        })
    }

    pub fn choose(predicate: Predicate, yes: Self, no: Self) -> Self {
        match predicate {
            Predicate::Always(true) => return yes,
            Predicate::Always(false) => return no,
            _ => {}
        }
        if let (Self::Leaf(Sym::Throw), Self::Leaf(Sym::Throw)) = (&yes, &no) {
            return yes;
        }
        if let (Some(yes), Some(no)) = (yes.boolean(), no.boolean()) {
            return Self::truth(predicate.choose(yes, no));
        }
        Self::Choose(predicate, Rc::new(yes), Rc::new(no))
    }

    fn boolean(&self) -> Option<Predicate> {
        match self {
            Self::Leaf(Sym::Known(Val::Bool(b))) => Some(Predicate::Always(*b)),
            Self::Leaf(Sym::Truth(p)) => Some(p.clone()),
            _ => None,
        }
    }

    /// When it throws.
    pub fn throws(&self) -> Predicate {
        match self {
            Self::Leaf(Sym::Throw) => Predicate::Always(true),
            Self::Leaf(_) => Predicate::Always(false),
            Self::Choose(p, yes, no) => p.clone().choose(yes.throws(), no.throws()),
        }
    }
}
