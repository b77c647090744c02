//! How do JSON parameters reach a statement whose types nobody knows, and rows come back?
//!
//! Parameters go as text of unknown type, so PostgreSQL infers the type and parses them itself.
//! Columns of plain types are read directly; any other is shaped into JSON by PostgreSQL, by
//! wrapping the statement in a common table expression. Every value has a JSON
//! form: what JSON has no form for, or a double cannot hold, is its text.

use crate::db::failure::{Failure, Refusal};
use crate::db::row::Row;
use crate::db::wire::{Column, Step};
use crate::db::{Bound, Transaction};
use crate::json::{self, Numbers};
use bytes::BytesMut;
use edgebase_blocks::timestamp;
use postgres_types::{Format, FromSql, IsNull, ToSql, Type, to_sql_checked};
use serde_json::{Map, Number, Value};
use std::borrow::Cow;
use std::collections::HashSet;
use std::error::Error as StdError;
use uuid::Uuid;

/// The largest result. It is answered three times, and held as values meanwhile.
const RESULT: Bound = Bound::Refuse(8 << 20);

/// A parameter as text; `None` is NULL.
#[derive(Debug)]
pub struct Param(Option<String>);

impl Param {
    /// A JSON value in the form that PostgreSQL's input functions read.
    pub fn new(value: &Value) -> Self {
        Self(match value {
            Value::Null => None,
            Value::String(s) => Some(s.clone()),
            other => Some(other.to_string()),
        })
    }
}

