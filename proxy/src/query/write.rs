//! Which statements change rows?
//!
//! Insert, update and delete, each returning the rows it touched in the shape of a read. The
//! server's own columns are set here: `createdAt` and `updatedAt` come from the transaction's
//! clock, never from the client (contract 12.1, 12.2).

use crate::db::statement::{Bind, Sql};
use crate::query::column::{DOCUMENT, write_document, write_record};
use crate::query::record::{Change, Changes, NewRow};
use crate::query::row_scope::RowScope;
use edgebase_blocks::{FieldType, Table};
use serde_json::Value;
use std::cell::Cell;

/// Ends a statement that changes rows of `t` so that they come back as records.
fn returning(mut sql: Sql, table: &Table) -> Sql {
    sql.push(" RETURNING ");
    write_record(&mut sql, table);
    sql.push(", t.\"id\"");
    sql
}

/// Inserts rows of one table. With `skip_conflicts` a row whose key exists is left out.
#[must_use]
pub fn insert(schema: &str, table: &Table, rows: &[NewRow], skip_conflicts: bool) -> Sql {
    let mut sql = Sql::new("INSERT INTO ");
    sql.table(schema, &table.name).push(" AS t (\"id\"");
    for (column, _) in rows.first().map(|r| r.values.as_slice()).unwrap_or_default() {
        sql.push(", ").ident(column);
    }
    sql.push(") VALUES ");
    for (i, row) in rows.iter().enumerate() {
        sql.push(if i == 0 { "(" } else { ", (" }).bind(Bind::text(row.id.clone()));
        for (column, value) in &row.values {
            sql.push(", ");
            write_value(&mut sql, table, column, value);
        }
        sql.push(")");
    }
    if skip_conflicts {
        sql.push(" ON CONFLICT DO NOTHING");
    }
    returning(sql, table)
}

fn write_value(sql: &mut Sql, table: &Table, column: &str, value: &Bind) {
    sql.bind(value.clone());
    if table.column_type(column) == Some(FieldType::Datetime) {
        sql.push("::timestamptz");
    }
}

/// Changes the rows of those ids, as far as the scope reaches.
#[must_use]
pub fn update(
    schema: &str,
    table: &Table,
    ids: &[String],
    scope: &RowScope,
    changes: &Changes,
) -> Sql {
    returning(changed(schema, table, ids, scope, changes), table)
}

/// Changes the rows of those ids; only their ids come back.
#[must_use]
pub fn update_unseen(schema: &str, table: &Table, ids: &[String], changes: &Changes) -> Sql {
    let mut sql = changed(schema, table, ids, &RowScope::All, changes);
    sql.push(" RETURNING t.\"id\"");
    sql
}

fn changed(
    schema: &str,
    table: &Table,
    ids: &[String],
    scope: &RowScope,
    changes: &Changes,
) -> Sql {
    let mut sql = Sql::new("UPDATE ");
    sql.table(schema, &table.name).push(" AS t SET ");
    let separator = Cell::new("");
    let set = |sql: &mut Sql, column: &str| {
        sql.push(separator.replace(", ")).ident(column).push(" = ");
    };
    for (column, change) in changes {
        match change {
            Change::Set(value) => {
                set(&mut sql, column);
                write_value(&mut sql, table, column, value);
            }
            Change::Increment(n) => {
                set(&mut sql, column);
                sql.push("COALESCE(t.").ident(column).push(", 0) + ").bind(Bind::Number(Some(*n)));
            }
            Change::SetKey(_) | Change::IncrementKey(_) | Change::DropKey => {}
        }
    }
    if table.is_schemaless() {
        set(&mut sql, DOCUMENT);
        write_changed_document(&mut sql, changes);
    }
    for field in table.fields.iter().flatten().filter(|f| f.touched_on_update) {
        if !changes.iter().any(|(c, _)| *c == field.name) {
            set(&mut sql, &field.name);
            sql.push("pg_catalog.now()");
        }
    }
    if table.auto.updated_at {
        set(&mut sql, "updatedAt");
        sql.push("pg_catalog.now()");
    } else if separator.get().is_empty() {
        set(&mut sql, "id");
        sql.push("t.\"id\"");
    }
    sql.push(" WHERE t.\"id\" = ANY (").bind(Bind::Texts(ids.to_vec())).push(")");
    scope.write(&mut sql);
    sql
}

/// The document with keys set, counted up and removed.
fn write_changed_document(sql: &mut Sql, changes: &Changes) {
    let mut merged = serde_json::Map::new();
    let mut dropped = Vec::new();
    for (key, change) in changes {
        match change {
            Change::SetKey(value) => {
                merged.insert(key.clone(), value.clone());
            }
            Change::DropKey => dropped.push(key.clone()),
            _ => {}
        }
    }
    sql.push("((");
    write_document(sql);
    sql.push(" || ")
        .bind(Bind::Json(Some(Value::Object(merged))))
        .push(") - ")
        .bind(Bind::Texts(dropped))
        .push(")");
    for (key, change) in changes {
        if let Change::IncrementKey(n) = change {
            sql.push(" || pg_catalog.jsonb_build_object(").bind(Bind::text(key.clone()));
            sql.push(", (CASE WHEN pg_catalog.jsonb_typeof(t.\"_doc\" -> ")
                .bind(Bind::text(key.clone()));
            sql.push(") = 'number' THEN (t.\"_doc\" -> ").bind(Bind::text(key.clone()));
            sql.push(")::double precision ELSE 0 END) + ").bind(Bind::Number(Some(*n))).push(")");
        }
    }
}

/// Deletes the rows of those ids, as far as the scope reaches.
#[must_use]
pub fn delete(schema: &str, table: &Table, ids: &[String], scope: &RowScope) -> Sql {
    let mut sql = Sql::new("DELETE FROM ");
    sql.table(schema, &table.name)
        .push(" AS t WHERE t.\"id\" = ANY (")
        .bind(Bind::Texts(ids.to_vec()));
    sql.push(")");
    scope.write(&mut sql);
    sql.push(" RETURNING t.\"id\"");
    sql
}
