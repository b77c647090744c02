//! What do operators and property reads give?
//!
//! Single steps over values, without recursion. What would call user code or convert an object
//! is left to the engine.

use super::equality::{loose, order, same_value_zero, strict, utf16_length};
use super::eval::Stop;
use super::number;
use super::tree::{Method, Operator};
use super::value::Val;
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::cmp::Ordering;

/// Text longer than this is left to the engine, which counts memory.
const LONGEST_TEXT: usize = 1 << 20;

/// Leaves text that has grown too long to the engine.
pub(crate) fn bounded(length: usize) -> Result<(), Stop> {
    if length > LONGEST_TEXT { Err(Stop::Bail) } else { Ok(()) }
}

/// What reading a property of nothing comes to.
pub(super) fn nothing(optional: bool, name: &str) -> Stop {
    if optional {
        Stop::Short
    } else {
        Stop::Throw(format!("cannot read property '{name}' of null or undefined"))
    }
}

/// `object.name`.
pub(crate) fn member<'v>(object: &Val<'v>, name: &str, optional: bool) -> Result<Val<'v>, Stop> {
    match object {
        Val::Json(Value::Object(map)) => match get(map, name) {
            Some(value) => Ok(Val::of(value)),
            None if inherited(name) => Err(Stop::Bail),
            None => Ok(Val::Undefined),
        },
        Val::Undefined | Val::Null => Err(nothing(optional, name)),
        Val::Json(Value::Array(items)) if name == "length" => Ok(Val::Number(items.len() as f64)),
        Val::Array(items) if name == "length" => Ok(Val::Number(items.len() as f64)),
        Val::Text(text) if name == "length" => Ok(Val::Number(utf16_length(text))),
        _ => Err(Stop::Bail),
    }
}

/// `object[key]`.
pub(crate) fn index<'v>(object: &Val<'v>, key: &Val<'v>) -> Result<Val<'v>, Stop> {
    if object.is_nullish() {
        return Err(nothing(false, "[]"));
    }
    match (object, key) {
        (_, Val::Text(name)) => member(object, name, false),
        (Val::Json(Value::Array(_)) | Val::Array(_), Val::Number(n)) => {
            if *n < 0.0 || n.fract() != 0.0 || *n >= f64::from(u32::MAX) {
                return Err(Stop::Bail);
            }
            let i = *n as usize;
            Ok(match object {
                Val::Json(Value::Array(items)) => items.get(i).map_or(Val::Undefined, Val::of),
                Val::Array(items) => items.get(i).cloned().unwrap_or(Val::Undefined),
                _ => return Err(Stop::Bail),
            })
        }
        (Val::Json(Value::Object(_)), Val::Number(n)) => {
            member(object, &number::to_text(*n), false)
        }
        _ => Err(Stop::Bail),
    }
}

/// Objects up to this size are searched, which beats hashing the name.
const SMALL: usize = 16;

fn get<'v>(map: &'v Map<String, Value>, name: &str) -> Option<&'v Value> {
    if map.len() > SMALL {
        return map.get(name);
    }
    map.iter().find(|(key, _)| *key == name).map(|(_, value)| value)
}

/// Names that an object has although it does not own them.
pub(crate) fn inherited(name: &str) -> bool {
    matches!(
        name,
        "constructor"
            | "hasOwnProperty"
            | "isPrototypeOf"
            | "propertyIsEnumerable"
            | "toLocaleString"
            | "toString"
            | "valueOf"
    ) || name.starts_with("__")
}

/// `a operator b`, both evaluated.
pub(crate) fn binary<'v>(operator: Operator, a: &Val<'v>, b: &Val<'v>) -> Result<Val<'v>, Stop> {
    let ordered = |holds: fn(Ordering) -> bool| -> Result<Val<'v>, Stop> {
        Ok(Val::Bool(order(a, b)?.is_some_and(holds)))
    };
    let number = |f: fn(f64, f64) -> f64| -> Result<Val<'v>, Stop> {
        Ok(Val::Number(f(a.to_number()?, b.to_number()?)))
    };
    match operator {
        Operator::StrictEqual => Ok(Val::Bool(strict(a, b))),
        Operator::StrictUnequal => Ok(Val::Bool(!strict(a, b))),
        Operator::Equal => Ok(Val::Bool(loose(a, b)?)),
        Operator::Unequal => Ok(Val::Bool(!loose(a, b)?)),
        Operator::Less => ordered(Ordering::is_lt),
        Operator::LessEqual => ordered(Ordering::is_le),
        Operator::Greater => ordered(Ordering::is_gt),
        Operator::GreaterEqual => ordered(Ordering::is_ge),
        Operator::Add if matches!(a, Val::Text(_)) || matches!(b, Val::Text(_)) => {
            let (a, b) = (a.to_text()?, b.to_text()?);
            bounded(a.len() + b.len())?;
            Ok(Val::Text(Cow::Owned(format!("{a}{b}"))))
        }
        Operator::Add => number(|a, b| a + b),
        Operator::Subtract => number(|a, b| a - b),
        Operator::Multiply => number(|a, b| a * b),
        Operator::Divide => number(|a, b| a / b),
        Operator::Remainder => number(|a, b| a % b),
    }
}

/// `receiver.method(argument)`; the receiver is not null or undefined.
pub(crate) fn call<'v>(
    method: Method,
    receiver: &Val<'v>,
    argument: &Val<'v>,
) -> Result<Val<'v>, Stop> {
    Ok(Val::Bool(match (receiver, method) {
        (Val::Json(Value::Array(items)), Method::Includes) => {
            items.iter().any(|i| same_value_zero(&Val::of(i), argument))
        }
        (Val::Array(items), Method::Includes) => items.iter().any(|i| same_value_zero(i, argument)),
        (Val::Text(text), method) => {
            let Val::Text(part) = argument else { return Err(Stop::Bail) };
            match method {
                Method::Includes => text.contains(&**part),
                Method::StartsWith => text.starts_with(&**part),
                Method::EndsWith => text.ends_with(&**part),
            }
        }
        _ => return Err(Stop::Bail),
    }))
}
