//! How is a statement with its values written?
//!
//! [`Sql`] is the only way to make one: text is appended, values are bound, identifiers come
//! from the shared quoting module. A client's value can therefore stand in a statement only as
//! `$n`.

use super::bound::Bound;
use bytes::BytesMut;
use edgebase_blocks::quote;
use postgres_types::{IsNull, ToSql, Type, to_sql_checked};
use serde_json::Value;
use std::error::Error as StdError;

/// A value to bind. `None` inside is SQL NULL.
#[derive(Clone, Debug, PartialEq)]
pub enum Bind {
    /// `text`
    Text(Option<String>),
    /// `double precision`
    Number(Option<f64>),
    /// `boolean`
    Bool(Option<bool>),
    /// `jsonb`
    Json(Option<Value>),
    /// `bigint`
    Int(i64),
    /// `text[]`
    Texts(Vec<String>),
    /// `double precision[]`
    Numbers(Vec<f64>),
    /// `boolean[]`
    Bools(Vec<bool>),
    /// `jsonb[]`
    Jsons(Vec<Value>),
}

impl Bind {
    /// A text.
    pub fn text(value: impl Into<String>) -> Self {
        Self::Text(Some(value.into()))
    }

    /// The type it is sent as.
    #[must_use]
    pub fn pg_type(&self) -> Type {
        match self {
            Self::Text(_) => Type::TEXT,
            Self::Number(_) => Type::FLOAT8,
            Self::Bool(_) => Type::BOOL,
            Self::Json(_) => Type::JSONB,
            Self::Int(_) => Type::INT8,
            Self::Texts(_) => Type::TEXT_ARRAY,
            Self::Numbers(_) => Type::FLOAT8_ARRAY,
            Self::Bools(_) => Type::BOOL_ARRAY,
            Self::Jsons(_) => Type::JSONB_ARRAY,
        }
    }
}

impl ToSql for Bind {
    fn to_sql(
        &self,
        ty: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn StdError + Sync + Send>> {
        match self {
            Self::Text(v) => v.to_sql(ty, out),
            Self::Number(v) => v.to_sql(ty, out),
            Self::Bool(v) => v.to_sql(ty, out),
            Self::Json(v) => v.to_sql(ty, out),
            Self::Int(v) => v.to_sql(ty, out),
            Self::Texts(v) => v.to_sql(ty, out),
            Self::Numbers(v) => v.to_sql(ty, out),
            Self::Bools(v) => v.to_sql(ty, out),
            Self::Jsons(v) => v.to_sql(ty, out),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

/// A statement under construction, and finished when nothing more is appended.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sql {
    text: String,
    binds: Vec<Bind>,
    bound: Bound,
}

impl Sql {
    /// Begins with fixed text.
    pub fn new(text: &str) -> Self {
        Self { text: text.to_owned(), binds: Vec::new(), bound: Bound::default() }
    }

    /// Appends fixed text.
    pub fn push(&mut self, text: &str) -> &mut Self {
        self.text.push_str(text);
        self
    }

    /// Appends a quoted identifier.
    pub fn ident(&mut self, name: &str) -> &mut Self {
        self.text.push_str(&quote::ident(name));
        self
    }

    /// Appends `"schema"."table"`.
    pub fn table(&mut self, schema: &str, table: &str) -> &mut Self {
        self.text.push_str(&quote::qualified(schema, table));
        self
    }

    /// Appends `$n` and binds the value.
    pub fn bind(&mut self, value: Bind) -> &mut Self {
        self.binds.push(value);
        self.text.push('$');
        self.text.push_str(&self.binds.len().to_string());
        self
    }

    /// Says how much it may give.
    pub fn within(&mut self, bound: Bound) -> &mut Self {
        self.bound = bound;
        self
    }

    /// How much it may give.
    #[must_use]
    pub fn bound(&self) -> Bound {
        self.bound
    }

    /// The text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The values, the first of which is `$1`.
    #[must_use]
    pub fn binds(&self) -> &[Bind] {
        &self.binds
    }

    /// The values in the form that the driver takes.
    #[must_use]
    pub fn params(&self) -> Vec<(&(dyn ToSql + Sync), Type)> {
        self.binds.iter().map(|b| (b as &(dyn ToSql + Sync), b.pg_type())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_bound_and_names_are_quoted() {
        let mut sql = Sql::new("SELECT 1 FROM ");
        sql.table("ws:a\"b", "Mixed Case")
            .push(" WHERE ")
            .ident("x")
            .push(" = ")
            .bind(Bind::text("'; --"));
        assert_eq!(sql.text(), r#"SELECT 1 FROM "ws:a""b"."Mixed Case" WHERE "x" = $1"#);
        assert_eq!(sql.params().len(), 1);
    }
}
