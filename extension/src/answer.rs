//! What does a SQL function give back?

use pgrx::datum::{IntoDatum, JsonB};
use pgrx::pg_sys::Datum;
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

impl Answer {
    /// The same as PostgreSQL has it; nothing for null.
    pub fn datum(self) -> Option<Datum> {
        match self {
            Self::Nothing | Self::Null => None,
            Self::Text(text) => text.into_datum(),
            Self::Json(json) => JsonB(json).into_datum(),
            Self::Bool(yes) => yes.into_datum(),
            Self::Int(n) => n.into_datum(),
            Self::Big(n) => n.into_datum(),
        }
    }
}
