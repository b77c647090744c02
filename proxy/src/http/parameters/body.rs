//! Are the keys of a body those that are described, and their values of the right kind?
//!
//! A key that is not described is refused and not passed over: a misspelt `orFilter` would delete
//! more than was meant.

use super::{Member, Shape};
use crate::error::{Error, Result};
use serde_json::{Map, Value};

/// Checks the keys of `body`, which the message calls `what`, and the type of each value. What is
/// inside of the values is for those to check who read them.
///
/// # Errors
/// 400 naming every key that is malformed.
pub fn check(body: &Map<String, Value>, what: &str, members: &[Member]) -> Result<()> {
    if let Some(key) = body.keys().find(|key| !members.iter().any(|m| m.name == key.as_str())) {
        let names: Vec<&str> = members.iter().map(|m| m.name).collect();
        return Err(Error::BadRequest(format!(
            "{what} does not take '{key}'. It takes {}.",
            names.join(", ")
        )));
    }
    let faults: Vec<String> = members.iter().filter_map(|m| m.fault(body.get(m.name))).collect();
    if faults.is_empty() { Ok(()) } else { Err(Error::BadRequest(faults.join(", "))) }
}

impl Member {
    /// What is wrong with a value, in the words of contract 2.
    fn fault(&self, value: Option<&Value>) -> Option<String> {
        let expected = match (&self.shape, value) {
            (_, None) if !self.required => return None,
            (Shape::Any, Some(_))
            | (Shape::Text | Shape::Id | Shape::Choice(_), Some(Value::String(_)))
            | (Shape::Limit, Some(Value::Number(_) | Value::Null))
            | (Shape::Record | Shape::Object(_), Some(Value::Object(_)))
            | (Shape::Conditions { .. } | Shape::List { .. }, Some(Value::Array(_))) => {
                return None;
            }
            (Shape::Any, None) => "a value",
            (Shape::Text | Shape::Id | Shape::Choice(_), _) => "string",
            (Shape::Limit, _) => "number",
            (Shape::Record | Shape::Object(_), _) => "record",
            (Shape::Conditions { .. } | Shape::List { .. }, _) => "array",
        };
        let received = match value {
            None => "undefined",
            Some(Value::Null) => "null",
            Some(Value::Bool(_)) => "boolean",
            Some(Value::Number(_)) => "number",
            Some(Value::String(_)) => "string",
            Some(Value::Array(_)) => "array",
            Some(Value::Object(_)) => "object",
        };
        let name = self.name;
        Some(format!("{name}: Invalid input: expected {expected}, received {received}"))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{BATCH, BATCH_BY_FILTER, SQL};
    use super::*;
    use serde_json::json;

    fn refusal(body: &Value, members: &[Member]) -> Option<String> {
        check(body.as_object().unwrap(), "It", members).err().map(|e| e.to_string())
    }

    #[test]
    fn keys_and_types_are_those_of_the_table() {
        assert_eq!(refusal(&json!({}), BATCH), None);
        assert_eq!(refusal(&json!({"inserts": [], "deletes": [1]}), BATCH), None);
        let null = "inserts: Invalid input: expected array, received null";
        assert_eq!(refusal(&json!({"inserts": null}), BATCH).as_deref(), Some(null));
        let unknown = "It does not take 'parms'. It takes namespace, id, sql, params.";
        assert_eq!(refusal(&json!({"sql": 5, "parms": []}), SQL).as_deref(), Some(unknown));
        let both = "namespace: Invalid input: expected string, received undefined, \
                    sql: Invalid input: expected string, received number";
        assert_eq!(refusal(&json!({"sql": 5}), SQL).as_deref(), Some(both));
        let bulk = |limit: Value| json!({"action": "delete", "filter": [], "limit": limit});
        assert_eq!(refusal(&bulk(Value::Null), BATCH_BY_FILTER), None);
        let limit = "limit: Invalid input: expected number, received string";
        assert_eq!(refusal(&bulk(json!("5")), BATCH_BY_FILTER).as_deref(), Some(limit));
    }
}
