//! How does an exported instance become another one?
//!
//! The rows are those that `edgebase.export_instance` gives, as an array of
//! `{"table_name", "record"}`. They go into a new or empty instance of the same block, in one
//! transaction. Foreign keys are taken off first and put back, and thereby checked, at the end,
//! since rows may refer to each other in circles.

use crate::answer::Answer;
use crate::args::Args;
use crate::audit;
use crate::error::Error;
use crate::instance::as_owner;
use crate::lifecycle::{self, bounded_waits, lock_instance};
use crate::lock::Mode;
use crate::migrate::bring_up;
use crate::registry;
use crate::spi;
use crate::tables::ensure;
use edgebase_blocks::ddl::{add_constraint, references};
use edgebase_blocks::depth::MAX_DEPTH;
use edgebase_blocks::name::{RECORD_ID, SHADOWED_RECORD_IDS};
use edgebase_blocks::quote::{ident, qualified};
use edgebase_blocks::{StoredBlock, Table};
use pgrx::datum::JsonB;
use serde_json::json;

/// `edgebase.import_instance(namespace text, id text, rows jsonb)`
pub fn import_instance(args: &Args) -> Result<Answer, Error> {
    let (namespace, id) = (args.text(0, "namespace")?, args.text_or_null(1));
    let (key, block) = registry::resolve(&namespace, id.as_deref())?;
    let (row, created) = lifecycle::create(&key, &block, None)?;
    if row.version != block.version {
        bring_up(&key)?;
    }
    let _bounded = bounded_waits()?;
    let row = lock_instance(&key, Mode::Alone)?;
    ensure(&key, &row, None)?;
    let schema = row.schema;
    let definition = registry::definition(&block.version)?;
    let total = as_owner(&schema, || fill(&schema, &definition, args))?;
    audit::record("import", &key, json!({ "rows": total, "created": created }))?;
    Ok(Answer::Json(json!({
        "namespace": namespace, "id": id, "schema": schema, "rows": total, "created": created,
    })))
}

fn fill(schema: &str, block: &StoredBlock, args: &Args) -> Result<i64, Error> {
    refuse_strays(block, args)?;
    for table in &block.tables {
        refuse_unreadable(table, args)?;
        let name = qualified(schema, &table.name);
        if spi::one::<bool>(&format!("SELECT true FROM {name} LIMIT 1"), &[])?.is_some() {
            return Err(Error::Import(format!("table \"{}\" is not empty", table.name)));
        }
        for key in references(schema, table) {
            spi::ddl(&format!("ALTER TABLE {name} DROP CONSTRAINT {}", ident(&key.name)))?;
        }
    }
    let mut total = 0;
    for table in &block.tables {
        let name = qualified(schema, &table.name);
        let sql = format!(
            "WITH inserted AS (
                 INSERT INTO {name}
                 SELECT row.* FROM jsonb_array_elements($1) AS e,
                     jsonb_populate_record(NULL::{name}, e -> 'record') AS row
                 WHERE e ->> 'table_name' = $2
                 RETURNING 1)
             SELECT count(*) FROM inserted"
        );
        let rows = args.jsonb_datum(2, "rows")?;
        total += spi::one::<i64>(&sql, &[rows, table.name.as_str().into()])?.unwrap_or(0);
    }
    for table in &block.tables {
        for key in references(schema, table) {
            spi::ddl(&add_constraint(schema, &table.name, &key))?;
        }
    }
    Ok(total)
}

/// Refuses rows for tables that the block has not got, rather than losing them.
fn refuse_strays(block: &StoredBlock, args: &Args) -> Result<(), Error> {
    let tables: Vec<&str> = block.tables.iter().map(|t| t.name.as_str()).collect();
    let stray = spi::one::<String>(
        "SELECT coalesce(e ->> 'table_name', 'null') FROM jsonb_array_elements($1) AS e
         WHERE NOT coalesce($2 ? (e ->> 'table_name'), false) LIMIT 1",
        &[args.jsonb_datum(2, "rows")?, JsonB(json!(tables)).into()],
    )?;
    match stray {
        Some(name) => Err(Error::Import(format!("no table \"{name}\" in this block"))),
        None => Ok(()),
    }
}

/// Refuses rows that the HTTP API would not take, because it could not give them back: of an id
/// that no path can name, or nested too deeply.
fn refuse_unreadable(table: &Table, args: &Args) -> Result<(), Error> {
    let shadowed = SHADOWED_RECORD_IDS.map(str::to_owned).to_vec();
    let misnamed = spi::one::<String>(
        "SELECT coalesce(e -> 'record' ->> 'id', 'null') FROM jsonb_array_elements($1) AS e
         WHERE e ->> 'table_name' = $2
           AND NOT coalesce(e -> 'record' ->> 'id' ~ $3 AND e -> 'record' ->> 'id' <> ALL ($4), false)
         LIMIT 1",
        &[args.jsonb_datum(2, "rows")?, table.name.as_str().into(), RECORD_ID.into(), shadowed.into()],
    )?;
    if let Some(id) = misnamed {
        let table = &table.name;
        return Err(Error::Import(format!("\"{id}\" is no id of a record in table \"{table}\"")));
    }
    // The fields of a table without a schema are in its document.
    let deepest = MAX_DEPTH + if table.is_schemaless() { 2 } else { 1 };
    let deep = spi::one::<String>(
        &format!(
            "SELECT e -> 'record' ->> 'id' FROM jsonb_array_elements($1) AS e
             WHERE e ->> 'table_name' = $2 AND jsonb_path_exists(e -> 'record',
                 'strict $.**{{{deepest}}} ? (@.type() == \"array\" || @.type() == \"object\")')
             LIMIT 1"
        ),
        &[args.jsonb_datum(2, "rows")?, table.name.as_str().into()],
    )?;
    match deep {
        Some(id) => Err(Error::Import(format!(
            "record \"{id}\" of table \"{}\" nests deeper than {MAX_DEPTH} levels",
            table.name
        ))),
        None => Ok(()),
    }
}
