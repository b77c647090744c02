//! Which tables does an export read, and are they those of its moment?
//!
//! Those of the instance's block, and whatever else belongs to the owner of instances, such as a
//! table that a migration made. What an operator put into the schema belongs to him and is no part
//! of an export; a table of the block that was taken away from its owner is, and fails it. Partitions
//! and other heirs are read with the table that they are part of.
//!
//! An export shows one moment, that of its query. So which tables there are is read by the query's own
//! snapshot, and each has to be there still, with the rows that the snapshot had under its name
//! ([`history`]): what was migrated, restored or exchanged in between is tried again.

use crate::answer::Answer;
use crate::args::Args;
use crate::confine;
use crate::error::Error;
use crate::fence::history;
use crate::fence::rows::Snapshot;
use crate::lifecycle::schema_of;
use crate::lock;
use crate::registry;
use crate::relation;
use crate::tables;
use edgebase_blocks::sparse::Names;
use serde_json::json;

/// `edgebase.exported_tables(namespace text, id text)`: `{"schema", "tables"}`, the names of the
/// block's tables. Those that are there stay locked against changes to the end of the transaction.
pub fn exported_tables(args: &Args) -> Result<Answer, Error> {
    if confine::is_at_home() {
        return Err(Error::Confined("function exported_tables".to_owned()));
    }
    let (namespace, id) = (args.text(0, "namespace")?, args.text_or_null(1));
    let (key, _) = registry::resolve(&namespace, id.as_deref())?;
    let row = registry::instance(&key).ok_or_else(|| Error::UnknownInstance(key.to_string()))?;
    let block = registry::definition(&row.version)?;
    let mut lacking = Names::new();
    for table in &block.tables {
        match relation::oid(&row.schema, &table.name) {
            Some(oid) => lock::share_table(oid, || Ok::<_, Error>(()))?,
            None => drop(lacking.insert(table.name.clone())),
        }
    }
    // Now nobody migrates or restores it any more.
    let schema = schema_of(&key, &row)?;
    tables::refuse_moved(row.number, &row.schema, &lacking)?;
    let is_another = Snapshot::active(|then| {
        registry::instance_at(&key, then).as_ref() != Some(&row)
            || history::is_other_schema(then, schema)
    });
    if is_another || registry::instance(&key).as_ref() != Some(&row) {
        return Err(Error::Rewritten(format!("instance \"{key}\"")));
    }
    Ok(Answer::Json(json!({ "schema": row.schema, "tables": block.names() })))
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
