//! Which tables does an export read, and are they those of its moment?
//!
//! Those of the instance's block, and whatever else belongs to the owner of instances, such as a
//! table that a migration made. What an operator put into the schema belongs to him and is no part
//! of an export; a table of the block that was taken away from its owner is, and fails it. Partitions
//! and other heirs are read with the table that they are part of.
//!
//! An export shows one moment, that of its query. So its tables are locked, and then must be the
//! ones that the query's snapshot knows: an instance that was migrated in between is tried again.

use crate::answer::Answer;
use crate::args::Args;
use crate::confine;
use crate::error::Error;
use crate::fence::plain;
use crate::fence::rows::Snapshot;
use crate::lock;
use crate::registry;
use crate::relation;
use crate::spi;
use edgebase_blocks::InstanceKey;
use pgrx::datum::JsonB;
use pgrx::pg_sys::Oid;
use serde_json::{Value, json};

/// How often the tables are looked up, where others change them at the same time.
const ATTEMPTS: usize = 3;

/// `edgebase.exported_tables(namespace text, id text)`: `{"schema", "tables": [[name, whether it has
/// an id]]}`, in the order of their names. The tables stay locked against changes to the end of the
/// transaction.
pub fn exported_tables(args: &Args) -> Result<Answer, Error> {
    if confine::is_at_home() {
        return Err(Error::Confined("function exported_tables".to_owned()));
    }
    let (namespace, id) = (args.text(0, "namespace")?, args.text_or_null(1));
    let (key, _) = registry::resolve(&namespace, id.as_deref())?;
    let mut found = tables(&key)?;
    for _ in 0..ATTEMPTS {
        for name in names(&found) {
            let schema = found["schema"].as_str().unwrap_or_default();
            if let Some(table) = relation::oid(schema, name) {
                lock::share_table(table, || Ok::<_, Error>(()))?;
            }
        }
        let again = tables(&key)?;
        if again == found {
            check_moment(&key)?;
            return Ok(Answer::Json(found));
        }
        found = again;
    }
    Err(Error::Interfered(key.to_string()))
}

fn names(found: &Value) -> impl Iterator<Item = &str> {
    found["tables"].as_array().into_iter().flatten().filter_map(|table| table[0].as_str())
}

fn tables(key: &InstanceKey) -> Result<Value, Error> {
    let row = registry::instance(key).ok_or_else(|| Error::UnknownInstance(key.to_string()))?;
    let schema = lock::schema_oid(&row.schema).unwrap_or(Oid::INVALID);
    let owner = plain::get_role_oid(c"edgebase_owner", true);
    let block = registry::definition(&row.version)?;
    let names: Vec<&String> = block.tables.iter().map(|table| &table.name).collect();
    let tables = spi::json(
        "SELECT coalesce(jsonb_agg(jsonb_build_array(c.relname, EXISTS (
                    SELECT FROM pg_attribute a
                    WHERE a.attrelid = c.oid AND a.attname = 'id' AND NOT a.attisdropped))
                ORDER BY c.relname COLLATE \"C\"), '[]')
         FROM pg_depend d JOIN pg_class c ON c.oid = d.objid
         WHERE d.refclassid = 'pg_namespace'::regclass AND d.refobjid = $1
           AND d.classid = 'pg_class'::regclass AND d.deptype = 'n'
           AND ($2 ? c.relname::text
                OR c.relkind IN ('r', 'p') AND c.relowner = $3
                   AND NOT EXISTS (SELECT FROM pg_inherits i WHERE i.inhrelid = c.oid))",
        &[schema.into(), JsonB(json!(names)).into(), owner.into()],
    )?;
    Ok(json!({ "schema": row.schema, "tables": tables }))
}

/// Refuses an instance that the query's snapshot knows as another, or of another version.
fn check_moment(key: &InstanceKey) -> Result<(), Error> {
    let then = Snapshot::active(|active| registry::instance_at(key, active));
    if then == registry::instance(key) {
        return Ok(());
    }
    Err(Error::Rewritten(format!("instance \"{key}\"")))
}

#[cfg(test)]
mod tests {
    use edgebase_blocks::settings::OUTPUT;

    #[test]
    fn an_export_pins_every_setting_that_changes_how_values_are_written() {
        let mut sql = include_str!("../sql/bootstrap.sql").split("CREATE FUNCTION ");
        let export = sql.find(|f| f.starts_with("edgebase.export_instance("));
        let export = export.expect("it is declared");
        for (name, value) in OUTPUT {
            let is_set =
                |quote| export.contains(&format!("\nSET {name} = {quote}{value}{quote}\n"));
            assert!(is_set("") || is_set("'"), "{name}");
        }
    }
}
