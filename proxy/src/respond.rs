//! How do rows become an answer?
//!
//! Rows arrive as JSON text. They stay text unless somebody has to look inside: a rule, a
//! projection, or the merging of a schemaless document. The list envelope always has its six
//! keys (the form every SDK reads).

use crate::db::Row;
use crate::error::{Error, Result};
use crate::query::column::DOCUMENT;
use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use edgebase_blocks::Table;
use serde_json::{Map, Value};

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
    let text: String = row.try_get(0).map_err(Error::internal)?;
    let id: String = row.try_get(1).map_err(Error::internal)?;
    if !table.is_schemaless() {
        return Ok(Record { text, id });
    }
    let flat = flatten(serde_json::from_str(&text).map_err(Error::internal)?);
    Ok(Record { text: flat.to_string(), id })
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

/// Lifts the keys of a schemaless table's document beside the auto fields.
fn flatten(value: Value) -> Value {
    let Value::Object(mut map) = value else { return value };
    if let Some(Value::Object(document)) = map.shift_remove(DOCUMENT) {
        for (key, value) in document {
            map.entry(key).or_insert(value);
        }
    }
    Value::Object(map)
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

/// The list envelope (contract 10.4).
#[derive(Debug)]
pub struct List {
    /// Records as JSON text.
    pub items: Vec<String>,
    /// Rows that match, when counted.
    pub total: Option<i64>,
    /// Whether there is a next page.
    pub has_more: bool,
    /// Where it begins.
    pub cursor: Option<String>,
    /// This page's number, null for searches.
    pub page: Option<i64>,
    /// Rows of a page.
    pub per_page: i64,
}

impl List {
    /// The answer.
    #[must_use]
    pub fn respond(self) -> Response {
        let number = |n: Option<i64>| n.map_or_else(|| "null".to_owned(), |n| n.to_string());
        let cursor = self.cursor.map_or(Value::Null, Value::from);
        json(
            StatusCode::OK,
            format!(
                r#"{{"items":[{}],"total":{},"hasMore":{},"cursor":{cursor},"page":{},"perPage":{}}}"#,
                self.items.join(","),
                number(self.total),
                self.has_more,
                number(self.page),
                self.per_page
            ),
        )
    }
}

/// A JSON answer from text that is JSON.
#[must_use]
pub fn json(status: StatusCode, text: String) -> Response {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
