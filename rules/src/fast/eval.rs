//! What does the tree say for these arguments?
//!
//! A plain recursive evaluation in which every step costs fuel. A read through `ctx.db` stops
//! it; the caller performs the read and evaluates again from the start with the answer at
//! hand, which is sound because nothing has effects.

use super::equality::same_value_zero;
use super::operate::{binary, bounded, call, index, member, nothing};
use super::tree::{Body, Expr, Method, Program, Quantifier, Statement};
use super::value::{NotPrimitive, Val};
use crate::api::{Arg, DbRead, ReadKind};
use serde_json::Value;
use std::borrow::Cow;

/// Steps after which the engine, which has a clock, takes over.
const FUEL: u32 = 200_000;

/// Why an evaluation ended without a value.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The rule threw.
    Throw(String),
    /// Only the engine can tell.
    Bail,
    /// The rule needs the answer to this read.
    Need(DbRead),
    /// A `?.` found nothing; never leaves the evaluation.
    Short,
}

impl From<NotPrimitive> for Stop {
    fn from(_: NotPrimitive) -> Self {
        Self::Bail
    }
}

/// A completed evaluation.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Verdict {
    /// Whether the result is truthy.
    pub truthy: bool,
    /// Whether it is a boolean at all.
    pub boolean: bool,
    /// The result itself, for comparison with the engine's.
    #[cfg(test)]
    pub shown: String,
}

impl Verdict {
    fn of(value: &Val<'_>) -> Self {
        Self {
            truthy: value.truthy(),
            boolean: matches!(value, Val::Bool(_)),
            #[cfg(test)]
            shown: value.shown(),
        }
    }
}

/// Evaluates with the answers to the reads made so far.
pub(crate) fn evaluate(
    program: &Program,
    args: &[Arg],
    row: Option<&Value>,
    answers: &[Result<Value, String>],
) -> Result<Verdict, Stop> {
    let mut run = Run { answers, next: 0, fuel: FUEL };
    if let Some(at) = program.context
        && !matches!(args.get(at), Some(Arg::Context(_)))
    {
        return Err(Stop::Bail);
    }
    if args.iter().enumerate().any(|(i, a)| {
        matches!(a, Arg::Context(_)) && i < program.params && program.used & (1 << i) != 0
    }) {
        return Err(Stop::Bail);
    }
    let argument = |i: usize| match (args.get(i), row) {
        (Some(Arg::Json(v)), _) => Val::of(v),
        (Some(Arg::Text(t)), _) => Val::Text(Cow::Borrowed(t)),
        (Some(Arg::Null), _) => Val::Null,
        // A context is only ever reached through a read: see `used`.
        (Some(Arg::Undefined | Arg::Context(_)), _) => Val::Undefined,
        (None, Some(row)) if i == args.len() => Val::of(row),
        (None, _) => Val::Undefined,
    };
    const FEW: usize = 8;
    let flow = if program.slots <= FEW {
        let mut slots = [const { Val::Undefined }; FEW];
        for (i, slot) in slots.iter_mut().enumerate().take(program.params) {
            *slot = argument(i);
        }
        run.body(&program.body, &mut slots)
    } else {
        let mut slots: Vec<Val<'_>> = (0..program.slots)
            .map(|i| if i < program.params { argument(i) } else { Val::Undefined })
            .collect();
        run.body(&program.body, &mut slots)
    };
    match flow {
        Ok(Some(value)) => Ok(Verdict::of(&value)),
        Ok(None) => Ok(Verdict::of(&Val::Undefined)),
        Err(Stop::Short) => Err(Stop::Bail),
        Err(stop) => Err(stop),
    }
}

struct Run<'v> {
    answers: &'v [Result<Value, String>],
    next: usize,
    fuel: u32,
}

