//! Which DDL makes a table of a block?
//!
//! Pure text: nothing here talks to a database. Names of constraints and indexes are a function
//! of table and fields, at most 63 bytes, so the proxy can tell from the name that PostgreSQL
//! reports which field of a request was at fault. Parts of a name are joined by `.` and a `.`
//! inside a part is escaped: index names share one space per schema, and `a` + `b.c` must not
//! meet `a.b` + `c` there.
//!
//! Every statement names its schema, so none depends on `search_path`; only the text of a
//! field's `check` and of migrations is resolved there.

use crate::field::{Field, FieldType};
use crate::name::{MAX_IDENT, shorten};
use crate::quote::{ident, literal, qualified};
use crate::storage::StoredBlock;
use crate::table::{Index, Table};
use serde_json::Value;

/// The column of a schemaless table that holds a row's fields.
pub const DOC_COLUMN: &str = "_doc";

/// The name of a constraint or index: `posts.title.key`.
fn object_name(table: &str, fields: &[&str], kind: &str) -> String {
    let escape = |part: &str| part.replace('~', "~0").replace('.', "~1");
    let mut parts = vec![escape(table)];
    parts.extend(fields.iter().map(|f| escape(f)));
    parts.push(kind.to_owned());
    shorten(&parts.join("."), MAX_IDENT)
}

/// The name of the primary key.
#[must_use]
pub fn primary_key_name(table: &str) -> String {
    object_name(table, &[], "pkey")
}

/// The name of the constraint that makes a field unique.
#[must_use]
pub fn unique_name(table: &str, field: &str) -> String {
    object_name(table, &[field], "key")
}

/// The name of a field's foreign key.
#[must_use]
pub fn foreign_key_name(table: &str, field: &str) -> String {
    object_name(table, &[field], "fkey")
}

/// The name of one of a field's CHECK constraints: `kind` is `min`, `max`, `enum` or `check`.
#[must_use]
pub fn check_name(table: &str, field: &str, kind: &str) -> String {
    object_name(table, &[field], kind)
}

/// The name of an index declared in `indexes`.
#[must_use]
pub fn index_name(table: &str, index: &Index) -> String {
    let fields: Vec<&str> = index.fields.iter().map(String::as_str).collect();
    object_name(table, &fields, if index.unique { "uidx" } else { "idx" })
}

/// The name of the full-text index.
#[must_use]
pub fn fts_name(table: &str) -> String {
    object_name(table, &[], "fts")
}

/// Which field a violated constraint (or unique index) of this table is about; the first one of
/// an index over several.
#[must_use]
pub fn constraint_field<'t>(table: &'t Table, constraint: &str) -> Option<&'t str> {
    if constraint == primary_key_name(&table.name) {
        return Some("id");
    }
    let of_field = table.fields.iter().flatten().find(|f| {
        constraint == unique_name(&table.name, &f.name)
            || constraint == foreign_key_name(&table.name, &f.name)
            || Check::ALL.iter().any(|c| constraint == check_name(&table.name, &f.name, c.kind()))
    });
    of_field.map(|f| f.name.as_str()).or_else(|| {
        let index = table.indexes.iter().find(|i| constraint == index_name(&table.name, i))?;
        index.fields.first().map(String::as_str)
    })
}

/// Which CHECK constraint of this table that is, and of which field.
#[must_use]
pub fn constraint_check<'t>(table: &'t Table, constraint: &str) -> Option<(&'t Field, Check)> {
    table.fields.iter().flatten().find_map(|field| {
        let is = |check: &Check| constraint == check_name(&table.name, &field.name, check.kind());
        Check::ALL.into_iter().find(is).map(|check| (field, check))
    })
}

/// The option of a field that a CHECK constraint is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// `min`
    Min,
    /// `max`
    Max,
    /// `enum`
    Choices,
    /// `check`
    Condition,
}

impl Check {
    const ALL: [Self; 4] = [Self::Min, Self::Max, Self::Choices, Self::Condition];

    /// What the constraint's name ends with.
    fn kind(self) -> &'static str {
        match self {
            Self::Min => "min",
            Self::Max => "max",
            Self::Choices => "enum",
            Self::Condition => "check",
        }
    }
}

/// A column as the database has it, which includes those that records do not show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its type, collation included.
    pub sql_type: String,
    /// Whether it may not be null.
    pub not_null: bool,
    /// The expression of its default.
    pub default: Option<String>,
}

