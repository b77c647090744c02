//! Does a value fit its field, and if not, why?
//!
//! Type, bounds, pattern and choices, with the contract's messages (7.4). Length and pattern are
//! taken as JavaScript takes them. What passes, the database can store.

use crate::datetime::Moment;
use crate::json;
use crate::pattern::{Budget, MAX_BACKTRACKED, Pattern, Unanswered};
use crate::query::value;
use edgebase_blocks::ddl::Check;
use edgebase_blocks::{Field, FieldType};
use serde_json::Value;

/// What is wrong with text that PostgreSQL cannot store.
pub(super) const NUL: &str = "Must not contain NUL characters.";

/// What is wrong with a value that could not be read again.
pub(super) fn deep() -> String {
    format!("Must not nest deeper than {} levels.", json::MAX_DEPTH)
}

/// Why a value does not fit its field; null fits every field that is not required.
pub(super) fn reason_against(field: &Field, value: &Value, budget: &Budget) -> Option<String> {
    if value.is_null() {
        return None;
    }
    if value::has_nul(value) {
        return Some(NUL.into());
    }
    match field.kind {
        FieldType::String | FieldType::Text => match value.as_str() {
            Some(text) => reason_against_text(field, text, budget),
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
        FieldType::Json if json::is_deep(value) => Some(deep()),
        FieldType::Boolean | FieldType::Json => None,
    }
}

/// What is wrong with a value that breaks this option of its field.
pub fn reason_of(field: &Field, check: Check) -> String {
    let unit = if field.kind.is_text() { " characters" } else { "" };
    let bound = |bound: Option<f64>| value::js_number(bound.unwrap_or_default());
    match check {
        Check::Min => format!("Must be at least {}{unit}.", bound(field.min)),
        Check::Max => format!("Must be at most {}{unit}.", bound(field.max)),
        Check::Choices => {
            format!("Must be one of: {}", field.choices.as_deref().unwrap_or_default().join(", "))
        }
        Check::Condition => "Must meet the 'check' of the field.".into(),
    }
}

fn reason_against_text(field: &Field, text: &str, budget: &Budget) -> Option<String> {
    // JavaScript counts UTF-16 units.
    #[allow(clippy::cast_precision_loss)] // lengths are far below 2^52
    let length = text.encode_utf16().count() as f64;
    if field.min.is_some_and(|min| length < min) {
        return Some(reason_of(field, Check::Min));
    }
    if field.max.is_some_and(|max| length > max) {
        return Some(reason_of(field, Check::Max));
    }
    if let Some(reason) = field.pattern.as_ref().and_then(|p| mismatch(p, text, budget)) {
        return Some(reason);
    }
    if field.choices.as_ref().is_some_and(|choices| !choices.iter().any(|c| c == text)) {
        return Some(reason_of(field, Check::Choices));
    }
    None
}

/// Why a text does not match its field's pattern. A pattern that does not compile matches nothing;
/// the config's check has already refused it.
fn mismatch(pattern: &str, text: &str, budget: &Budget) -> Option<String> {
    match Pattern::get(pattern).map(|compiled| compiled.matches(text, budget)) {
        Ok(Ok(true)) => None,
        Ok(Ok(false)) | Err(_) => Some(format!("Must match pattern: {pattern}")),
        Ok(Err(Unanswered::TooLong)) => Some(format!(
            "Must be at most {MAX_BACKTRACKED} characters to be compared with the pattern of this field."
        )),
        Ok(Err(Unanswered::TooMuchWork)) => Some(
            "Takes too many steps to compare with the pattern of this field. Send a shorter value, or fewer records at a time."
                .into(),
        ),
    }
}
