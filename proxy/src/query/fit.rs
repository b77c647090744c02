//! Does a value fit its field, and if not, why?
//!
//! Type, bounds, pattern and choices, with the contract's messages (7.4). Length and pattern are
//! taken as JavaScript takes them. What passes, the database can store.

use crate::query::value;
use edgebase_blocks::{Field, FieldType};
use regress::Regex;
use serde_json::Value;
use std::cell::RefCell;
use std::collections::HashMap;

/// What is wrong with text that PostgreSQL cannot store.
pub(super) const NUL: &str = "Must not contain NUL characters.";

/// Why a value does not fit its field; null fits every field that is not required.
pub(super) fn reason_against(field: &Field, value: &Value) -> Option<String> {
    if value.is_null() {
        return None;
    }
    if value::has_nul(value) {
        return Some(NUL.into());
    }
    match field.kind {
        FieldType::String | FieldType::Text => match value.as_str() {
            Some(text) => reason_against_text(field, text),
            None => Some("Must be a string.".into()),
        },
        FieldType::Number => match value.as_f64() {
            Some(n) => match (field.min, field.max) {
                (Some(min), _) if n < min => {
                    Some(format!("Must be at least {}.", value::js_number(min)))
                }
                (_, Some(max)) if n > max => {
                    Some(format!("Must be at most {}.", value::js_number(max)))
                }
                _ => None,
            },
            None => Some("Must be a number.".into()),
        },
        FieldType::Boolean if !value.is_boolean() => Some("Must be a boolean.".into()),
        FieldType::Datetime => match value.as_str() {
            Some(text) if value::datetime(text).is_some() => None,
            Some(_) => Some("Invalid datetime format.".into()),
            None => Some("Must be a datetime string.".into()),
        },
        FieldType::Boolean | FieldType::Json => None,
    }
}

fn reason_against_text(field: &Field, text: &str) -> Option<String> {
    // JavaScript counts UTF-16 units.
    #[allow(clippy::cast_precision_loss)] // lengths are far below 2^52
    let length = text.encode_utf16().count() as f64;
    if let Some(min) = field.min.filter(|min| length < *min) {
        return Some(format!("Must be at least {} characters.", value::js_number(min)));
    }
    if let Some(max) = field.max.filter(|max| length > *max) {
        return Some(format!("Must be at most {} characters.", value::js_number(max)));
    }
    if let Some(pattern) = field.pattern.as_ref().filter(|p| !matches(p, text)) {
        return Some(format!("Must match pattern: {pattern}"));
    }
    if let Some(choices) = field.choices.as_ref().filter(|c| !c.iter().any(|c| c == text)) {
        return Some(format!("Must be one of: {}", choices.join(", ")));
    }
    None
}

/// Unanchored JavaScript match. A pattern that does not compile matches nothing; the config's
/// check has already refused it.
fn matches(pattern: &str, text: &str) -> bool {
    thread_local! {
        static COMPILED: RefCell<HashMap<String, Option<Regex>>> = RefCell::default();
    }
    COMPILED.with_borrow_mut(|cache| {
        if cache.len() > 1_000 {
            cache.clear();
        }
        cache
            .entry(pattern.to_owned())
            .or_insert_with(|| {
                Regex::new(pattern).or_else(|_| Regex::with_flags(pattern, "u")).ok()
            })
            .as_ref()
            .is_some_and(|regex| regex.find(text).is_some())
    })
}
