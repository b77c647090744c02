//! Does a value fit its field, and if not, why?
//!
//! What the config's model says of values, with patterns compared in bounded work. What passes,
//! the database can store.

use crate::pattern::{Budget, MAX_BACKTRACKED, Pattern, Unanswered};
use edgebase_blocks::{Field, fit};
use serde_json::Value;

/// Why a value does not fit its field; null fits every field that is not required. What comparing
/// it with a pattern costs is taken from the request's budget.
#[must_use]
pub fn reason_against(field: &Field, value: &Value, budget: &Budget) -> Option<String> {
    fit::reason_against(field, value, |pattern, text| mismatch(pattern, text, budget))
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
