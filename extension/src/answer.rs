//! What does a SQL function give back?

use serde_json::Value;

/// The result of a SQL function of ours.
#[derive(Debug)]
pub enum Answer {
    /// `void`
    Nothing,
    /// SQL null.
    Null,
    /// `text`
    Text(String),
    /// `jsonb`
    Json(Value),
    /// `boolean`
    Bool(bool),
    /// `integer`
    Int(i32),
    /// `bigint`, or `timestamptz` in microseconds since 2000
    Big(i64),
}
