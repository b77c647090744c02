//! How does an exported instance become another one?
//!
//! The rows are those that `edgebase.export_instance` gives, as an array of
//! `{"table_name", "record"}`. They go into a new or empty instance of the same block, in one
//! transaction. Foreign keys are taken off first and put back, and thereby checked, at the end,
//! since rows may refer to each other in circles.

use crate::answer::Answer;
use crate::audit;
use crate::error::Error;
use crate::fence::boundary::Args;
use crate::fence::lock::Mode;
use crate::instance::as_owner;
use crate::lifecycle::{self, bounded_waits, lock_instance};
use crate::migrate::bring_up;
use crate::registry;
use crate::spi;
use edgebase_blocks::ddl::{add_constraint, references};
use edgebase_blocks::quote::{ident, qualified};
use edgebase_blocks::{StoredBlock, Table};
use pgrx::datum::JsonB;
use serde_json::{Value, json};

/// `edgebase.import_instance(namespace text, id text, rows jsonb)`
pub fn import_instance(args: &Args) -> Result<Answer, Error> {
    let (namespace, id) = (args.text(0, "namespace")?, args.text_or_null(1));
    let rows = args.json(2, "rows")?;
    let rows = rows.as_array().ok_or_else(|| Error::Import("rows is not an array".into()))?;
    let (key, block) = registry::resolve(&namespace, id.as_deref())?;
    let (row, created) = lifecycle::create(&key, &block)?;
    if row.version != block.version {
        bring_up(&key)?;
    }
    let _bounded = bounded_waits()?;
    let schema = lock_instance(&key, Mode::Drop)?.schema;
    let definition = registry::definition(&block.version)?;
    let total = as_owner(&schema, || fill(&schema, &definition, rows))?;
    audit::record("import", &key, json!({ "rows": total, "created": created }))?;
    Ok(Answer::Json(json!({
        "namespace": namespace, "id": id, "schema": schema, "rows": total, "created": created,
    })))
}

fn fill(schema: &str, block: &StoredBlock, rows: &[Value]) -> Result<i64, Error> {
    if let Some(stray) = rows.iter().find(|r| table_of(block, r).is_none()) {
        return Err(Error::Import(format!("no table {} in this block", stray["table_name"])));
    }
    for table in &block.tables {
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
        let own: Vec<&Value> = rows
            .iter()
            .filter(|r| table_of(block, r).is_some_and(|t| t.name == table.name))
            .map(|r| &r["record"])
            .collect();
        total += own.len() as i64;
        let name = qualified(schema, &table.name);
        spi::run(
            &format!("INSERT INTO {name} SELECT * FROM jsonb_populate_recordset(NULL::{name}, $1)"),
            &[JsonB(json!(own)).into()],
        )?;
    }
    for table in &block.tables {
        for key in references(schema, table) {
            spi::ddl(&add_constraint(schema, &table.name, &key))?;
        }
    }
    Ok(total)
}

fn table_of<'b>(block: &'b StoredBlock, row: &Value) -> Option<&'b Table> {
    row["table_name"].as_str().and_then(|name| block.table(name))
}
