//! How is a field written in SQL?
//!
//! A field of a table with a schema is a column; a field of a schemaless table is a key of its
//! one `jsonb` column. Both the expression to compare and the expression to show come from here,
//! so every part of a query agrees on what a field is.

use crate::db::statement::{Bind, Sql};
use edgebase_blocks::{FieldType, Table, quote, timestamp};

/// The key's column, which a table has whether or not its records show it.
pub const KEY: &str = "id";

/// The column that holds the user fields of a schemaless table.
pub const DOCUMENT: &str = "_doc";

/// A field that a filter or sort may name.
#[derive(Clone, Debug, PartialEq)]
pub enum Column<'a> {
    /// A column of its own.
    Typed(&'a str, FieldType),
    /// A key of the document.
    Key(&'a str),
}

impl<'a> Column<'a> {
    /// The field of that name; a schemaless table has every field.
    #[must_use]
    pub fn find(table: &Table, name: &'a str) -> Option<Self> {
        match table.column_type(name) {
            Some(kind) => Some(Self::Typed(name, kind)),
            None if table.is_schemaless() && !name.is_empty() && !name.contains('\0') => {
                Some(Self::Key(name))
            }
            None => None,
        }
    }

    /// The type that operands are read as.
    #[must_use]
    pub fn kind(&self) -> FieldType {
        match self {
            Self::Typed(_, kind) => *kind,
            Self::Key(_) => FieldType::Json,
        }
    }

    /// Appends the expression to compare and sort by. JSON's null is the database's.
    pub fn write(&self, sql: &mut Sql) {
        match self {
            Self::Typed(name, FieldType::Json) => {
                sql.push("NULLIF(t.").ident(name).push(", 'null')");
            }
            Self::Typed(name, _) => {
                sql.push("t.").ident(name);
            }
            Self::Key(name) => {
                sql.push("NULLIF(t.").ident(DOCUMENT).push(" -> ").bind(Bind::text(*name));
                sql.push(", 'null')");
            }
        }
    }

    /// Appends the value as text that loses nothing of it, for cursors.
    pub fn write_exact(&self, sql: &mut Sql) {
        match self {
            Self::Typed(name, kind) if kind.is_text() => {
                sql.push("t.").ident(name);
            }
            // In one form whatever the session's date style is.
            Self::Typed(name, FieldType::Datetime) => {
                sql.push("pg_catalog.to_json(t.").ident(name).push(") #>> '{}'");
            }
            Self::Typed(..) | Self::Key(_) => {
                self.write(sql);
                sql.push("::text");
            }
        }
    }

    /// A value that [`Self::write_exact`] has written, and the cast that it needs; `None` when it
    /// has written none such.
    #[must_use]
    pub fn exact(&self, text: &str) -> Option<(Bind, &'static str)> {
        Some(match self.kind() {
            FieldType::String | FieldType::Text => (Bind::text(text), ""),
            FieldType::Number => (Bind::Number(Some(text.parse().ok()?)), ""),
            FieldType::Boolean => (Bind::Bool(Some(text.parse().ok()?)), ""),
            FieldType::Datetime => (Bind::text(text), "::timestamptz"),
            FieldType::Json => (Bind::text(text), "::jsonb"),
        })
    }

    /// Appends the expression's text, for `contains`: what a record shows, and of a schemaless
    /// table's strings what stands between their quotes.
    pub fn write_text(&self, sql: &mut Sql) {
        match self {
            Self::Typed(name, kind) if kind.is_text() => {
                sql.push("t.").ident(name);
            }
            Self::Typed(name, FieldType::Datetime) => write_iso(sql, name),
            Self::Typed(..) => {
                self.write(sql);
                sql.push("::text");
            }
            Self::Key(name) => {
                sql.push("(t.").ident(DOCUMENT).push(" ->> ").bind(Bind::text(*name)).push(")");
            }
        }
    }
}

/// Appends the columns of a record as it is shown, in its order.
///
/// Datetimes are printed by Postgres as the contract wants them (7.3), so that a row can pass
/// through the proxy as text.
///
/// With `fields` no others are written: what nobody asked for is neither read nor sent.
pub fn write_shown(sql: &mut Sql, table: &Table, fields: Option<&[String]>) {
    let is_shown = |name: &str| fields.is_none_or(|fields| fields.iter().any(|f| f == name));
    let mut separator = "";
    for (name, kind) in table.columns().filter(|(name, _)| is_shown(name)) {
        sql.push(separator);
        separator = ", ";
        if kind == FieldType::Datetime {
            write_iso(sql, name);
            sql.push(" AS ").ident(name);
        } else {
            sql.push("t.").ident(name);
        }
    }
    match fields.filter(|_| table.is_schemaless()) {
        Some(fields) => {
            sql.push(separator)
                .push("(SELECT pg_catalog.jsonb_object_agg(d.k, d.v) FROM pg_catalog.jsonb_each(");
            write_document(sql);
            sql.push(") AS d(k, v) WHERE d.k = ANY (")
                .bind(Bind::Texts(fields.to_vec()))
                .push(")) AS ")
                .ident(DOCUMENT);
        }
        None if table.is_schemaless() => {
            sql.push(separator).push("t.").ident(DOCUMENT);
        }
        None => {}
    }
}

/// Appends the document of a schemaless table's row. One that SQL has written and that is no object
/// has no fields.
pub fn write_document(sql: &mut Sql) {
    sql.push("(CASE pg_catalog.jsonb_typeof(t.").ident(DOCUMENT).push(") WHEN 'object' THEN t.");
    sql.ident(DOCUMENT).push(" ELSE '{}' END)");
}

/// Appends the record of a row of `t` as text.
pub fn write_record(sql: &mut Sql, table: &Table) {
    sql.push("(SELECT pg_catalog.row_to_json(r.*)::text FROM (SELECT ");
    write_shown(sql, table, None);
    sql.push(") r)");
}

/// A datetime column as records show it.
pub(super) fn write_iso(sql: &mut Sql, name: &str) {
    sql.push(&timestamp::sql(&format!("t.{}", quote::ident(name))));
}
