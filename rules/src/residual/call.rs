//! What do property reads and method calls say of a value of the row?
//!
//! A property of nothing throws, or ends the `?.` chain; a method that a value has not got
//! throws. `includes` asks text and arrays, `startsWith` and `endsWith` text; `some` and `every`
//! become a search for the first element that decides.

use super::Opaque;
use super::compare::{LONGEST, scalar};
use super::inherited;
use super::paths::{Residual, Result, of_step};
use super::place::{ColumnType, Kinds, Place, Root};
use super::predicate::{Predicate, Scalar, TextTest};
use super::tree::{Sym, Tree};
use crate::fast::{self, Body, Expr, Method, Quantifier, Val};
use serde_json::Value;

/// Loops within loops.
const DEEPEST: usize = 3;
/// Keys in a row. With those of the loops around they stay within what a row shows as JSON; what
/// nests deeper is text to rules.
const MOST_KEYS: usize = 16;
/// Elements of an array that is known and searched for a value of the row.
const MOST_ITEMS: usize = 1_000;
/// Bytes of a text that is looked for in one of the row: the database makes an automaton of it.
const LONGEST_PART: usize = 1_000;

fn nothing<'v>(optional: bool) -> Tree<'v> {
    if optional { Tree::Leaf(Sym::Short) } else { Tree::THROW }
}

