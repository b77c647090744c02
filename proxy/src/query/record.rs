//! Is a body a legal record, or a legal change of one?
//!
//! Validation with the contract's messages (7.4, 7.5, 12.2). What passes is a list of
//! assignments that needs no further check; unknown fields are dropped, ids and server
//! timestamps are never taken from an update.

use crate::db::statement::Bind;
use crate::error::{Error, Result};
use crate::json;
use crate::pattern::Budget;
use crate::query::column::DOCUMENT;
use crate::query::fit::reason_against;
use crate::query::value;
use edgebase_blocks::fit::{NUL, deep};
use edgebase_blocks::name::{MAX_RECORD_ID, SHADOWED_RECORD_IDS, is_record_id};
use edgebase_blocks::table::AUTO_FIELDS;
use edgebase_blocks::{Field, FieldType, Table};
use serde_json::{Map, Value};
use uuid::Uuid;

/// A JSON object.
pub type Object = Map<String, Value>;

/// A new row: its id and the value of every user column, in column order.
#[derive(Clone, Debug, PartialEq)]
pub struct NewRow {
    /// Given by the client or made here.
    pub id: String,
    /// Whether the client gave it.
    pub has_own_id: bool,
    /// Column and value; absent fields have their default or NULL.
    pub values: Vec<(String, Bind)>,
    /// Names of the fields that were in the body, defaults not counted.
    pub given: Vec<String>,
}

/// What a change does to a column.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// Sets it.
    Set(Bind),
    /// Adds to it; a missing value counts as 0.
    Increment(f64),
    /// Sets a key of a schemaless table's document.
    SetKey(Value),
    /// Adds to a key of the document.
    IncrementKey(f64),
    /// Removes a key of the document.
    DropKey,
}

/// A checked change of existing rows, in field order.
pub type Changes = Vec<(String, Change)>;

/// Where the body stands, for the headline of a failure (contract 2, 13.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// POST of one record.
    Insert,
    /// PATCH.
    Update,
    /// `inserts` of a batch.
    BatchInsert,
    /// `updates` of a batch.
    BatchUpdate,
}

impl Place {
    fn failure(self, table: &Table, fields: Vec<(String, String)>) -> Error {
        let headline = match (self, fields.as_slice()) {
            (Self::Insert, [(field, reason)]) if field == "id" => {
                format!("Invalid record ID. {reason}")
            }
            (Self::Insert, [(field, reason)]) => format!("Invalid '{field}'. {reason}"),
            (Self::Insert, [(field, reason), ..]) => {
                format!("Request body failed validation. First issue: invalid '{field}'. {reason}")
            }
            (Self::Insert, []) => "Request body failed validation.".into(),
            (Self::Update, _) => format!(
                "Update payload for table '{}' failed validation. See data for field-level errors.",
                table.name
            ),
            (Self::BatchInsert, _) => format!(
                "Batch insert payload for table '{}' failed validation. See data for field-level errors.",
                table.name
            ),
            (Self::BatchUpdate, _) => format!(
                "Batch update payload for table '{}' failed validation. See data for field-level errors.",
                table.name
            ),
        };
        Error::Validation { headline, fields }
    }
}

/// Checks a body as a new record. What matching patterns costs is taken from the request's budget.
///
/// # Errors
/// All bad fields at once.
pub fn new_row(table: &Table, body: &Object, place: Place, budget: &Budget) -> Result<NewRow> {
    let mut issues = Vec::new();
    let is_shadowed = |id: &str| SHADOWED_RECORD_IDS.contains(&id);
    let (id, has_own_id) = match body.get("id") {
        None | Some(Value::Null) => (Uuid::now_v7().to_string(), false),
        Some(Value::String(s)) if s.is_empty() => (Uuid::now_v7().to_string(), false),
        Some(Value::String(s)) if is_record_id(s) && !is_shadowed(s) => (s.clone(), true),
        Some(other) => {
            let reason = match other.as_str() {
                None => "Record ID must be a string.",
                Some(id) if id.len() > MAX_RECORD_ID => "Record ID must be at most 255 characters.",
                Some(id) if is_shadowed(id) => {
                    "Record ID must not be count, search, . or .., which are no records in a path."
                }
                // The contract's words; `.`, `:` and `@` pass as well.
                Some(_) => {
                    "Record ID must use English letters, numbers, hyphen (-), or underscore (_)."
                }
            };
            issues.push(("id".to_owned(), reason.to_owned()));
            (String::new(), true)
        }
    };
    let mut values = Vec::new();
    let mut given = Vec::new();
    match &table.fields {
        Some(fields) => {
            for field in fields {
                let sent = body.get(&field.name);
                if sent.is_some() {
                    given.push(field.name.clone());
                }
                let value = sent.or(field.default.as_ref()).unwrap_or(&Value::Null);
                if value.is_null() && field.required && (sent.is_some() || field.default.is_none())
                {
                    issues.push((field.name.clone(), "Field is required.".into()));
                } else if let Some(reason) = reason_against(field, value, budget) {
                    issues.push((field.name.clone(), reason));
                } else {
                    values.push((field.name.clone(), value::stored(field.kind, value)));
                }
            }
        }
        None => {
            let document: Object = body
                .iter()
                .filter(|(k, _)| !AUTO_FIELDS.contains(&k.as_str()))
                .map(|(k, v)| (k.clone(), v.clone()))
                .collect();
            let document = Value::Object(document);
            let fields = document.as_object().into_iter().flatten();
            for (key, _) in fields.clone().filter(|(k, v)| k.contains('\0') || value::has_nul(v)) {
                issues.push((key.clone(), NUL.into()));
            }
            for (key, _) in fields.filter(|(_, value)| json::is_deep(value)) {
                issues.push((key.clone(), deep()));
            }
            given.push(DOCUMENT.into());
            values.push((DOCUMENT.to_owned(), Bind::Json(Some(document))));
        }
    }
    if issues.is_empty() {
        Ok(NewRow { id, has_own_id, values, given })
    } else {
        Err(place.failure(table, issues))
    }
}

