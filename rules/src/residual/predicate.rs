//! What is left of a rule when only its row is unknown?
//!
//! A [`Predicate`] speaks of one row and is true or false of it, never unknown: an atom about a
//! value of another kind is false. It is pure and cannot fail, so it may be evaluated in any
//! order and anywhere, a database included. The constructors simplify; none of them changes
//! what a predicate says.

use super::place::{Kinds, Place};

/// A primitive that a place is compared with.
#[derive(Clone, Debug, PartialEq)]
pub enum Scalar {
    /// Text without NUL.
    Text(Box<str>),
    /// A number, never NaN.
    Number(f64),
    /// A boolean.
    Bool(bool),
}

impl Scalar {
    /// The kind of the value.
    #[must_use]
    pub fn kind(&self) -> Kinds {
        match self {
            Self::Text(_) => Kinds::STRING,
            Self::Number(_) => Kinds::NUMBER,
            Self::Bool(_) => Kinds::BOOL,
        }
    }
}

/// A relational operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// `<`
    Less,
    /// `<=`
    LessEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterEqual,
}

/// What a text is asked about another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextTest {
    /// Whether it contains it.
    Includes,
    /// Whether it starts with it.
    StartsWith,
    /// Whether it ends with it.
    EndsWith,
}

/// A condition on a row.
#[derive(Clone, Debug, PartialEq)]
pub enum Predicate {
    /// The same of every row.
    Always(bool),
    /// The opposite.
    Not(Box<Self>),
    /// All hold.
    All(Vec<Self>),
    /// At least one holds.
    Any(Vec<Self>),
    /// The value's kind is one of these.
    Kind(Place, Kinds),
    /// `place === value`.
    Equal(Place, Scalar),
    /// `place === value` for one of the values, which are of one kind.
    OneOf(Place, Vec<Scalar>),
    /// The place holds a value of the operand's kind in this order to it. A number column's
    /// infinities count as numbers here.
    Order(Place, Order, Scalar),
    /// `a === b`, both strings, numbers or booleans.
    Same(Place, Place),
    /// The place holds a string of which this is true.
    Text(TextTest, Place, Box<str>),
    /// The place holds an array with this element, a string or boolean.
    Has(Place, Scalar),
    /// The place holds an array, and of the first element at which `stop` is true, `holds` is
    /// true. Inside, the element is the place `Root::Item(depth)`, the outermost being 0.
    First {
        /// The array.
        list: Place,
        /// Where the search ends.
        stop: Box<Self>,
        /// What is asked there.
        holds: Box<Self>,
    },
}

impl Predicate {
    /// Both hold.
    pub(super) fn and(self, other: Self) -> Self {
        let mut kept: Vec<Self> = Vec::new();
        for part in [self, other] {
            let parts = match part {
                Self::All(inner) => inner,
                part => vec![part],
            };
            for part in parts {
                if part == Self::Always(false) || kept.iter().any(|k| k.refutes(&part)) {
                    return Self::Always(false);
                }
                if part == Self::Always(true) || kept.iter().any(|k| k.implies(&part)) {
                    continue;
                }
                if kept.iter().any(|k| part.refutes(k)) {
                    return Self::Always(false);
                }
                kept.retain(|k| !part.implies(k));
                kept.push(part);
            }
        }
        match kept.len() {
            0 => Self::Always(true),
            1 => kept.swap_remove(0),
            _ => Self::All(kept),
        }
    }

    /// At least one holds.
    pub(super) fn or(self, other: Self) -> Self {
        let mut kept: Vec<Self> = Vec::new();
        for part in [self, other] {
            let parts = match part {
                Self::Always(false) => continue,
                Self::Always(true) => return Self::Always(true),
                Self::Any(inner) => inner,
                part => vec![part],
            };
            for part in parts {
                if !kept.contains(&part) && !kept.iter_mut().any(|k| k.absorbs(&part)) {
                    kept.push(part);
                }
            }
        }
        match kept.len() {
            0 => Self::Always(false),
            1 => kept.swap_remove(0),
            _ => Self::Any(kept),
        }
    }