impl Column {
    /// `"title" text COLLATE "C" NOT NULL DEFAULT 'x'`, the null-ness as asked.
    #[must_use]
    pub fn definition(&self, not_null: bool) -> String {
        let mut sql = format!("{} {}", ident(&self.name), self.sql_type);
        if not_null {
            sql.push_str(" NOT NULL");
        }
        if let Some(default) = &self.default {
            sql.push_str(" DEFAULT ");
            sql.push_str(default);
        }
        sql
    }
}

/// The columns of a table, key first.
#[must_use]
pub fn columns(table: &Table) -> Vec<Column> {
    let stamp = |name: &str| Column {
        name: name.to_owned(),
        sql_type: FieldType::Datetime.sql().to_owned(),
        not_null: true,
        default: Some("pg_catalog.now()".to_owned()),
    };
    let mut all = vec![Column {
        name: "id".to_owned(),
        sql_type: FieldType::String.sql().to_owned(),
        not_null: true,
        default: None,
    }];
    if table.auto.created_at {
        all.push(stamp("createdAt"));
    }
    if table.auto.updated_at {
        all.push(stamp("updatedAt"));
    }
    match &table.fields {
        Some(fields) => all.extend(fields.iter().map(|f| Column {
            name: f.name.clone(),
            sql_type: f.kind.sql().to_owned(),
            not_null: f.required,
            default: f.stored_default().map(|value| default_expression(f.kind, &value)),
        })),
        None => all.push(Column {
            name: DOC_COLUMN.to_owned(),
            sql_type: FieldType::Json.sql().to_owned(),
            not_null: true,
            default: Some("'{}'".to_owned()),
        }),
    }
    all
}

fn default_expression(kind: FieldType, value: &Value) -> String {
    let quoted = |text: &str| literal(text).trim_start().to_owned();
    match (kind, value) {
        (FieldType::Json, value) => format!("{}::jsonb", quoted(&value.to_string())),
        (FieldType::Datetime, Value::String(text)) => format!("{}::timestamptz", quoted(text)),
        (_, Value::String(text)) => quoted(text),
        (_, other) => other.to_string(),
    }
}

/// A named constraint on one field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Constraint {
    /// Its name.
    pub name: String,
    /// The field it is about.
    pub field: String,
    /// What follows `CONSTRAINT name`.
    pub clause: String,
}

/// UNIQUE and CHECK constraints of a table: all that need no other table.
#[must_use]
pub fn constraints(table: &Table) -> Vec<Constraint> {
    table.fields.iter().flatten().flat_map(|f| field_constraints(&table.name, f)).collect()
}

fn field_constraints(table: &str, field: &Field) -> Vec<Constraint> {
    let column = ident(&field.name);
    let mut all = Vec::new();
    let mut add = |name: String, clause: String| {
        all.push(Constraint { name, field: field.name.clone(), clause });
    };
    if field.unique {
        add(unique_name(table, &field.name), format!("UNIQUE ({column})"));
    }
    // Lengths count UTF-16 units, as JavaScript and therefore the proxy's validation do.
    let measure = match field.kind {
        FieldType::String | FieldType::Text => Some(format!("edgebase.utf16_length({column})")),
        FieldType::Number => Some(column.clone()),
        FieldType::Boolean | FieldType::Datetime | FieldType::Json => None,
    };
    for (kind, operator, bound) in [("min", ">=", field.min), ("max", "<=", field.max)] {
        if let (Some(measure), Some(bound)) = (&measure, bound) {
            add(
                check_name(table, &field.name, kind),
                format!("CHECK ({measure} {operator} ({bound}))"),
            );
        }
    }
    if let Some(choices) = &field.choices {
        let list: Vec<String> = choices.iter().map(|c| literal(c)).collect();
        let clause = if list.is_empty() {
            format!("CHECK ({column} IS NULL)")
        } else {
            format!("CHECK ({column} IN ({}))", list.join(", "))
        };
        add(check_name(table, &field.name, "enum"), clause);
    }
    if let Some(check) = &field.check {
        // The line break ends a trailing `--` comment before it can swallow the parenthesis.
        add(check_name(table, &field.name, "check"), format!("CHECK ({check}\n)"));
    }
    all
}

/// Foreign keys of a table, their targets in `schema`.
#[must_use]
pub fn references(schema: &str, table: &Table) -> Vec<Constraint> {
    let enforced = |f: &Field| f.references.clone().filter(|r| !r.is_logical());
    let mut all = Vec::new();
    for field in table.fields.iter().flatten() {
        let Some(reference) = enforced(field) else { continue };
        let mut clause = format!(
            "FOREIGN KEY ({}) REFERENCES {} ({})",
            ident(&field.name),
            qualified(schema, &reference.table),
            ident(&reference.column)
        );
        for (event, action) in [("DELETE", reference.on_delete), ("UPDATE", reference.on_update)] {
            if let Some(action) = action {
                clause.push_str(&format!(" ON {event} {}", action.sql()));
            }
        }
        all.push(Constraint {
            name: foreign_key_name(&table.name, &field.name),
            field: field.name.clone(),
            clause,
        });
    }
    all
}

