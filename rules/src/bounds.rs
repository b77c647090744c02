//! Is a value small enough to be given to JavaScript?
//!
//! Converting a value takes time and memory on a thread that others wait for, so it is measured
//! before any thread has it, and only as far as the function can see it. Measuring stops where a
//! bound is met, so it costs no more than a value within the bounds.

use crate::api::{Arg, Limits};
use crate::syntax::Mention;
use serde_json::Value;

/// What may still be converted at one time.
pub(crate) struct Room {
    values: usize,
    text: usize,
    depth: usize,
}

impl Room {
    pub fn new(limits: &Limits) -> Self {
        Self { values: limits.values, text: limits.text, depth: limits.depth }
    }

    /// Takes what a function with this mention can see of a value; false when it does not fit.
    pub fn take(&mut self, json: &Value, mention: &Mention) -> bool {
        match (json, mention) {
            (_, Mention::Unused) => true,
            (Value::Object(map), Mention::Fields(fields)) => fields
                .iter()
                .filter_map(|field| map.get(&**field))
                .all(|value| self.whole(value, 1)),
            _ => self.whole(json, 0),
        }
    }

    /// Takes all arguments of a function.
    pub fn take_arguments(&mut self, args: &[Arg], mentions: &[Mention]) -> bool {
        args.iter().enumerate().all(|(i, arg)| match arg {
            Arg::Json(json) => self.take(json, mentions.get(i).unwrap_or(&Mention::Unused)),
            Arg::Text(text) => self.text(text),
            Arg::Null | Arg::Undefined | Arg::Context(_) => true,
        })
    }

    fn whole(&mut self, json: &Value, depth: usize) -> bool {
        let Some(left) = self.values.checked_sub(1) else { return false };
        self.values = left;
        if depth > self.depth {
            return false;
        }
        match json {
            Value::Null | Value::Bool(_) | Value::Number(_) => true,
            Value::String(text) => self.text(text),
            Value::Array(items) => {
                items.len() <= self.values && items.iter().all(|item| self.whole(item, depth + 1))
            }
            Value::Object(map) => {
                map.len() <= self.values
                    && map.iter().all(|(key, v)| self.text(key) && self.whole(v, depth + 1))
            }
        }
    }

    fn text(&mut self, text: &str) -> bool {
        let left = self.text.checked_sub(text.len());
        self.text = left.unwrap_or(0);
        left.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn fits(json: &Value, mention: &Mention) -> bool {
        let limits = Limits { values: 10, text: 20, depth: 3, ..Limits::default() };
        Room::new(&limits).take(json, mention)
    }

    #[test]
    fn values_text_and_depth_are_bounded() {
        assert!(fits(&json!({"a": 1, "b": [1, 2, 3, 4, 5, 6, 7]}), &Mention::All));
        assert!(!fits(&json!({"a": 1, "b": [1, 2, 3, 4, 5, 6, 7, 8]}), &Mention::All));
        assert!(fits(&json!("12345678901234567890"), &Mention::All));
        assert!(!fits(&json!("123456789012345678901"), &Mention::All));
        assert!(!fits(&json!({"a long enough key which counts": 1}), &Mention::All));
        assert!(fits(&json!([[[1]]]), &Mention::All));
        assert!(!fits(&json!([[[[1]]]]), &Mention::All));
    }

    #[test]
    fn only_what_the_function_mentions_is_measured() {
        let row = json!({"owner": "u1", "blob": vec![json!({}); 1_000]});
        assert!(fits(&row, &Mention::Fields(vec!["owner".into()])));
        assert!(fits(&row, &Mention::Unused));
        assert!(!fits(&row, &Mention::Fields(vec!["blob".into()])));
        assert!(!fits(&row, &Mention::All));
    }

    #[test]
    fn several_values_share_the_room() {
        let mut room = Room::new(&Limits { values: 10, ..Limits::default() });
        let row = json!([1, 2, 3]);
        assert!(room.take(&row, &Mention::All) && room.take(&row, &Mention::All));
        assert!(!room.take(&row, &Mention::All));
    }
}