/// Checks a body as a change of an existing record; only the keys sent count. What matching
/// patterns costs is taken from the request's budget.
///
/// # Errors
/// All bad fields at once.
pub fn changes(table: &Table, body: &Object, place: Place, budget: &Budget) -> Result<Changes> {
    let mut issues = Vec::new();
    let mut changes = Vec::new();
    match &table.fields {
        Some(fields) => {
            for field in fields {
                let Some(value) = body.get(&field.name) else { continue };
                refuse_unknown_operator(&field.name, value)?;
                match change(field, value, budget) {
                    Ok(change) => changes.push((field.name.clone(), change)),
                    Err(reason) => issues.push((field.name.clone(), reason)),
                }
            }
        }
        None => {
            for (key, value) in body.iter().filter(|(k, _)| !AUTO_FIELDS.contains(&k.as_str())) {
                refuse_unknown_operator(key, value)?;
                match key_change(key, value) {
                    Ok(change) => changes.push((key.clone(), change)),
                    Err(reason) => issues.push((key.clone(), reason)),
                }
            }
        }
    }
    if issues.is_empty() { Ok(changes) } else { Err(place.failure(table, issues)) }
}

enum Operator {
    Increment(f64),
    Delete,
}

/// The name in `{"$op": name, …}`; without a name the value is an ordinary one (contract 12.2).
fn operator_name(value: &Value) -> Option<&str> {
    value.get("$op")?.as_str()
}

/// Whether a value of a change is an operator, which says what to do with what is stored.
#[must_use]
pub fn is_operator(value: &Value) -> bool {
    operator_name(value).is_some()
}

/// An operator that does not exist, or that has a key which does not belong to it, is a mistake of
/// its own, whatever else the body holds.
fn refuse_unknown_operator(field: &str, value: &Value) -> Result<()> {
    let (Some(name), Some(operator)) = (operator_name(value), value.as_object()) else {
        return Ok(());
    };
    let (keys, taken): (&[&str], _) = match name {
        "increment" => (&["$op", "value"], "'value'"),
        "deleteField" => (&["$op"], "no other key"),
        _ => (&[], ""),
    };
    let reason = match operator.keys().find(|key| !keys.contains(&key.as_str())) {
        None => return Ok(()),
        Some(_) if keys.is_empty() => {
            format!("Unknown field operator '{name}'. Supported operators: increment, deleteField.")
        }
        Some(key) => {
            format!("The field operator '{name}' does not take '{key}'. It takes {taken}.")
        }
    };
    let fields = vec![(field.to_owned(), reason.clone())];
    Err(Error::Validation { headline: reason, fields })
}

/// The operator of a value that has passed [`refuse_unknown_operator`].
fn operator(value: &Value) -> std::result::Result<Option<Operator>, String> {
    match operator_name(value) {
        Some("increment") => match value.get("value") {
            None => Ok(Some(Operator::Increment(0.0))),
            Some(n) => n
                .as_f64()
                .map(|n| Some(Operator::Increment(n)))
                .ok_or_else(|| "Must be a number.".into()),
        },
        Some("deleteField") => Ok(Some(Operator::Delete)),
        _ => Ok(None),
    }
}

fn change(field: &Field, value: &Value, budget: &Budget) -> std::result::Result<Change, String> {
    match operator(value)? {
        Some(Operator::Increment(n)) if field.kind == FieldType::Number => Ok(Change::Increment(n)),
        Some(Operator::Increment(_)) => Err("Must be a number.".into()),
        Some(Operator::Delete) if field.required => {
            Err("Field is required and cannot be deleted.".into())
        }
        Some(Operator::Delete) => Ok(Change::Set(value::stored(field.kind, &Value::Null))),
        None if value.is_null() && field.required => {
            Err("Field is required and cannot be null.".into())
        }
        None => reason_against(field, value, budget)
            .map_or_else(|| Ok(Change::Set(value::stored(field.kind, value))), Err),
    }
}

