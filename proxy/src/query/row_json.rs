//! How do rows become records?
//!
//! Rows arrive as JSON text. They stay text unless a rule or a projection has to look inside.
//! What no client could decode is text in them.

use crate::db::Row;
use crate::error::{Error, Result};
use crate::json::{self, Numbers};
use crate::query::column::DOCUMENT;
use crate::query::cursor::Position;
use crate::query::page::Page;
use edgebase_blocks::{FieldType, Table};
use indexmap::IndexMap;
use serde::Deserializer;
use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use std::fmt;

/// A record as text, with its id.
#[derive(Clone, Debug)]
pub struct Record {
    /// JSON.
    pub text: String,
    /// The row's key.
    pub id: String,
}

/// The record in a row of a read or write statement.
///
/// # Errors
/// Never, unless a statement and this function disagree.
pub fn record(table: &Table, row: &Row) -> Result<Record> {
    let text: &str = row.try_get(0).map_err(Error::internal)?;
    let id: String = row.try_get(1).map_err(Error::internal)?;
    Ok(Record { text: shown(table, text)?, id })
}

/// A record as it is shown, of the text that a statement gives.
///
/// # Errors
/// As [`record`].
pub fn shown(table: &Table, text: &str) -> Result<String> {
    // The record is one level, and the document of a schemaless table another.
    Ok(if table.is_schemaless() {
        flatten(&json::presentable(text, json::MAX_DEPTH + 2, Numbers::InRange))
            .map_err(Error::internal)?
    } else if table.columns().any(|(_, kind)| kind == FieldType::Json) {
        json::presentable(text, json::MAX_DEPTH + 1, Numbers::InRange).into_owned()
    } else {
        text.to_owned()
    })
}

/// Where a row of a page stands; `values` is the number of the column with its sort values.
///
/// # Errors
/// As [`record`].
pub fn position(page: &Page, row: &Row, values: usize) -> Result<Position> {
    let id: &str = row.try_get(1).map_err(Error::internal)?;
    let values: &str = match page.is_sorted() {
        true => row.try_get(values).map_err(Error::internal)?,
        false => "",
    };
    page.position(values, id)
}

/// The records of all rows.
///
/// # Errors
/// As [`record`].
pub fn records(table: &Table, rows: &[Row]) -> Result<Vec<Record>> {
    rows.iter().map(|row| record(table, row)).collect()
}

/// The record in a row as a value, for rules.
///
/// # Errors
/// As [`record`].
pub fn decode_row(table: &Table, row: &Row) -> Result<Value> {
    decode(&record(table, row)?)
}

/// A record as a value.
///
/// # Errors
/// Never: Postgres made the text.
pub fn decode(record: &Record) -> Result<Value> {
    serde_json::from_str(&record.text).map_err(Error::internal)
}

/// Some fields of a record; the rest is skipped, not decoded.
///
/// # Errors
/// Never: Postgres made the text.
pub fn decode_fields<S: AsRef<str>>(record: &Record, fields: &[S]) -> Result<Value> {
    let mut reader = serde_json::Deserializer::from_str(&record.text);
    reader.deserialize_map(Fields(fields)).map(Value::Object).map_err(Error::internal)
}

/// Reads a map as far as these fields go.
struct Fields<'a, S>(&'a [S]);

impl<'de, S: AsRef<str>> Visitor<'de> for Fields<'_, S> {
    type Value = Map<String, Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a record")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut record: A) -> Result<Self::Value, A::Error> {
        let mut some = Map::with_capacity(self.0.len());
        while let Some(wanted) = record.next_key_seed(Wanted(self.0))? {
            match wanted {
                Some(name) => drop(some.insert(name, record.next_value()?)),
                None => drop(record.next_value::<IgnoredAny>()?),
            }
        }
        Ok(some)
    }
}

/// Reads a key; `None` when it is none of these fields.
struct Wanted<'a, S>(&'a [S]);

impl<'de, S: AsRef<str>> DeserializeSeed<'de> for Wanted<'_, S> {
    type Value = Option<String>;

    fn deserialize<D: Deserializer<'de>>(self, key: D) -> Result<Self::Value, D::Error> {
        key.deserialize_str(self)
    }
}

impl<S: AsRef<str>> Visitor<'_> for Wanted<'_, S> {
    type Value = Option<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a field's name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self.0.iter().any(|field| field.as_ref() == name).then(|| name.to_owned()))
    }
}

/// Lifts the keys of a schemaless table's document beside the auto fields; values stay as written.
fn flatten(text: &str) -> serde_json::Result<String> {
    let mut record: IndexMap<String, &RawValue> = serde_json::from_str(text)?;
    let document = record.shift_remove(DOCUMENT).filter(|raw| raw.get().starts_with('{'));
    if let Some(document) = document {
        let document: IndexMap<String, &RawValue> = serde_json::from_str(document.get())?;
        for (key, value) in document {
            record.entry(key).or_insert(value);
        }
    }
    serde_json::to_string(&record)
}

/// Only the named fields of a record, in the record's order.
#[must_use]
pub fn project(value: &Value, fields: &[String]) -> Value {
    let map: Map<String, Value> = value
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(key, _)| fields.contains(key))
        .map(|(k, v)| (k.clone(), v.clone()))
        .collect();
    Value::Object(map)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_decoded_as_far_as_asked_for() {
        let text = r#"{"id":"a","o\"wner":"u1","deep":{"id":1},"n":2.5}"#;
        let record = Record { text: text.into(), id: "a".into() };
        let all = decode(&record).unwrap();
        assert_eq!(
            decode_fields(&record, &["n", "o\"wner", "none"]).unwrap(),
            project(&all, &["n".into(), "o\"wner".into()])
        );
        assert_eq!(decode_fields::<&str>(&record, &[]).unwrap(), serde_json::json!({}));
    }
}