impl<'v> Residual<'v, '_> {
    /// `object.name`.
    pub fn member(&mut self, object: &Sym<'v>, name: &str, optional: bool) -> Result<Tree<'v>> {
        let undefined = Tree::known(Val::Undefined);
        let refused = || Opaque::new(format!("it reads '.{name}'"));
        match object {
            Sym::Known(object) => of_step(fast::member(object, name, optional)),
            Sym::Row => match self.columns.place(name) {
                Some(_) if name.contains('\0') => Ok(undefined),
                Some(place) if place.root != Root::Document => Ok(Tree::Leaf(Sym::Place(place))),
                _ if inherited::by_objects(name) => Err(refused()),
                Some(place) => Ok(Tree::Leaf(Sym::Place(place))),
                None => Ok(undefined),
            },
            Sym::Place(place) => {
                let kinds = self.kinds(place);
                let others = Kinds::ARRAY | Kinds::STRING | Kinds::NUMBER | Kinds::BOOL;
                if (kinds.meets(Kinds::OBJECT) && inherited::by_objects(name))
                    || (kinds.meets(others) && inherited::by_others(name))
                {
                    return Err(refused());
                }
                if place.path.len() == MOST_KEYS {
                    return Err(Opaque::new("it looks too deeply into JSON"));
                }
                let value = if place.is_json() && !name.contains('\0') {
                    Tree::Leaf(Sym::Place(place.key(name)))
                } else {
                    undefined
                };
                self.branch(
                    self.is(place, Kinds::NULLISH),
                    |_| Ok(nothing(optional)),
                    |_| Ok(value),
                )
            }
            Sym::Truth(_) if !inherited::by_others(name) => Ok(undefined),
            _ => Err(refused()),
        }
    }

    /// `object[key]`.
    pub fn index(&mut self, object: &Sym<'v>, key: &Sym<'v>) -> Result<Tree<'v>> {
        match (object, key) {
            (Sym::Known(object), Sym::Known(key)) => of_step(fast::index(object, key)),
            (_, Sym::Known(Val::Text(name))) => self.member(object, name, false),
            (Sym::Known(object), _) if object.is_nullish() => Ok(Tree::THROW),
            _ => Err(Opaque::new("it looks up a key that is a value of the row")),
        }
    }

    /// `receiver.method(argument)`.
    pub fn call(
        &mut self,
        method: Method,
        receiver: &Sym<'v>,
        argument: &'v Expr,
        optional: bool,
    ) -> Result<Tree<'v>> {
        let nullish = self.nullish(receiver);
        self.branch(
            nullish,
            |_| Ok(nothing(optional)),
            |s| {
                let argument = s.eval(argument)?;
                s.map(&argument, &mut |s, a| s.call_with(method, receiver, a))
            },
        )
    }

    fn call_with(
        &mut self,
        method: Method,
        receiver: &Sym<'v>,
        argument: &Sym<'v>,
    ) -> Result<Tree<'v>> {
        match (receiver, method) {
            (Sym::Known(receiver), method) => {
                if let Sym::Known(argument) = argument {
                    return of_step(fast::call(method, receiver, argument));
                }
                match (items(receiver), method) {
                    (Some(items), Method::Includes) => self.among(&items, argument),
                    _ => Err(Opaque::new("it asks a text about a value of the row")),
                }
            }
            (Sym::List(items), Method::Includes) => {
                let mut found = Predicate::Always(false);
                for item in items.iter() {
                    found = found.or(self.same_value(item, argument)?);
                }
                Ok(Tree::truth(found))
            }
            (Sym::Place(place), method) => self.place_call(method, place, argument),
            _ => Err(Opaque::new("it calls a method of the row itself")),
        }
    }

    /// SameValueZero, which differs from `===` in NaN only; a row holds none.
    fn same_value(&mut self, a: &Sym<'v>, b: &Sym<'v>) -> Result<Predicate> {
        match (a, b) {
            (Sym::Known(a), Sym::Known(b)) => Ok(Predicate::Always(fast::same_value_zero(a, b))),
            _ => self.strict(a, b),
        }
    }

    /// `[…].includes(argument)` of known elements.
    fn among(&mut self, items: &[Val<'v>], argument: &Sym<'v>) -> Result<Tree<'v>> {
        if items.len() > MOST_ITEMS {
            return Err(Opaque::new("it searches a long array"));
        }
        let mut found = Predicate::Always(false);
        let mut lists: [Vec<Scalar>; 2] = [Vec::new(), Vec::new()];
        for item in items {
            match (argument, scalar(item)) {
                (Sym::Place(place), Some(value @ (Scalar::Text(_) | Scalar::Number(_)))) => {
                    // What the place cannot be is left out.
                    if self.equal(place, item)? != Predicate::Always(false) {
                        let list = &mut lists[usize::from(value.kind() == Kinds::NUMBER)];
                        if !list.contains(&value) {
                            list.push(value);
                        }
                    }
                }
                _ => found = found.or(self.same_value(&Sym::Known(item.clone()), argument)?),
            }
        }
        if let Sym::Place(place) = argument {
            for mut list in lists {
                found = match list.len() {
                    0 => found,
                    1 => found.or(Predicate::Equal(place.clone(), list.swap_remove(0))),
                    _ => found.or(Predicate::OneOf(place.clone(), list)),
                };
            }
        }
        Ok(Tree::truth(found))
    }

    fn place_call(
        &mut self,
        method: Method,
        place: &Place,
        argument: &Sym<'v>,
    ) -> Result<Tree<'v>> {
        let kinds = self.kinds(place);
        let test = match method {
            Method::Includes => TextTest::Includes,
            Method::StartsWith => TextTest::StartsWith,
            Method::EndsWith => TextTest::EndsWith,
        };
        let mut text = Predicate::Always(false);
        if kinds.meets(Kinds::STRING) {
            if place.column_type() == Some(ColumnType::Number) {
                return Err(Opaque::new("it calls a method of a number"));
            }
            let Sym::Known(part) = argument else {
                return Err(Opaque::new("it asks a text of the row about a value of the row"));
            };
            let part = part.to_text()?;
            if method == Method::Includes && part.len() > LONGEST_PART {
                return Err(Opaque::new("it looks for a long text"));
            }
            if !part.contains('\0') {
                text = Predicate::Text(test, place.clone(), part.as_ref().into());
            }
        }
        let mut found = Predicate::Always(false);
        if kinds.meets(Kinds::ARRAY) && method == Method::Includes {
            found = self.list_includes(place, argument)?;
        }
        // Whatever else stands there has no such method.
        let arrays = if method == Method::Includes { Kinds::ARRAY } else { Kinds::NONE };
        self.branch(
            self.is(place, Kinds::STRING),
            |_| Ok(Tree::truth(text)),
            |s| s.branch(s.is(place, arrays), |_| Ok(Tree::truth(found)), |_| Ok(Tree::THROW)),
        )
    }

    /// Whether the array at a place has an element.
    fn list_includes(&mut self, list: &Place, argument: &Sym<'v>) -> Result<Predicate> {
        if matches!(argument, Sym::Known(Val::Text(text)) if text.len() > LONGEST) {
            return Err(Opaque::new("it compares JSON with a long text"));
        }
        if let Sym::Known(value @ (Val::Text(_) | Val::Bool(_))) = argument {
            return Ok(match scalar(value) {
                Some(value) => Predicate::Has(list.clone(), value),
                None => Predicate::Always(false),
            });
        }
        let item = Sym::Place(self.enter()?);
        let equal = self.same_value(&item, argument);
        self.depth -= 1;
        Ok(first(list, equal?, Predicate::Always(true)))
    }

    /// The element of a loop that begins here; the depth is the caller's to give back.
    fn enter(&mut self) -> Result<Place> {
        if self.depth == DEEPEST {
            return Err(Opaque::new("it loops too deeply"));
        }
        self.depth += 1;
        Ok(Place { root: Root::Item(self.depth - 1), path: Vec::new() })
    }

    /// `receiver.some((item, index) => body)` and its like.
    pub fn each(
        &mut self,
        quantifier: Quantifier,
        receiver: &Sym<'v>,
        slots: (Option<usize>, Option<usize>),
        body: &'v Body,
        optional: bool,
    ) -> Result<Tree<'v>> {
        let nullish = self.nullish(receiver);
        self.branch(
            nullish,
            |_| Ok(nothing(optional)),
            |s| match receiver {
                Sym::Known(known) => match items(known) {
                    Some(items) => s.unrolled(quantifier, &items, slots, body),
                    None => Err(Opaque::new("only the engine can evaluate it")),
                },
                Sym::Place(place) => s.branch(
                    s.is(place, Kinds::ARRAY),
                    |s| s.search(quantifier, place, slots, body),
                    |_| Ok(Tree::THROW),
                ),
                _ => Err(Opaque::new("it loops over an array of its own")),
            },
        )
    }

    /// A loop over known elements.
    fn unrolled(
        &mut self,
        quantifier: Quantifier,
        items: &[Val<'v>],
        (item, index): (Option<usize>, Option<usize>),
        body: &'v Body,
    ) -> Result<Tree<'v>> {
        let mut steps = Vec::new();
        for (i, value) in items.iter().enumerate() {
            self.spend()?;
            if let Some(slot) = index {
                self.slots[slot] = Tree::known(Val::Number(i as f64));
            }
            if let Some(slot) = item {
                self.slots[slot] = Tree::known(value.clone());
            }
            let truth = self.returned_truth(body)?;
            let (stops, ends) = match quantifier {
                Quantifier::Some => (truth.yes, Tree::known(Val::Bool(true))),
                Quantifier::Find => (truth.yes, Tree::known(value.clone())),
                // A throw comes first below.
                Quantifier::Every => (truth.yes.negated(), Tree::known(Val::Bool(false))),
            };
            steps.push((truth.throws, stops, ends));
        }
        let mut tree = match quantifier {
            Quantifier::Some => Tree::known(Val::Bool(false)),
            Quantifier::Every => Tree::known(Val::Bool(true)),
            Quantifier::Find => Tree::known(Val::Undefined),
        };
        for (throws, stops, ends) in steps.into_iter().rev() {
            let rest = tree;
            tree = self.branch(
                throws,
                |_| Ok(Tree::THROW),
                |s| s.branch(stops, |_| Ok(ends), |_| Ok(rest)),
            )?;
        }
        Ok(tree)
    }

    /// A loop over the array at a place.
    fn search(
        &mut self,
        quantifier: Quantifier,
        list: &Place,
        (item, index): (Option<usize>, Option<usize>),
        body: &'v Body,
    ) -> Result<Tree<'v>> {
        let element = self.enter()?;
        if let Some(slot) = index {
            self.slots[slot] = Tree::Leaf(Sym::Unknown);
        }
        if let Some(slot) = item {
            self.slots[slot] = Tree::Leaf(Sym::Place(element));
        }
        let truth = self.returned_truth(body);
        self.depth -= 1;
        let truth = truth?;
        let always = Predicate::Always(true);
        let (stop, found) = match quantifier {
            Quantifier::Some => {
                let stop = truth.yes.clone().or(truth.throws.clone());
                let holds = match &truth.throws {
                    Predicate::Always(false) => always,
                    _ => truth.yes,
                };
                (stop.clone(), first(list, stop, holds))
            }
            Quantifier::Every => {
                let stop = truth.yes.negated();
                (stop.clone(), first(list, stop, always).negated())
            }
            Quantifier::Find => {
                return Err(Opaque::new("it uses an element of an array of the row"));
            }
        };
        let throws = first(list, stop, truth.throws);
        self.branch(throws, |_| Ok(Tree::THROW), |_| Ok(Tree::truth(found)))
    }
}

fn first(list: &Place, stop: Predicate, holds: Predicate) -> Predicate {
    if stop == Predicate::Always(false) || holds == Predicate::Always(false) {
        return Predicate::Always(false);
    }
    Predicate::First { list: list.clone(), stop: Box::new(stop), holds: Box::new(holds) }
}

/// The elements of a known array.
fn items<'v>(value: &Val<'v>) -> Option<Vec<Val<'v>>> {
    match value {
        Val::Json(Value::Array(items)) => Some(items.iter().map(Val::of).collect()),
        Val::Array(items) => Some(items.to_vec()),
        _ => None,
    }
}