fn key_change(key: &str, value: &Value) -> std::result::Result<Change, String> {
    if key.contains('\0') || value::has_nul(value) {
        return Err(NUL.into());
    }
    if json::is_deep(value) {
        return Err(deep());
    }
    Ok(match operator(value)? {
        Some(Operator::Increment(n)) => Change::IncrementKey(n),
        Some(Operator::Delete) => Change::DropKey,
        None => Change::SetKey(value.clone()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn table() -> Table {
        edgebase_blocks::StoredBlock::all_from_json(
            &json!({"databases": {"app": {"tables": {"t": {"schema": {
                "title": {"type": "string", "required": true, "min": 2, "max": 4},
                "views": {"type": "number", "default": 0, "max": 10},
                "kind": {"type": "string", "enum": ["a", "b"]},
                "code": {"type": "string", "pattern": "^[a-z]+$"},
                "at": "datetime", "on": "boolean", "meta": "json"
            }}}}}}),
        )
        .unwrap()
        .remove(0)
        .tables
        .remove(0)
    }

    fn issues(body: Value) -> (String, Vec<(String, String)>) {
        match new_row(&table(), body.as_object().unwrap(), Place::Insert, &Budget::default()) {
            Err(Error::Validation { headline, fields }) => (headline, fields),
            other => panic!("must be refused: {other:?}"),
        }
    }

    #[test]
    fn every_rule_has_the_contracts_words() {
        assert_eq!(issues(json!({})).0, "Invalid 'title'. Field is required.");
        let (headline, fields) = issues(
            json!({"title": 1, "views": "x", "kind": "c", "code": "A1", "at": "x", "on": 1}),
        );
        assert_eq!(
            headline,
            "Request body failed validation. First issue: invalid 'title'. Must be a string."
        );
        let reasons: Vec<_> = fields.iter().map(|(_, r)| r.as_str()).collect();
        assert_eq!(
            reasons,
            [
                "Must be a string.",
                "Must be a number.",
                "Must be one of: a, b",
                "Must match pattern: ^[a-z]+$",
                "Invalid datetime format.",
                "Must be a boolean."
            ]
        );
        assert_eq!(issues(json!({"title": "x"})).1[0].1, "Must be at least 2 characters.");
        assert_eq!(issues(json!({"title": "😀😀😀"})).1[0].1, "Must be at most 4 characters.");
        assert_eq!(issues(json!({"title": "ok", "views": 11})).1[0].1, "Must be at most 10.");
        assert_eq!(
            issues(json!({"title": "ok", "id": "a b"})).0.split('.').next(),
            Some("Invalid record ID")
        );
        assert_eq!(
            issues(json!({"title": "ok", "id": 5})).0,
            "Invalid record ID. Record ID must be a string."
        );
        assert_eq!(issues(json!({"title": "o\u{0}"})).1[0].1, NUL);
    }

    #[test]
    fn defaults_fill_absent_keys_but_an_explicit_null_stays() {
        let row = |body: Value| {
            new_row(&table(), body.as_object().unwrap(), Place::Insert, &Budget::default()).unwrap()
        };
        let views = |r: &NewRow| r.values.iter().find(|(n, _)| n == "views").unwrap().1.clone();
        assert_eq!(views(&row(json!({"title": "ok"}))), Bind::Number(Some(0.0)));
        assert_eq!(views(&row(json!({"title": "ok", "views": null}))), Bind::Number(None));
        assert_eq!(row(json!({"title": "ok", "id": ""})).id.len(), 36);
    }

    #[test]
    fn field_operators_change_and_unknown_ones_are_refused() {
        let table = table();
        let change = |body: Value| {
            changes(&table, body.as_object().unwrap(), Place::Update, &Budget::default())
        };
        assert_eq!(
            change(json!({"views": {"$op": "increment", "value": 2.5}, "id": "x", "nope": 1}))
                .unwrap(),
            [("views".to_owned(), Change::Increment(2.5))]
        );
        let reason = |body: Value| match change(body).unwrap_err() {
            Error::Validation { fields, .. } => fields[0].1.clone(),
            other => panic!("{other}"),
        };
        assert_eq!(
            reason(json!({"title": {"$op": "deleteField"}})),
            "Field is required and cannot be deleted."
        );
        assert_eq!(reason(json!({"title": null})), "Field is required and cannot be null.");
        assert_eq!(
            reason(json!({"views": {"$op": "push"}})),
            "Unknown field operator 'push'. Supported operators: increment, deleteField."
        );
    }
}