/// The document that full-text search looks at, as an expression over the table's columns.
/// The index is built on it, so a query must use this very text to be served by the index.
/// `None` when the table has no full-text fields.
#[must_use]
pub fn fts_expression(table: &Table) -> Option<String> {
    let parts: Vec<String> = table
        .fts
        .iter()
        .filter_map(|name| {
            let column = ident(name);
            match table.column_type(name)? {
                FieldType::String | FieldType::Text => Some(format!("coalesce({column}, '')")),
                // How a timestamp reads depends on the session's time zone: it cannot be indexed.
                FieldType::Datetime => None,
                FieldType::Number | FieldType::Boolean | FieldType::Json => {
                    Some(format!("coalesce({column}::text, '')"))
                }
            }
        })
        .collect();
    if parts.is_empty() {
        return None;
    }
    Some(format!("to_tsvector('pg_catalog.simple'::regconfig, {})", parts.join(" || ' ' || ")))
}

/// An index that is not a constraint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexDef {
    /// Its name.
    pub name: String,
    /// Whether it forbids equal rows.
    pub unique: bool,
    /// What follows `ON table`.
    pub clause: String,
}

impl IndexDef {
    /// `CREATE INDEX ...`, doing nothing where it exists already.
    #[must_use]
    pub fn create(&self, schema: &str, table: &str) -> String {
        format!(
            "CREATE {}INDEX IF NOT EXISTS {} ON {} {}",
            if self.unique { "UNIQUE " } else { "" },
            ident(&self.name),
            qualified(schema, table),
            self.clause
        )
    }
}

/// The indexes of a table beyond those of its constraints.
#[must_use]
pub fn indexes(table: &Table) -> Vec<IndexDef> {
    let mut all: Vec<IndexDef> = Vec::new();
    for index in &table.indexes {
        let nulls_first = |f: &String| index.nulls_first && table.sorts_nulls_first(f);
        let fields: Vec<String> = index
            .fields
            .iter()
            .map(|f| ident(f) + if nulls_first(f) { " NULLS FIRST" } else { "" })
            .collect();
        let def = IndexDef {
            name: index_name(&table.name, index),
            unique: index.unique,
            clause: format!("({})", fields.join(", ")),
        };
        // The same index written twice is one index.
        if !all.contains(&def) {
            all.push(def);
        }
    }
    if let Some(expression) = fts_expression(table) {
        all.push(IndexDef {
            name: fts_name(&table.name),
            unique: false,
            clause: format!("USING gin ({expression})"),
        });
    }
    all
}

/// `CREATE TABLE` with everything but foreign keys and plain indexes.
#[must_use]
pub fn create_table(schema: &str, table: &Table) -> String {
    let mut lines: Vec<String> = columns(table).iter().map(|c| c.definition(c.not_null)).collect();
    lines.push(format!("CONSTRAINT {} PRIMARY KEY (id)", ident(&primary_key_name(&table.name))));
    lines.extend(
        constraints(table).iter().map(|c| format!("CONSTRAINT {} {}", ident(&c.name), c.clause)),
    );
    format!("CREATE TABLE {} (\n  {}\n)", qualified(schema, &table.name), lines.join(",\n  "))
}

/// `ALTER TABLE ... ADD CONSTRAINT ...`.
#[must_use]
pub fn add_constraint(schema: &str, table: &str, constraint: &Constraint) -> String {
    format!(
        "ALTER TABLE {} ADD CONSTRAINT {} {}",
        qualified(schema, table),
        ident(&constraint.name),
        constraint.clause
    )
}

/// Everything that makes the tables of a block in an empty schema, in order: tables, indexes,
/// then foreign keys, so that tables may refer to each other in circles.
#[must_use]
pub fn create_block(schema: &str, block: &StoredBlock) -> Vec<String> {
    let mut all = Vec::new();
    for table in &block.tables {
        all.push(create_table(schema, table));
        all.extend(indexes(table).iter().map(|i| i.create(schema, &table.name)));
    }
    for table in &block.tables {
        all.extend(
            references(schema, table).iter().map(|c| add_constraint(schema, &table.name, c)),
        );
    }
    all
}

#[cfg(test)]
mod tests;
