//! How deep may the JSON of a field nest?
//!
//! One bound for all who write, over HTTP, by an import and in a default of the config, so that
//! whatever was taken can be read again: parsers of clients give up at 128, and an answer adds a
//! few levels of its own.

use serde_json::Value;

/// Arrays and objects inside each other in one field.
pub const MAX_DEPTH: usize = 100;

/// Whether a field's value nests deeper than is taken.
#[must_use]
pub fn is_deep(value: &Value) -> bool {
    fn exceeds(value: &Value, left: usize) -> bool {
        let inside = |value: &Value| left == 0 || exceeds(value, left - 1);
        match value {
            Value::Array(items) => left == 0 || items.iter().any(inside),
            Value::Object(map) => left == 0 || map.values().any(inside),
            _ => false,
        }
    }
    exceeds(value, MAX_DEPTH)
}
