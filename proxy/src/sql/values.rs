//! How do JSON parameters reach a statement whose types nobody knows, and rows come back?
//!
//! Parameters go as text of unknown type, so PostgreSQL infers the type and parses them itself.
//! Rows whose columns are of plain types are read directly; any other row is shaped into JSON
//! by PostgreSQL, by wrapping the statement in a common table expression.

use crate::query::value::iso;
use bytes::BytesMut;
use jiff::Timestamp;
use jiff::civil::Date;
use postgres_types::{Format, FromSql, IsNull, ToSql, Type, to_sql_checked};
use serde_json::{Map, Number, Value};
use std::error::Error as StdError;
use tokio_postgres::{Client, Error, Row};
use uuid::Uuid;

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
    client: &Client,
    text: &str,
    params: &[Param],
) -> Result<(Vec<Map<String, Value>>, Vec<String>, u64), Error> {
    let unknown = vec![Type::UNKNOWN; params.len()];
    let params: Vec<&(dyn ToSql + Sync)> = params.iter().map(|p| p as _).collect();
    let statement = client.prepare_typed(text, &unknown).await?;
    let columns: Vec<String> = statement.columns().iter().map(|c| c.name().to_owned()).collect();
    if columns.is_empty() {
        let count = client.execute(&statement, &params).await?;
        return Ok((Vec::new(), columns, count));
    }
    let plain = statement.columns().iter().all(|c| is_plain(c.type_()));
    let objects = if plain {
        client
            .query(&statement, &params)
            .await?
            .iter()
            .map(object)
            .collect::<Result<Vec<_>, _>>()?
    } else {
        // The newline ends a trailing line comment; PostgreSQL has parsed the text as a single
        // statement already, so it cannot close the parenthesis by itself.
        let text = text.trim_end().trim_end_matches(';');
        let wrapped = format!("WITH q AS ({text}\n) SELECT pg_catalog.row_to_json(q.*) FROM q");
        let statement = client.prepare_typed(&wrapped, &unknown).await?;
        let rows = client.query(&statement, &params).await?;
        let mut objects = Vec::with_capacity(rows.len());
        for row in rows {
            if let Value::Object(map) = row.try_get::<_, Value>(0)? {
                objects.push(map);
            }
        }
        objects
    };
    let count = objects.len() as u64;
    Ok((objects, columns, count))
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

fn object(row: &Row) -> Result<Map<String, Value>, Error> {
    row.columns()
        .iter()
        .enumerate()
        .map(|(i, column)| Ok((column.name().to_owned(), value(row, i, column.type_())?)))
        .collect()
}

fn value(row: &Row, i: usize, ty: &Type) -> Result<Value, Error> {
    fn get<'a, T: FromSql<'a>>(row: &'a Row, i: usize) -> Result<Option<T>, Error> {
        row.try_get(i)
    }
    Ok(match *ty {
        Type::BOOL => get::<bool>(row, i)?.map(Value::from),
        Type::INT2 => get::<i16>(row, i)?.map(Value::from),
        Type::INT4 => get::<i32>(row, i)?.map(Value::from),
        Type::INT8 => get::<i64>(row, i)?.map(integer),
        Type::FLOAT4 => get::<f32>(row, i)?.map(|n| float(f64::from(n))),
        Type::FLOAT8 => get::<f64>(row, i)?.map(float),
        Type::JSON | Type::JSONB => get::<Value>(row, i)?,
        Type::TIMESTAMPTZ => get::<Timestamp>(row, i)?.map(|t| Value::from(iso(t))),
        Type::DATE => get::<Date>(row, i)?.map(|d| Value::from(d.to_string())),
        Type::UUID => get::<Uuid>(row, i)?.map(|u| Value::from(u.to_string())),
        Type::VOID => None,
        _ => get::<String>(row, i)?.map(Value::from),
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
