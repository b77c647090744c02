//! What do comparisons say of a value of the row?
//!
//! Each kind that can stand at a place is compared as ECMAScript compares it; the predicates of
//! the kinds together are the answer. A comparison that would convert text, an array or an
//! object of the row to a number or text has none.

use super::Opaque;
use super::paths::{Residual, Result, of_step};
use super::place::{ColumnType, Kinds, Place, Root};
use super::predicate::{Order, Predicate, Scalar};
use super::tree::{Sym, Tree};
use crate::fast::{self, Operator, Val};
use std::borrow::Cow;

/// A text longer than this could be a JSON number: one beyond every double, which is text to
/// rules, has more digits.
pub(super) const LONGEST: usize = 308;

/// Operands mirrored: `a < b` is `b > a`.
fn mirrored(operator: Operator) -> Operator {
    match operator {
        Operator::Less => Operator::Greater,
        Operator::LessEqual => Operator::GreaterEqual,
        Operator::Greater => Operator::Less,
        Operator::GreaterEqual => Operator::LessEqual,
        other => other,
    }
}

/// When the value at a place is truthy.
pub(super) fn truthy(place: &Place) -> Predicate {
    let equal = |value| Predicate::Equal(place.clone(), value);
    let kind = |kinds| Predicate::Kind(place.clone(), kinds);
    let not_zero = equal(Scalar::Number(0.0)).negated();
    match place.column_type() {
        Some(ColumnType::Text | ColumnType::Datetime) => {
            kind(Kinds::STRING).and(equal(Scalar::Text("".into())).negated())
        }
        Some(ColumnType::Number) => kind(Kinds::NUMBER | Kinds::STRING).and(not_zero),
        Some(ColumnType::Boolean) => equal(Scalar::Bool(true)),
        Some(ColumnType::Json) | None => {
            let text = kind(Kinds::STRING).and(equal(Scalar::Text("".into())).negated());
            let number = kind(Kinds::NUMBER).and(not_zero);
            kind(Kinds::ARRAY | Kinds::OBJECT).or(equal(Scalar::Bool(true))).or(text).or(number)
        }
    }
}

