//! Does a value fit its field, and if not, why?
//!
//! Type, bounds, pattern and choices, with the contract's messages (7.4). Length is counted as
//! JavaScript counts it. What passes, the database can store. Whether a text matches a pattern is
//! asked of the caller, who has the engine for it.

use crate::datetime::Moment;
use crate::ddl::Check;
use crate::depth::{MAX_DEPTH, is_deep};
use crate::field::{Field, FieldType};
use serde_json::Value;

/// What is wrong with text that PostgreSQL cannot store.
pub const NUL: &str = "Must not contain NUL characters.";

/// What is wrong with a value that could not be read again.
#[must_use]
pub fn deep() -> String {
    format!("Must not nest deeper than {MAX_DEPTH} levels.")
}

/// How JavaScript prints a number: `3`, not `3.0`.
#[must_use]
pub fn js_number(n: f64) -> String {
    if n == n.trunc() && n.abs() < 1e15 { format!("{n:.0}") } else { n.to_string() }
}

/// Whether a text of the value cannot be stored: Postgres has no NUL.
#[must_use]
pub fn has_nul(value: &Value) -> bool {
    match value {
        Value::String(s) => s.contains('\0'),
        Value::Array(items) => items.iter().any(has_nul),
        Value::Object(map) => map.iter().any(|(k, v)| k.contains('\0') || has_nul(v)),
        _ => false,
    }
}

/// Why a value does not fit its field; null fits every field that is not required.
/// `mismatch(pattern, text)` says why a text does not match the field's pattern.
pub fn reason_against(
    field: &Field,
    value: &Value,
    mismatch: impl FnOnce(&str, &str) -> Option<String>,
) -> Option<String> {
    if value.is_null() {
        return None;
    }
    if has_nul(value) {
        return Some(NUL.into());
    }
    match field.kind {
        FieldType::String | FieldType::Text => match value.as_str() {
            Some(text) => reason_against_text(field, text, mismatch),
            None => Some("Must be a string.".into()),
        },
        FieldType::Number => match value.as_f64() {
            Some(n) => match (field.min, field.max) {
                (Some(min), _) if n < min => Some(reason_of(field, Check::Min)),
                (_, Some(max)) if n > max => Some(reason_of(field, Check::Max)),
                _ => None,
            },
            None => Some("Must be a number.".into()),
        },
        FieldType::Boolean if !value.is_boolean() => Some("Must be a boolean.".into()),
        FieldType::Datetime => match value.as_str() {
            Some(text) => match Moment::parse(text) {
                Some(moment) if moment.is_storable() => None,
                Some(_) => Some("Must be in the years 1 to 9999.".into()),
                None => Some("Invalid datetime format.".into()),
            },
            None => Some("Must be a datetime string.".into()),
        },
        FieldType::Json if is_deep(value) => Some(deep()),
        FieldType::Boolean | FieldType::Json => None,
    }
}

/// What is wrong with a value that breaks this option of its field.
#[must_use]
pub fn reason_of(field: &Field, check: Check) -> String {
    let unit = if field.kind.is_text() { " characters" } else { "" };
    let bound = |bound: Option<f64>| js_number(bound.unwrap_or_default());
    match check {
        Check::Min => format!("Must be at least {}{unit}.", bound(field.min)),
        Check::Max => format!("Must be at most {}{unit}.", bound(field.max)),
        Check::Choices => {
            format!("Must be one of: {}", field.choices.as_deref().unwrap_or_default().join(", "))
        }
        Check::Condition => "Must meet the 'check' of the field.".into(),
    }
}

fn reason_against_text(
    field: &Field,
    text: &str,
    mismatch: impl FnOnce(&str, &str) -> Option<String>,
) -> Option<String> {
    // JavaScript counts UTF-16 units.
    #[allow(clippy::cast_precision_loss)] // lengths are far below 2^52
    let length = text.encode_utf16().count() as f64;
    if field.min.is_some_and(|min| length < min) {
        return Some(reason_of(field, Check::Min));
    }
    if field.max.is_some_and(|max| length > max) {
        return Some(reason_of(field, Check::Max));
    }
    if let Some(reason) = field.pattern.as_ref().and_then(|p| mismatch(p, text)) {
        return Some(reason);
    }
    if field.choices.as_ref().is_some_and(|choices| !choices.iter().any(|c| c == text)) {
        return Some(reason_of(field, Check::Choices));
    }
    None
}
