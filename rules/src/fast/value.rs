//! What is a value while a rule is evaluated natively?
//!
//! Primitives by value, text borrowed where it can be, objects and arrays as references into
//! the JSON they came in. Nothing is copied and nothing can be changed.

use super::number;
use serde_json::Value;
use std::borrow::Cow;
use std::rc::Rc;

/// A JavaScript value of the subset.
#[derive(Clone, Debug)]
pub(crate) enum Val<'v> {
    Undefined,
    Null,
    Bool(bool),
    Number(f64),
    Text(Cow<'v, str>),
    /// An array or object of the input.
    Json(&'v Value),
    /// An array literal of the rule.
    Array(Rc<[Val<'v>]>),
}

/// An object where a primitive is needed: its `toString` could be anything.
pub(crate) struct NotPrimitive;

impl<'v> Val<'v> {
    pub fn of(json: &'v Value) -> Self {
        match json {
            Value::Null => Self::Null,
            Value::Bool(b) => Self::Bool(*b),
            Value::Number(n) => Self::Number(n.as_f64().unwrap_or(f64::NAN)),
            Value::String(s) => Self::Text(Cow::Borrowed(s)),
            Value::Array(_) | Value::Object(_) => Self::Json(json),
        }
    }

    pub fn truthy(&self) -> bool {
        match self {
            Self::Undefined | Self::Null => false,
            Self::Bool(b) => *b,
            Self::Number(n) => *n != 0.0 && !n.is_nan(),
            Self::Text(t) => !t.is_empty(),
            Self::Json(_) | Self::Array(_) => true,
        }
    }

    pub fn is_nullish(&self) -> bool {
        matches!(self, Self::Undefined | Self::Null)
    }

    pub fn kind(&self) -> &'static str {
        match self {
            Self::Undefined => "undefined",
            Self::Null | Self::Json(_) | Self::Array(_) => "object",
            Self::Bool(_) => "boolean",
            Self::Number(_) => "number",
            Self::Text(_) => "string",
        }
    }

    pub fn to_number(&self) -> Result<f64, NotPrimitive> {
        match self {
            Self::Undefined => Ok(f64::NAN),
            Self::Null => Ok(0.0),
            Self::Bool(b) => Ok(f64::from(u8::from(*b))),
            Self::Number(n) => Ok(*n),
            Self::Text(t) => number::from_text(t).ok_or(NotPrimitive),
            Self::Json(_) | Self::Array(_) => Err(NotPrimitive),
        }
    }

    pub fn to_text(&self) -> Result<Cow<'v, str>, NotPrimitive> {
        match self {
            Self::Undefined => Ok(Cow::Borrowed("undefined")),
            Self::Null => Ok(Cow::Borrowed("null")),
            Self::Bool(b) => Ok(Cow::Borrowed(if *b { "true" } else { "false" })),
            Self::Number(n) => Ok(number::to_text(*n)),
            Self::Text(t) => Ok(t.clone()),
            Self::Json(_) | Self::Array(_) => Err(NotPrimitive),
        }
    }

    /// The value as JSON, for the arguments of reads; `None` for `undefined`.
    pub fn to_json(&self) -> Option<Value> {
        match self {
            Self::Undefined => None,
            Self::Null => Some(Value::Null),
            Self::Bool(b) => Some(Value::Bool(*b)),
            Self::Number(n) => Some(number_to_json(*n)),
            Self::Text(t) => Some(Value::String(t.clone().into_owned())),
            Self::Json(json) => Some((*json).clone()),
            Self::Array(items) => {
                Some(Value::Array(items.iter().map(|i| i.to_json().unwrap_or_default()).collect()))
            }
        }
    }
}

#[cfg(test)]
impl Val<'_> {
    /// Kind and content.
    pub fn shown(&self) -> String {
        match self {
            Self::Undefined => "undefined".into(),
            Self::Null => "null".into(),
            Self::Bool(b) => format!("boolean {b}"),
            Self::Number(n) => crate::differential::shown_number(*n),
            Self::Text(t) => format!("text {t}"),
            Self::Json(_) | Self::Array(_) => {
                // Numbers as the engine writes them.
                format!("object {}", canonical(&self.to_json().unwrap_or_default()))
            }
        }
    }
}

/// Numbers in one spelling and keys in one order.
#[cfg(test)]
pub(crate) fn canonical(value: &Value) -> Value {
    match value {
        Value::Number(n) => n.as_f64().map_or(Value::Null, number_to_json),
        Value::Array(items) => items.iter().map(canonical).collect(),
        Value::Object(map) => {
            let mut sorted: Vec<_> = map.iter().map(|(k, v)| (k.clone(), canonical(v))).collect();
            sorted.sort_by(|a, b| a.0.cmp(&b.0));
            sorted.into_iter().collect()
        }
        other => other.clone(),
    }
}

/// A number as JSON: whole ones as integers, what JSON cannot hold as null.
pub(crate) fn number_to_json(number: f64) -> Value {
    if number.fract() == 0.0 && number.abs() < 9_007_199_254_740_992.0 {
        return Value::from(number as i64);
    }
    serde_json::Number::from_f64(number).map_or(Value::Null, Value::Number)
}
