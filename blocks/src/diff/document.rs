//! How do values move between a schemaless table's document and columns?
//!
//! A table that gains a schema keeps what its rows hold: every key of every document must be a
//! field of the new schema with a value of its type, or the step fails and names a row, and the
//! instance stays as it was. A table that loses its schema writes its columns into the document.
//! Either way nothing is lost, so the columns that then go are no loss.

use super::step::{SCHEMA, Statement};
use crate::ddl::DOC_COLUMN;
use crate::field::{Field, FieldType};
use crate::quote::{ident, literal, qualified};
use crate::table::Table;
use crate::timestamp;

/// The statements that move the values, when exactly one of the two has a schema.
pub(super) fn moves(old: &Table, new: &Table) -> Option<Vec<Statement>> {
    match (&old.fields, &new.fields) {
        (None, Some(fields)) => Some(unpack(new, fields)),
        (Some(fields), None) => Some(pack(new, fields)),
        _ => None,
    }
}

/// Which JSON a field of the type takes, as a condition on the value `v`; JSON null always fits.
fn fits(kind: FieldType) -> String {
    let is = |word: &str| format!("pg_catalog.jsonb_typeof(v) IN ('null', '{word}')");
    match kind {
        FieldType::String | FieldType::Text => is("string"),
        FieldType::Number => is("number"),
        FieldType::Boolean => is("boolean"),
        // Words that only PostgreSQL understands, such as 'now', are no timestamps.
        FieldType::Datetime => {
            is("string") + " AND coalesce(v #>> '{}', '2000-01-01') ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}'"
        }
        FieldType::Json => "true".to_owned(),
    }
}

/// The value under `key` of the document, as the field's type.
fn value(kind: FieldType, key: &str) -> String {
    let (doc, key) = (ident(DOC_COLUMN), literal(key));
    match kind {
        FieldType::String | FieldType::Text => format!("{doc} ->> {key}"),
        FieldType::Json => format!("nullif({doc} -> {key}, 'null'::jsonb)"),
        FieldType::Number | FieldType::Boolean | FieldType::Datetime => {
            format!("({doc} ->> {key})::{}", kind.sql())
        }
    }
}

fn unpack(table: &Table, fields: &[Field]) -> Vec<Statement> {
    let (name, doc) = (qualified(SCHEMA, &table.name), ident(DOC_COLUMN));
    let known: String = fields
        .iter()
        .map(|f| format!(" WHEN {} THEN {}", literal(&f.name), fits(f.kind)))
        .collect();
    let known =
        if known.is_empty() { "false".into() } else { format!("CASE k{known} ELSE false END") };
    let types: String = fields
        .iter()
        .map(|f| format!(" WHEN {} THEN {}", literal(&f.name), literal(f.kind.name())))
        .collect();
    let wanted = if types.is_empty() { "NULL".into() } else { format!("CASE k{types} END") };
    // Names the row and the key but not the value: a message may go where a tenant's data may not.
    let expect = format!(
        "SELECT pg_catalog.format('row %L of table %L: %L holds a %s, but ', id, {table_name}, k, \
         pg_catalog.jsonb_typeof(v)) || coalesce('the field is of type ' || {wanted}, \
         'the schema has no such field') \
         FROM {name}, pg_catalog.jsonb_each({doc}) AS d(k, v) WHERE NOT ({known}) LIMIT 1",
        table_name = literal(&table.name),
    );
    let mut statements = vec![Statement::Expect(expect)];
    let sets: Vec<String> = fields
        .iter()
        .map(|f| {
            let column = ident(&f.name);
            let (key, value) = (literal(&f.name), value(f.kind, &f.name));
            // A key that is absent leaves what the column has: its default, or a migration's work.
            format!("{column} = CASE WHEN {doc} ? {key} THEN {value} ELSE {column} END")
        })
        .collect();
    if !sets.is_empty() {
        statements.push(Statement::Run(format!("UPDATE {name} SET {}", sets.join(", "))));
    }
    statements
}

fn pack(table: &Table, fields: &[Field]) -> Vec<Statement> {
    let parts: String = fields
        .iter()
        .map(|f| {
            let column = ident(&f.name);
            let value = match f.kind {
                FieldType::Datetime => timestamp::sql(&column),
                _ => column.clone(),
            };
            format!(
                " || CASE WHEN {column} IS NULL THEN '{{}}'::jsonb \
                 ELSE pg_catalog.jsonb_build_object({}, {value}) END",
                literal(&f.name)
            )
        })
        .collect();
    if parts.is_empty() {
        return Vec::new();
    }
    let (name, doc) = (qualified(SCHEMA, &table.name), ident(DOC_COLUMN));
    vec![Statement::Run(format!("UPDATE {name} SET {doc} = {doc}{parts}"))]
}