impl<'v> Residual<'v, '_> {
    /// `typeof value`.
    pub fn kind_of(&mut self, value: &Sym<'v>) -> Result<Tree<'v>> {
        let name = |name: &'static str| Tree::known(Val::Text(Cow::Borrowed(name)));
        Ok(match value {
            Sym::Known(v) => name(v.kind()),
            Sym::Truth(_) => name("boolean"),
            Sym::Place(place) => {
                let mut tree = name("object");
                for (kinds, kind) in [
                    (Kinds::ABSENT, "undefined"),
                    (Kinds::BOOL, "boolean"),
                    (Kinds::NUMBER, "number"),
                    (Kinds::STRING, "string"),
                ] {
                    tree = Tree::choose(self.is(place, kinds), name(kind), tree);
                }
                tree
            }
            _ => name("object"),
        })
    }

    /// A comparison of which at least one operand is not known.
    pub fn compare(&mut self, operator: Operator, a: &Sym<'v>, b: &Sym<'v>) -> Result<Tree<'v>> {
        // A boolean is compared as each of its values.
        if let Sym::Truth(p) = a {
            let of = |s: &mut Self, value| s.step(operator, &Sym::Known(Val::Bool(value)), b);
            return self.branch(p.clone(), |s| of(s, true), |s| of(s, false));
        }
        if let Sym::Truth(p) = b {
            let of = |s: &mut Self, value| s.step(operator, a, &Sym::Known(Val::Bool(value)));
            return self.branch(p.clone(), |s| of(s, true), |s| of(s, false));
        }
        Ok(Tree::truth(match operator {
            Operator::StrictEqual => self.strict(a, b)?,
            Operator::StrictUnequal => self.strict(a, b)?.negated(),
            Operator::Equal => self.loose(a, b)?,
            Operator::Unequal => self.loose(a, b)?.negated(),
            Operator::Less | Operator::LessEqual | Operator::Greater | Operator::GreaterEqual => {
                match (a, b) {
                    (Sym::Place(place), Sym::Known(value)) => self.order(place, operator, value)?,
                    (Sym::Known(value), Sym::Place(place)) => {
                        self.order(place, mirrored(operator), value)?
                    }
                    _ => return Err(Opaque::new("it orders two values of the row")),
                }
            }
            Operator::Add
            | Operator::Subtract
            | Operator::Multiply
            | Operator::Divide
            | Operator::Remainder => {
                return Err(Opaque::new("it calculates with a value of the row"));
            }
        }))
    }

    fn step(&mut self, operator: Operator, a: &Sym<'v>, b: &Sym<'v>) -> Result<Tree<'v>> {
        match (a, b) {
            (Sym::Known(a), Sym::Known(b)) => of_step(fast::binary(operator, a, b)),
            _ => self.compare(operator, a, b),
        }
    }

    /// `a === b`.
    pub fn strict(&mut self, a: &Sym<'v>, b: &Sym<'v>) -> Result<Predicate> {
        Ok(match (a, b) {
            (Sym::Known(a), Sym::Known(b)) => Predicate::Always(fast::strict(a, b)),
            (Sym::Place(place), Sym::Known(value)) | (Sym::Known(value), Sym::Place(place)) => {
                self.equal(place, value)?
            }
            (Sym::Place(a), Sym::Place(b)) => self.same(a, b)?,
            (Sym::Truth(p), other) | (other, Sym::Truth(p)) => {
                let yes = self.strict(&Sym::Known(Val::Bool(true)), other)?;
                let no = self.strict(&Sym::Known(Val::Bool(false)), other)?;
                p.clone().choose(yes, no)
            }
            (Sym::Row, Sym::Row) => Predicate::Always(true),
            (Sym::List(_), Sym::List(_)) => {
                return Err(Opaque::new("it compares two arrays of its own"));
            }
            _ => Predicate::Always(false),
        })
    }

    /// `place === value`.
    pub fn equal(&self, place: &Place, value: &Val<'v>) -> Result<Predicate> {
        let scalar = match value {
            Val::Undefined => return Ok(self.is(place, Kinds::ABSENT)),
            Val::Null => return Ok(self.is(place, Kinds::NULL)),
            Val::Json(_) | Val::Array(_) => return Ok(Predicate::Always(false)),
            Val::Text(text) if place.is_json() && text.len() > LONGEST => {
                return Err(Opaque::new("it compares JSON with a long text"));
            }
            value => match scalar(value) {
                Some(scalar) => scalar,
                None => return Ok(Predicate::Always(false)),
            },
        };
        if !self.kinds(place).meets(scalar.kind()) {
            return Ok(Predicate::Always(false));
        }
        Ok(match (place.column_type(), &scalar) {
            (_, Scalar::Number(n)) if n.is_infinite() => Predicate::Always(false),
            (Some(ColumnType::Number), Scalar::Text(t)) if not_finite(t).is_none() => {
                Predicate::Always(false)
            }
            _ => Predicate::Equal(place.clone(), scalar),
        })
    }

    /// `a === b` of two places.
    fn same(&self, a: &Place, b: &Place) -> Result<Predicate> {
        if a == b {
            return Ok(Predicate::Always(true));
        }
        let (of_a, of_b) = (self.kinds(a), self.kinds(b));
        let objects = Kinds::ARRAY | Kinds::OBJECT;
        let items = matches!((&a.root, &b.root), (Root::Item(_), Root::Item(_)));
        if items && of_a.meets(objects) && of_b.meets(objects) {
            return Err(Opaque::new("it compares elements that may be objects"));
        }
        let both = of_a.common(of_b);
        let mut same = Predicate::Always(false);
        for kind in [Kinds::NULL, Kinds::ABSENT] {
            if both.meets(kind) {
                same = same.or(self.is(a, kind).and(self.is(b, kind)));
            }
        }
        if both.meets(Kinds::STRING | Kinds::NUMBER | Kinds::BOOL) {
            same = same.or(Predicate::Same(a.clone(), b.clone()));
        }
        Ok(same)
    }

    /// `a == b`.
    fn loose(&mut self, a: &Sym<'v>, b: &Sym<'v>) -> Result<Predicate> {
        match (a, b) {
            (Sym::Place(place), Sym::Known(value)) | (Sym::Known(value), Sym::Place(place)) => {
                self.loose_known(place, value)
            }
            (Sym::Place(a), Sym::Place(b)) => {
                let (of_a, of_b) = (self.kinds(a), self.kinds(b));
                let both = (of_a | of_b).without(Kinds::NULLISH);
                let alike = [Kinds::STRING, Kinds::NUMBER, Kinds::BOOL].contains(&both);
                if a != b && !alike && !both.is_empty() {
                    return Err(Opaque::new("it compares values of different types with '=='"));
                }
                let nothing = self.is(a, Kinds::NULLISH).and(self.is(b, Kinds::NULLISH));
                Ok(self.same(a, b)?.or(nothing))
            }
            (Sym::Row, Sym::Known(value)) | (Sym::Known(value), Sym::Row) if value.is_nullish() => {
                Ok(Predicate::Always(false))
            }
            _ => Err(Opaque::new("it compares an object with '=='")),
        }
    }

    fn loose_known(&mut self, place: &Place, value: &Val<'v>) -> Result<Predicate> {
        if value.is_nullish() {
            return Ok(self.is(place, Kinds::NULLISH));
        }
        let kinds = self.kinds(place).without(Kinds::NULLISH);
        let own = scalar(value).map(|s| s.kind());
        let mut equal = Predicate::Always(false);
        for kind in [Kinds::BOOL, Kinds::NUMBER, Kinds::STRING, Kinds::ARRAY, Kinds::OBJECT] {
            if !kinds.meets(kind) {
                continue;
            }
            let of_kind = if own == Some(kind) {
                self.equal(place, value)?
            } else if kind == Kinds::BOOL {
                self.each_boolean(place, Operator::Equal, value)?
            } else if kind == Kinds::NUMBER {
                self.equal(place, &Val::Number(value.to_number()?))?
            } else if kind == Kinds::STRING && place.column_type() == Some(ColumnType::Number) {
                self.each_not_finite(place, Operator::Equal, value)?
            } else {
                return Err(Opaque::new("it compares values of different types with '=='"));
            };
            equal = equal.or(of_kind);
        }
        Ok(equal)
    }

    /// A comparison for each boolean that can stand at a place.
    fn each_boolean(&self, place: &Place, operator: Operator, b: &Val<'v>) -> Result<Predicate> {
        let mut holds = Predicate::Always(false);
        for value in [true, false] {
            if fast::binary(operator, &Val::Bool(value), b)?.truthy() {
                holds = holds.or(Predicate::Equal(place.clone(), Scalar::Bool(value)));
            }
        }
        Ok(holds)
    }

    /// A comparison for each text that a number column can show.
    fn each_not_finite(&self, place: &Place, operator: Operator, b: &Val<'v>) -> Result<Predicate> {
        let mut holds = Predicate::Always(false);
        for (name, _) in NOT_FINITE {
            if fast::binary(operator, &Val::Text(Cow::Borrowed(name)), b)?.truthy() {
                holds = holds.or(Predicate::Equal(place.clone(), Scalar::Text(name.into())));
            }
        }
        Ok(holds)
    }

    /// `place operator value`.
    fn order(&self, place: &Place, operator: Operator, value: &Val<'v>) -> Result<Predicate> {
        let kinds = self.kinds(place);
        let of = |known: Val<'v>| Ok::<_, Opaque>(fast::binary(operator, &known, value)?.truthy());
        let mut holds = Predicate::Always(false);
        for (kind, known) in [(Kinds::NULL, Val::Null), (Kinds::ABSENT, Val::Undefined)] {
            if kinds.meets(kind) && of(known)? {
                holds = holds.or(self.is(place, kind));
            }
        }
        if kinds.meets(Kinds::BOOL) {
            holds = holds.or(self.each_boolean(place, operator, value)?);
        }
        if kinds.meets(Kinds::ARRAY | Kinds::OBJECT) {
            return Err(Opaque::new("it orders what may be an array or object of the row"));
        }
        let order = match operator {
            Operator::Less => Order::Less,
            Operator::LessEqual => Order::LessEqual,
            Operator::Greater => Order::Greater,
            _ => Order::GreaterEqual,
        };
        if kinds.meets(Kinds::NUMBER) {
            let n = value.to_number()?;
            if !n.is_nan() {
                holds = holds.or(Predicate::Order(place.clone(), order, Scalar::Number(n)));
            }
        }
        if kinds.meets(Kinds::STRING) {
            match (place.column_type(), value) {
                (Some(ColumnType::Number), Val::Text(_)) => {
                    return Err(Opaque::new("it orders a number and a text"));
                }
                // The infinities order as numbers, which they become; NaN never does.
                (Some(ColumnType::Number), _) => {}
                (_, Val::Text(text)) if orders_alike(text) => {
                    let bound = Scalar::Text(text.as_ref().into());
                    holds = holds.or(Predicate::Order(place.clone(), order, bound));
                }
                _ => return Err(Opaque::new("it orders a text of the row and another type")),
            }
        }
        Ok(holds)
    }
}