impl ToSql for Param {
    fn to_sql(
        &self,
        _: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn StdError + Sync + Send>> {
        Ok(match &self.0 {
            Some(text) => {
                out.extend_from_slice(text.as_bytes());
                IsNull::No
            }
            None => IsNull::Yes,
        })
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn encode_format(&self, _: &Type) -> Format {
        Format::Text
    }

    to_sql_checked!();
}

/// Rows as objects, the columns' names, and how many rows there are or were changed.
///
/// # Errors
/// PostgreSQL's.
pub async fn rows(
    transaction: &Transaction,
    text: &str,
    params: &[Param],
) -> Result<(Vec<Map<String, Value>>, Vec<String>, u64), Failure> {
    let columns = transaction.describe(text, &vec![Type::UNKNOWN; params.len()]).await?;
    let values = || params.iter().map(|p| (p as &(dyn ToSql + Sync), Type::UNKNOWN)).collect();
    let names: Vec<String> = columns.iter().map(|c| c.name.clone()).collect();
    if let Some(twice) = repeated(&names) {
        return Err(Failure::Refused(Box::new(Refusal {
            code: DUPLICATE_COLUMN.into(),
            message: format!(
                "column \"{twice}\" stands more than once in the result, whose rows are objects: name each column with AS"
            ),
            ..Refusal::default()
        })));
    }
    if columns.is_empty() {
        let reply = transaction.foreign(Step::foreign(text, values()).within(RESULT)).await?;
        return Ok((Vec::new(), names, reply.affected));
    }
    let is_shaped = |column: &Column| !column.kind.as_ref().is_some_and(is_plain);
    let text = if columns.iter().any(is_shaped) {
        Cow::Owned(wrapped(text, &columns.iter().map(is_shaped).collect::<Vec<_>>()))
    } else {
        Cow::Borrowed(text)
    };
    let reply = transaction.foreign(Step::foreign(&text, values()).within(RESULT)).await?;
    let objects: Vec<_> = reply
        .rows
        .iter()
        .map(|row| object(&columns, row))
        .collect::<Result<_, _>>()
        .map_err(|e| Failure::Broken(format!("a value cannot be read: {e}")))?;
    let count = objects.len() as u64;
    Ok((objects, names, count))
}

/// PostgreSQL's own code where a table would have two columns of one name.
const DUPLICATE_COLUMN: &str = "42701";

/// A name that two columns have: an object has room for one of them.
fn repeated(names: &[String]) -> Option<&str> {
    let mut seen = HashSet::with_capacity(names.len());
    names.iter().map(String::as_str).find(|name| !seen.insert(*name))
}

type ReadError = Box<dyn StdError + Sync + Send>;

/// The statement with some of its columns shaped into JSON, and the others as they are.
fn wrapped(text: &str, shaped: &[bool]) -> String {
    let names: Vec<String> = (0..shaped.len()).map(|n| format!("c{n}")).collect();
    let columns: Vec<String> = names
        .iter()
        .zip(shaped)
        .map(|(name, shaped)| match shaped {
            true => format!("pg_catalog.to_json({name})::text"),
            false => name.clone(),
        })
        .collect();
    // The newline ends a trailing line comment; PostgreSQL has parsed the text as a single
    // statement already, so it cannot close the parenthesis by itself.
    let text = text.trim_end().trim_end_matches(';');
    format!("WITH q({}) AS ({text}\n) SELECT {} FROM q", names.join(", "), columns.join(", "))
}

fn is_plain(ty: &Type) -> bool {
    [
        Type::BOOL,
        Type::INT2,
        Type::INT4,
        Type::INT8,
        Type::FLOAT4,
        Type::FLOAT8,
        Type::TEXT,
        Type::VARCHAR,
        Type::NAME,
        Type::UNKNOWN,
        Type::JSON,
        Type::JSONB,
        Type::VOID,
        Type::TIMESTAMPTZ,
        Type::DATE,
        Type::UUID,
    ]
    .contains(ty)
}

fn object(columns: &[Column], row: &Row) -> Result<Map<String, Value>, ReadError> {
    let cell = |(column, cell): (&Column, _)| {
        // What is of no plain type has been shaped.
        let kind = column.kind.as_ref().filter(|kind| is_plain(kind)).unwrap_or(&Type::JSON);
        Ok((column.name.clone(), value(cell, kind)?))
    };
    columns.iter().zip(row.cells()).map(cell).collect()
}

fn value(cell: Option<&[u8]>, kind: &Type) -> Result<Value, ReadError> {
    fn get<'a, T: FromSql<'a>>(
        cell: Option<&'a [u8]>,
        kind: &Type,
    ) -> Result<Option<T>, ReadError> {
        Option::<T>::from_sql_nullable(kind, cell)
    }
    Ok(match *kind {
        Type::BOOL => get::<bool>(cell, kind)?.map(Value::from),
        Type::INT2 => get::<i16>(cell, kind)?.map(Value::from),
        Type::INT4 => get::<i32>(cell, kind)?.map(Value::from),
        Type::INT8 => get::<i64>(cell, kind)?.map(integer),
        // The double of the same digits, as PostgreSQL prints it.
        Type::FLOAT4 => {
            get::<f32>(cell, kind)?.map(|n| float(n.to_string().parse().unwrap_or(f64::NAN)))
        }
        Type::FLOAT8 => get::<f64>(cell, kind)?.map(float),
        Type::JSON | Type::JSONB => get::<JsonText>(cell, kind)?.map(document).transpose()?,
        Type::TIMESTAMPTZ => get::<i64>(cell, kind)?.map(|n| timestamp::text(n).into()),
        Type::DATE => get::<i32>(cell, kind)?.map(|n| timestamp::date_text(n).into()),
        Type::UUID => get::<Uuid>(cell, kind)?.map(|u| Value::from(u.to_string())),
        Type::VOID => None,
        _ => get::<String>(cell, kind)?.map(Value::from),
    }
    .unwrap_or(Value::Null))
}

/// A number where JavaScript can hold it exactly, else its digits (contract 16 sends bigints as
/// strings; counts are numbers for every SDK).
fn integer(n: i64) -> Value {
    if n.unsigned_abs() <= 1 << 53 { Value::from(n) } else { Value::from(n.to_string()) }
}

/// The text of a document; the number of its format stands before that of a `jsonb`.
struct JsonText<'a>(&'a str);

impl<'a> FromSql<'a> for JsonText<'a> {
    fn from_sql(kind: &Type, raw: &'a [u8]) -> Result<Self, ReadError> {
        let text = if *kind == Type::JSONB { raw.get(1..).unwrap_or_default() } else { raw };
        Ok(Self(std::str::from_utf8(text)?))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

fn document(JsonText(text): JsonText<'_>) -> Result<Value, ReadError> {
    Ok(serde_json::from_str(&json::presentable(text, json::MAX_DEPTH, Numbers::Exact))?)
}

/// Integral values print without a fraction.
fn float(n: f64) -> Value {
    #[allow(clippy::cast_possible_truncation)] // bounded on the same line
    if n == n.trunc() && n.abs() < 9e15 {
        Value::from(n as i64)
    } else {
        let name = if n.is_nan() {
            "NaN"
        } else if n < 0.0 {
            "-Infinity"
        } else {
            "Infinity"
        };
        Number::from_f64(n).map_or_else(|| Value::from(name), Value::Number)
    }
}