    /// Takes in a further value that the same place may be equal to.
    fn absorbs(&mut self, other: &Self) -> bool {
        let (place, more) = match other {
            Self::Equal(place, value) => (place, std::slice::from_ref(value)),
            Self::OneOf(place, values) => (place, values.as_slice()),
            _ => return false,
        };
        let (mine, mut values) = match self {
            Self::Equal(mine, value) => (mine, vec![value.clone()]),
            Self::OneOf(mine, values) => (mine, values.clone()),
            _ => return false,
        };
        let kind = more.first().map(Scalar::kind);
        let alike = kind != Some(Kinds::BOOL) && values.first().map(Scalar::kind) == kind;
        if mine != place || !alike {
            return false;
        }
        for value in more {
            if !values.contains(value) {
                values.push(value.clone());
            }
        }
        *self = Self::OneOf(place.clone(), values);
        true
    }

    /// The opposite.
    pub(super) fn negated(self) -> Self {
        match self {
            Self::Always(b) => Self::Always(!b),
            Self::Not(inner) => *inner,
            Self::Kind(place, kinds) => {
                let others = place.kinds().without(kinds);
                Self::Kind(place, others)
            }
            other => Self::Not(Box::new(other)),
        }
    }

    /// `yes` where this holds, `no` where it does not.
    pub(super) fn choose(self, yes: Self, no: Self) -> Self {
        if yes == no {
            return yes;
        }
        match (&yes, &no) {
            (Self::Always(true), _) => self.or(no),
            (Self::Always(false), _) => self.negated().and(no),
            (_, Self::Always(true)) => self.negated().or(yes),
            (_, Self::Always(false)) => self.and(yes),
            _ => self.clone().and(yes).or(self.negated().and(no)),
        }
    }

    /// Whether `other` cannot but hold where this does, as far as kinds tell.
    fn implies(&self, other: &Self) -> bool {
        match other {
            Self::Kind(place, kinds) => self.known(place).is_some_and(|k| kinds.contains(k)),
            Self::Not(inner) => self == other || self.refutes(inner),
            _ => self == other,
        }
    }

    /// Whether `other` cannot hold where this does, as far as kinds tell.
    fn refutes(&self, other: &Self) -> bool {
        match other {
            Self::Kind(place, kinds) => self.known(place).is_some_and(|k| !k.meets(*kinds)),
            Self::All(parts) => parts.iter().any(|part| self.refutes(part)),
            Self::Any(parts) => parts.iter().all(|part| self.refutes(part)),
            Self::Not(inner) => self.implies(inner),
            _ => false,
        }
    }

    /// The kinds that the value at a place must have where this holds, if it says.
    fn known(&self, place: &Place) -> Option<Kinds> {
        let (mine, kinds) = match self {
            Self::Kind(mine, kinds) => (mine, *kinds),
            Self::Equal(mine, value) => (mine, value.kind()),
            Self::OneOf(mine, values) => (mine, values.first()?.kind()),
            Self::Text(_, mine, _) => (mine, Kinds::STRING),
            Self::Has(mine, _) | Self::First { list: mine, .. } => (mine, Kinds::ARRAY),
            _ => return None,
        };
        if mine == place {
            return Some(kinds);
        }
        // Only objects have parts.
        (mine.is_inside(place) && !kinds.meets(Kinds::ABSENT)).then_some(Kinds::OBJECT)
    }

    /// How large it is.
    #[must_use]
    pub fn size(&self) -> usize {
        match self {
            Self::Not(inner) => 1 + inner.size(),
            Self::All(parts) | Self::Any(parts) => 1 + parts.iter().map(Self::size).sum::<usize>(),
            Self::First { stop, holds, .. } => 1 + stop.size() + holds.size(),
            Self::Always(_)
            | Self::Kind(..)
            | Self::Equal(..)
            | Self::OneOf(..)
            | Self::Order(..)
            | Self::Same(..)
            | Self::Text(..)
            | Self::Has(..) => 1,
        }
    }
}