/// Whether every text has the same order to this one by bytes as by UTF-16 units: they differ
/// only where a surrogate meets U+E000 to U+FFFF.
fn orders_alike(text: &str) -> bool {
    text.chars().all(|c| c != '\0' && c <= '\u{d7ff}')
}

/// Numbers that JSON cannot hold, as a row shows them.
const NOT_FINITE: [(&str, f64); 3] =
    [("NaN", f64::NAN), ("Infinity", f64::INFINITY), ("-Infinity", f64::NEG_INFINITY)];

/// The number that a number column shows as this text.
#[must_use]
pub fn not_finite(text: &str) -> Option<f64> {
    NOT_FINITE.iter().find(|(name, _)| *name == text).map(|(_, number)| *number)
}

/// A primitive that a row can hold; `None` for what it cannot.
pub(super) fn scalar(value: &Val<'_>) -> Option<Scalar> {
    match value {
        Val::Bool(b) => Some(Scalar::Bool(*b)),
        Val::Number(n) if !n.is_nan() => Some(Scalar::Number(*n)),
        Val::Text(t) if !t.contains('\0') => Some(Scalar::Text(t.as_ref().into())),
        _ => None,
    }
}

impl From<fast::Stop> for Opaque {
    fn from(_: fast::Stop) -> Self {
        Self::new("only the engine can evaluate it")
    }
}
