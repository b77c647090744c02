//! How does a JSON value become a column's value?
//!
//! Writes are strict: no coercion (contract 7.5). Filters are lenient where clients rely on it:
//! a numeric string compares with a number column (contract 11). Datetimes are normalised to UTC
//! with milliseconds.

use crate::db::statement::Bind;
use edgebase_blocks::FieldType;
use edgebase_blocks::datetime::Moment;
pub use edgebase_blocks::fit::{has_nul, js_number};
use serde_json::Value;

/// The value of a column to be written; the value has passed validation.
#[must_use]
pub fn stored(kind: FieldType, value: &Value) -> Bind {
    match kind {
        FieldType::String | FieldType::Text => Bind::Text(value.as_str().map(str::to_owned)),
        FieldType::Datetime => {
            Bind::Text(value.as_str().and_then(Moment::parse).map(|m| m.to_string()))
        }
        FieldType::Number => Bind::Number(value.as_f64()),
        FieldType::Boolean => Bind::Bool(value.as_bool()),
        FieldType::Json => Bind::Json(Some(value.clone()).filter(|v| !v.is_null())),
    }
}

/// The operand of a comparison with a column of that type, or why it cannot be one.
///
/// # Errors
/// What the operand would have to be.
pub fn operand(kind: FieldType, value: &Value) -> Result<Bind, &'static str> {
    if has_nul(value) {
        return Err("a value without NUL characters");
    }
    match kind {
        FieldType::String | FieldType::Text => match value {
            Value::String(s) => Ok(Bind::text(s.clone())),
            Value::Number(n) => Ok(Bind::text(n.as_f64().map_or_else(|| n.to_string(), js_number))),
            Value::Bool(b) => Ok(Bind::text(b.to_string())),
            _ => Err("a string"),
        },
        FieldType::Number => number(value).map(|n| Bind::Number(Some(n))).ok_or("a number"),
        FieldType::Boolean => boolean(value).map(|b| Bind::Bool(Some(b))).ok_or("true or false"),
        FieldType::Datetime => match value.as_str().and_then(Moment::parse) {
            Some(moment) if moment.is_storable() => Ok(Bind::text(moment.to_string())),
            Some(_) => Err("a datetime of the years 1 to 9999"),
            None => Err("a datetime string"),
        },
        FieldType::Json => Ok(Bind::Json(Some(value.clone()))),
    }
}

/// A number, or a string that is one.
#[must_use]
pub fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(n) => n.as_f64(),
        Value::String(s) => s.trim().parse::<f64>().ok(),
        _ => None,
    }
    .filter(|n| n.is_finite())
}

fn boolean(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(b) => Some(*b),
        Value::Number(n) if n.as_f64() == Some(1.0) => Some(true),
        Value::Number(n) if n.as_f64() == Some(0.0) => Some(false),
        Value::String(s) => s.parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numeric_strings_compare_with_numbers_but_infinity_does_not() {
        assert_eq!(number(&"40".into()), Some(40.0));
        for bad in [
            Value::from("inf"),
            Value::from("NaN"),
            Value::from(""),
            Value::Null,
            Value::from(true),
        ] {
            assert_eq!(number(&bad), None);
        }
        assert_eq!(js_number(3.0), "3");
        assert_eq!(js_number(0.5), "0.5");
    }
}
