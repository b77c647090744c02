//! When are two values equal, and which comes first?
//!
//! The three equalities of ECMAScript and its relational comparison. Text is compared by
//! UTF-16 units, which orders differently from UTF-8 where surrogate pairs meet U+E000 to
//! U+FFFF.

use super::value::{NotPrimitive, Val};
use std::cmp::Ordering;
use std::rc::Rc;

/// `===`.
pub(crate) fn strict(a: &Val<'_>, b: &Val<'_>) -> bool {
    match (a, b) {
        (Val::Undefined, Val::Undefined) | (Val::Null, Val::Null) => true,
        (Val::Bool(a), Val::Bool(b)) => a == b,
        (Val::Number(a), Val::Number(b)) => a == b,
        (Val::Text(a), Val::Text(b)) => a == b,
        (Val::Json(a), Val::Json(b)) => std::ptr::eq(*a, *b),
        (Val::Array(a), Val::Array(b)) => Rc::ptr_eq(a, b),
        _ => false,
    }
}

/// The equality of `includes`.
pub(crate) fn same_value_zero(a: &Val<'_>, b: &Val<'_>) -> bool {
    match (a, b) {
        (Val::Number(a), Val::Number(b)) => a == b || (a.is_nan() && b.is_nan()),
        _ => strict(a, b),
    }
}

/// `==`.
pub(super) fn loose(a: &Val<'_>, b: &Val<'_>) -> Result<bool, NotPrimitive> {
    use Val::{Array, Bool, Json, Number, Text};
    Ok(match (a, b) {
        (a, b) if a.is_nullish() || b.is_nullish() => a.is_nullish() && b.is_nullish(),
        (Json(_) | Array(_), Json(_) | Array(_))
        | (Bool(_), Bool(_))
        | (Number(_), Number(_))
        | (Text(_), Text(_)) => strict(a, b),
        (Json(_) | Array(_), _) | (_, Json(_) | Array(_)) => return Err(NotPrimitive),
        _ => a.to_number()? == b.to_number()?,
    })
}

/// The order of two values; `None` when they have none, as with `NaN`.
pub(super) fn order(a: &Val<'_>, b: &Val<'_>) -> Result<Option<Ordering>, NotPrimitive> {
    if let (Val::Text(a), Val::Text(b)) = (a, b) {
        return Ok(Some(utf16_order(a, b)));
    }
    Ok(a.to_number()?.partial_cmp(&b.to_number()?))
}

fn utf16_order(a: &str, b: &str) -> Ordering {
    if a.is_ascii() || b.is_ascii() {
        // Units and bytes order alike as long as one side stays below U+0080.
        return a.cmp(b);
    }
    a.encode_utf16().cmp(b.encode_utf16())
}

/// `text.length`.
pub(super) fn utf16_length(text: &str) -> f64 {
    if text.is_ascii() { text.len() as f64 } else { text.encode_utf16().count() as f64 }
}