impl<'v> Run<'v> {
    /// The returned value, or `None` when the end is reached.
    fn body(&mut self, body: &'v Body, slots: &mut [Val<'v>]) -> Result<Option<Val<'v>>, Stop> {
        for statement in body {
            match statement {
                Statement::Let(slot, e) => slots[*slot] = self.eval(e, slots)?,
                Statement::If(test, then, other) => {
                    let branch = if self.eval(test, slots)?.truthy() { then } else { other };
                    if let Some(value) = self.body(branch, slots)? {
                        return Ok(Some(value));
                    }
                }
                Statement::Block(inner) => {
                    if let Some(value) = self.body(inner, slots)? {
                        return Ok(Some(value));
                    }
                }
                Statement::Return(e) => return self.eval(e, slots).map(Some),
                Statement::Evaluate(e) => {
                    self.eval(e, slots)?;
                }
                Statement::Throw(e) => {
                    let message = self.eval(e, slots)?.to_text()?;
                    return Err(Stop::Throw(message.into_owned()));
                }
            }
        }
        Ok(None)
    }

    fn eval(&mut self, expr: &'v Expr, slots: &mut [Val<'v>]) -> Result<Val<'v>, Stop> {
        self.fuel = self.fuel.checked_sub(1).ok_or(Stop::Bail)?;
        Ok(match expr {
            Expr::Undefined => Val::Undefined,
            Expr::Null => Val::Null,
            Expr::Bool(b) => Val::Bool(*b),
            Expr::Number(n) => Val::Number(*n),
            Expr::Text(t) => Val::Text(Cow::Borrowed(t)),
            Expr::Slot(slot) => slots[*slot].clone(),
            Expr::Member { object, name, optional } => {
                // Saves a clone in the most frequent shape, `parameter.name`.
                if let Expr::Slot(slot) = **object {
                    return member(&slots[slot], name, *optional);
                }
                let object = self.eval(object, slots)?;
                return member(&object, name, *optional);
            }
            Expr::Index { object, key, optional } => {
                let object = self.eval(object, slots)?;
                if *optional && object.is_nullish() {
                    return Err(Stop::Short);
                }
                let key = self.eval(key, slots)?;
                return index(&object, &key);
            }
            Expr::Chain(inner) => match self.eval(inner, slots) {
                Err(Stop::Short) => Val::Undefined,
                other => return other,
            },
            Expr::Not(e) => Val::Bool(!self.eval(e, slots)?.truthy()),
            Expr::Negate(e) => Val::Number(-self.eval(e, slots)?.to_number()?),
            Expr::ToNumber(e) => Val::Number(self.eval(e, slots)?.to_number()?),
            Expr::Typeof(e) => Val::Text(Cow::Borrowed(self.eval(e, slots)?.kind())),
            Expr::Void(e) => {
                self.eval(e, slots)?;
                Val::Undefined
            }
            Expr::Binary(operator, a, b) => {
                let a = self.eval(a, slots)?;
                let b = self.eval(b, slots)?;
                return binary(*operator, &a, &b);
            }
            Expr::And(a, b) => {
                let a = self.eval(a, slots)?;
                if a.truthy() { return self.eval(b, slots) } else { a }
            }
            Expr::Or(a, b) => {
                let a = self.eval(a, slots)?;
                if a.truthy() { a } else { return self.eval(b, slots) }
            }
            Expr::Coalesce(a, b) => {
                let a = self.eval(a, slots)?;
                if a.is_nullish() { return self.eval(b, slots) } else { a }
            }
            Expr::Conditional(test, a, b) => {
                let branch = if self.eval(test, slots)?.truthy() { a } else { b };
                return self.eval(branch, slots);
            }
            Expr::Template(pieces, expressions) => {
                let mut text = String::new();
                for (i, piece) in pieces.iter().enumerate() {
                    text.push_str(piece);
                    if let Some(e) = expressions.get(i) {
                        text.push_str(&self.eval(e, slots)?.to_text()?);
                    }
                    bounded(text.len())?;
                }
                Val::Text(Cow::Owned(text))
            }
            Expr::Array(items) => {
                let items: Result<Vec<_>, Stop> =
                    items.iter().map(|i| self.eval(i, slots)).collect();
                Val::Array(items?.into())
            }
            Expr::Call { method, receiver, argument, optional } => {
                return self.call(*method, receiver, argument, *optional, slots);
            }
            Expr::Each { quantifier, receiver, item, index, body, optional } => {
                let receiver = self.eval(receiver, slots)?;
                if receiver.is_nullish() {
                    return Err(nothing(*optional, "some"));
                }
                return self.each(*quantifier, &receiver, (*item, *index), body, slots);
            }
            Expr::Inline { arguments, body } => {
                // All arguments first: a helper may be called with the caller's own slots.
                let mut values = Vec::with_capacity(arguments.len());
                for (slot, e) in arguments {
                    values.push((*slot, self.eval(e, slots)?));
                }
                for (slot, value) in values {
                    if let Some(slot) = slot {
                        slots[slot] = value;
                    }
                }
                self.body(body, slots)?.unwrap_or(Val::Undefined)
            }
            Expr::Object(_) => return Err(Stop::Bail),
            Expr::Read(kind, arguments) => return self.read(*kind, arguments, slots),
        })
    }

    fn call(
        &mut self,
        method: Method,
        receiver: &'v Expr,
        argument: &'v Expr,
        optional: bool,
        slots: &mut [Val<'v>],
    ) -> Result<Val<'v>, Stop> {
        // A list of literals needs no list: its items cannot fail and are cheap to look at.
        if let (Method::Includes, Expr::Array(items)) = (method, receiver)
            && items.iter().all(Expr::is_literal)
        {
            let wanted = self.eval(argument, slots)?;
            for item in items {
                if same_value_zero(&self.eval(item, slots)?, &wanted) {
                    return Ok(Val::Bool(true));
                }
            }
            return Ok(Val::Bool(false));
        }
        let receiver = self.eval(receiver, slots)?;
        if receiver.is_nullish() {
            return Err(nothing(optional, "includes"));
        }
        let argument = self.eval(argument, slots)?;
        if let Val::Json(Value::Array(items)) = &receiver {
            self.spend(items.len())?;
        }
        call(method, &receiver, &argument)
    }

    fn each(
        &mut self,
        quantifier: Quantifier,
        receiver: &Val<'v>,
        (item, index): (Option<usize>, Option<usize>),
        body: &'v Body,
        slots: &mut [Val<'v>],
    ) -> Result<Val<'v>, Stop> {
        let length = match receiver {
            Val::Json(Value::Array(items)) => items.len(),
            Val::Array(items) => items.len(),
            _ => return Err(Stop::Bail),
        };
        for i in 0..length {
            let value = match receiver {
                Val::Json(Value::Array(items)) => Val::of(&items[i]),
                Val::Array(items) => items[i].clone(),
                _ => return Err(Stop::Bail),
            };
            if let Some(slot) = index {
                slots[slot] = Val::Number(i as f64);
            }
            if let Some(slot) = item {
                slots[slot] = value.clone();
            }
            let holds = self.body(body, slots)?.is_some_and(|v| v.truthy());
            match quantifier {
                Quantifier::Some if holds => return Ok(Val::Bool(true)),
                Quantifier::Every if !holds => return Ok(Val::Bool(false)),
                Quantifier::Find if holds => return Ok(value),
                _ => {}
            }
        }
        Ok(match quantifier {
            Quantifier::Some => Val::Bool(false),
            Quantifier::Every => Val::Bool(true),
            Quantifier::Find => Val::Undefined,
        })
    }

    fn read(
        &mut self,
        kind: ReadKind,
        arguments: &'v [Expr],
        slots: &mut [Val<'v>],
    ) -> Result<Val<'v>, Stop> {
        let mut json = Vec::with_capacity(2);
        for argument in arguments {
            json.push(self.json(argument, slots)?);
        }
        if let Some(answer) = self.answers.get(self.next) {
            self.next += 1;
            return match answer {
                Ok(value) => Ok(Val::of(value)),
                Err(message) => Err(Stop::Throw(message.clone())),
            };
        }
        DbRead::build(kind, json).map_or_else(|m| Err(Stop::Throw(m)), |read| Err(Stop::Need(read)))
    }

    /// An argument of a read as JSON, where objects may be written out.
    fn json(&mut self, e: &'v Expr, slots: &mut [Val<'v>]) -> Result<Option<Value>, Stop> {
        let Expr::Object(properties) = e else { return Ok(self.eval(e, slots)?.to_json()) };
        let mut map = serde_json::Map::new();
        for (key, value) in properties {
            if let Some(value) = self.json(value, slots)? {
                map.insert(key.to_string(), value);
            }
        }
        Ok(Some(Value::Object(map)))
    }

    fn spend(&mut self, fuel: usize) -> Result<(), Stop> {
        let fuel = u32::try_from(fuel).map_err(|_| Stop::Bail)?;
        self.fuel = self.fuel.checked_sub(fuel).ok_or(Stop::Bail)?;
        Ok(())
    }
}
