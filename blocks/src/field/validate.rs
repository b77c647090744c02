//! Can a field be made as it is declared, and can it hold what it is to hold?
//!
//! After [`Field::validate`] the name is one that a column can have, the options fit the type, some
//! value passes them, and the default is such a value, patterns and conditions aside.

use super::{Field, FieldType};
use crate::config::{ConfigError, Problems};
use crate::fit;
use crate::limits::SYSTEM_COLUMNS;
use crate::name;
use serde_json::Value;

impl Field {
    pub(crate) fn validate(&self, problems: &Problems) -> Result<(), ConfigError> {
        match self.mistake() {
            None => Ok(()),
            Some(message) => Err(problems.at(&["schema", &self.name], message)),
        }
    }

    fn mistake(&self) -> Option<String> {
        if let Err(e) = name::identifier(&self.name) {
            return Some(format!("field name '{}' {e}", self.name));
        }
        if self.name == "_doc" {
            return Some("the field name '_doc' is kept for schemaless tables".into());
        }
        if SYSTEM_COLUMNS.contains(&self.name.as_str()) {
            return Some(format!(
                "PostgreSQL has a column '{}' of its own in every table; choose another name",
                self.name
            ));
        }
        if self.choices.is_some() && !self.kind.is_text() {
            return Some("'enum' applies to string and text fields only".into());
        }
        if self.pattern.is_some() && !self.kind.is_text() {
            return Some("'pattern' applies to string and text fields only".into());
        }
        if self.touched_on_update && self.kind != FieldType::Datetime {
            return Some("onUpdate: 'now' applies to datetime fields only".into());
        }
        if let (Some(min), Some(max)) = (self.min, self.max)
            && min > max
        {
            return Some(format!("min {min} is greater than max {max}"));
        }
        if let Some(max) = self.max.filter(|max| self.kind.is_text() && *max < 0.0) {
            return Some(format!("max {max}: no text has a length below zero"));
        }
        self.mistaken_choices().or_else(|| self.mistaken_default())
    }

    fn mistaken_choices(&self) -> Option<String> {
        let choices = self.choices.as_ref()?;
        if choices.iter().any(|choice| choice.contains('\0')) {
            return Some("enum has a text with a NUL character, which cannot be stored".into());
        }
        if choices.iter().all(|choice| self.reason_against(&choice.as_str().into()).is_some()) {
            return Some("no value of enum can be stored: name some that min and max allow".into());
        }
        None
    }

    fn mistaken_default(&self) -> Option<String> {
        let value = self.default.as_ref()?;
        let reason = self.reason_against(value)?;
        Some(format!("the default {} does not fit its field: {reason}", shown(value)))
    }

    /// Why a value does not fit, the pattern aside.
    pub(crate) fn reason_against(&self, value: &Value) -> Option<String> {
        fit::reason_against(self, value, |_, _| None)
    }
}

/// A value as messages quote it.
pub(crate) fn shown(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(60) {
        None => text,
        Some((end, _)) => format!("{}...", &text[..end]),
    }
}

#[cfg(test)]
mod tests {
    use crate::Config;
    use serde_json::{Value, json};

    fn field(name: &str, field: Value) -> Result<Config, String> {
        let tables = json!({"t": {"schema": {name: field}}});
        Config::from_json(&json!({"databases": {"app": {"tables": tables}}}))
            .map_err(|e| e.to_string())
    }

    #[test]
    fn a_default_that_its_own_field_refuses_is_refused() {
        for (spec, reason) in [
            (json!({"type": "string", "default": 1}), "Must be a string."),
            (json!({"type": "boolean", "default": "true"}), "Must be a boolean."),
            (json!({"type": "number", "default": "1"}), "Must be a number."),
            (json!({"type": "number", "default": 5, "max": 4}), "Must be at most 4."),
            (json!({"type": "number", "default": 5, "min": 5.5}), "Must be at least 5.5."),
            (json!({"type": "text", "default": "abc", "max": 2}), "at most 2 characters."),
            (json!({"type": "text", "default": "😀", "max": 1}), "at most 1 characters."),
            (json!({"type": "text", "default": "", "min": 1}), "at least 1 characters."),
            (json!({"type": "string", "default": "c", "enum": ["a", "b"]}), "one of: a, b"),
            (json!({"type": "string", "default": "a\u{0}"}), "NUL"),
            (json!({"type": "json", "default": {"a\u{0}": [1]}}), "NUL"),
            (json!({"type": "json", "default": [{"k": "\u{0}"}]}), "NUL"),
            (json!({"type": "datetime", "default": 5}), "datetime string."),
            (json!({"type": "datetime", "default": "soon"}), "Invalid datetime format."),
            (json!({"type": "datetime", "default": "now"}), "Invalid datetime format."),
            (json!({"type": "datetime", "default": "2024-02-30"}), "Invalid datetime format."),
            (json!({"type": "datetime", "default": "infinity"}), "Invalid datetime format."),
            (json!({"type": "datetime", "default": "+012000-01-01"}), "years 1 to 9999."),
        ] {
            let error = field("a", spec.clone()).expect_err(&spec.to_string());
            let place = "databases.app.tables.t.schema.a: ";
            assert!(error.starts_with(place) && error.contains(reason), "{spec}: {error}");
        }
        let mut deep = json!(1);
        for _ in 0..101 {
            deep = json!([deep]);
        }
        assert!(field("a", json!({"type": "json", "default": deep})).unwrap_err().contains("100"));
        for good in [
            json!({"type": "string", "default": "", "min": 0}),
            json!({"type": "string", "default": "😀", "min": 2, "max": 2}),
            json!({"type": "number", "default": -1.5, "min": -2, "max": 0}),
            json!({"type": "datetime", "default": "Mon, 23 Nov 2026 10:00:00 GMT"}),
            json!({"type": "json", "default": {"a": [null, 1.5, "x"]}}),
        ] {
            assert!(field("a", good.clone()).is_ok(), "{good}");
        }
    }

    #[test]
    fn options_that_no_value_passes_are_refused() {
        for (spec, words) in [
            (json!({"type": "string", "enum": []}), "no value of enum"),
            (json!({"type": "string", "enum": ["long"], "max": 3}), "no value of enum"),
            (json!({"type": "string", "enum": ["a", "b\u{0}"]}), "NUL"),
            (json!({"type": "string", "max": -1}), "below zero"),
            (json!({"type": "number", "min": 2, "max": 1}), "min 2 is greater than max 1"),
            (json!({"type": "number", "onUpdate": "now"}), "datetime fields only"),
            (json!({"type": "datetime", "onUpdate": "later"}), "unknown variant"),
            (json!({"type": "number", "enum": ["1"]}), "string and text fields only"),
            (json!({"type": "json", "pattern": "a"}), "string and text fields only"),
        ] {
            let error = field("a", spec.clone()).expect_err(&spec.to_string());
            assert!(error.contains(words), "{spec}: {error}");
        }
        assert!(field("a", json!({"type": "number", "max": -1})).is_ok());
        assert!(field("a", json!({"type": "datetime", "onUpdate": "now"})).is_ok());
    }

    #[test]
    fn columns_that_postgresql_has_already_are_refused() {
        for name in ["ctid", "xmin", "xmax", "cmin", "cmax", "tableoid"] {
            let error = field(name, json!("string")).expect_err(name);
            assert!(error.contains("of its own"), "{error}");
        }
        for name in ["oid", "XMIN", "Mixed Case", "sp\"ecial", "😀", "select"] {
            assert!(field(name, json!("string")).is_ok(), "{name}");
        }
    }
}
