//! How do JSON parameters reach a statement whose types nobody knows, and rows come back?
//!
//! Parameters go as text of unknown type, so PostgreSQL infers the type and parses them itself.
//! Rows whose columns are of plain types are read directly; any other row is shaped into JSON
//! by PostgreSQL, by wrapping the statement in a common table expression.

use crate::db::failure::Failure;
use crate::db::row::Row;
use crate::db::wire::{Column, Step};
use crate::db::{Bound, Transaction};
use crate::query::value::iso;
use bytes::BytesMut;
use jiff::Timestamp;
use jiff::civil::Date;
use postgres_types::{Format, FromSql, IsNull, ToSql, Type, to_sql_checked};
use serde_json::{Map, Number, Value};
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
    let names = columns.iter().map(|c| c.name.clone()).collect();
    if columns.is_empty() {
        let reply = transaction.foreign(Step::foreign(text, values()).within(RESULT)).await?;
        return Ok((Vec::new(), names, reply.affected));
    }
    let objects: Vec<_> = if columns.iter().all(|c| c.kind.as_ref().is_some_and(is_plain)) {
        let reply = transaction.foreign(Step::foreign(text, values()).within(RESULT)).await?;
        reply.rows.iter().map(|row| object(&columns, row)).collect::<Result<_, _>>()
    } else {
        // The newline ends a trailing line comment; PostgreSQL has parsed the text as a single
        // statement already, so it cannot close the parenthesis by itself.
        let text = text.trim_end().trim_end_matches(';');
        let wrapped =
            format!("WITH q AS ({text}\n) SELECT pg_catalog.row_to_json(q.*)::text FROM q");
        let reply = transaction.foreign(Step::foreign(&wrapped, values()).within(RESULT)).await?;
        reply.rows.iter().map(shaped).collect::<Result<_, _>>()
    }
    .map_err(|e| Failure::Broken(format!("a value cannot be read: {e}")))?;
    let count = objects.len() as u64;
    Ok((objects, names, count))
}

type ReadError = Box<dyn StdError + Sync + Send>;

/// A row that PostgreSQL has shaped.
fn shaped(row: &Row) -> Result<Map<String, Value>, ReadError> {
    Ok(serde_json::from_str(row.try_get(0)?)?)
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
        let kind = column.kind.as_ref().unwrap_or(&Type::UNKNOWN);
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
        Type::FLOAT4 => get::<f32>(cell, kind)?.map(|n| float(f64::from(n))),
        Type::FLOAT8 => get::<f64>(cell, kind)?.map(float),
        Type::JSON | Type::JSONB => get::<Value>(cell, kind)?,
        Type::TIMESTAMPTZ => get::<Timestamp>(cell, kind)?.map(|t| Value::from(iso(t))),
        Type::DATE => get::<Date>(cell, kind)?.map(|d| Value::from(d.to_string())),
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

/// Integral values print without a fraction.
fn float(n: f64) -> Value {
    #[allow(clippy::cast_possible_truncation)] // bounded on the same line
    if n == n.trunc() && n.abs() < 9e15 {
        Value::from(n as i64)
    } else {
        Number::from_f64(n).map_or_else(|| Value::from(n.to_string()), Value::Number)
    }
}
