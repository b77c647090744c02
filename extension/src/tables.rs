//! Which tables of its block has an instance, and how does it get the others?
//!
//! A table may be made later than its instance, at its first write. What is there is what the
//! catalogs say; the registry knows nothing of it. Tables are made in the shape of the instance's
//! own version and only while that is the block's, under a lock that keeps migrating and dropping
//! away and lets requests go on: they notice nothing, except that writers of a table that is there
//! wait for a moment when one comes that refers to it.

use crate::answer::Answer;
use crate::args::Args;
use crate::error::Error;
use crate::fence::{catalog, plain};
use crate::identity::role_oid;
use crate::instance;
use crate::lifecycle::{bounded_waits, lock_instance, schema_of};
use crate::lock::Mode;
use crate::registry::{self, InstanceRow, role_name};
use crate::relation;
use edgebase_blocks::quote::qualified;
use edgebase_blocks::sparse::Names;
use edgebase_blocks::{InstanceKey, StoredBlock};
use pgrx::pg_sys::Oid;
use serde_json::json;

/// `edgebase.ensure_tables(namespace text, id text, tables text[])`: null stands for all.
pub fn ensure_tables(args: &Args) -> Result<Answer, Error> {
    let (namespace, id) = (args.text(0, "namespace")?, args.text_or_null(1));
    let names = args.texts_or_null(2, "tables")?;
    let (key, _) = registry::resolve(&namespace, id.as_deref())?;
    let row = registry::instance(&key).ok_or_else(|| Error::UnknownInstance(key.to_string()))?;
    let answer = |row: &InstanceRow, made: &Names| {
        Ok(Answer::Json(json!({ "schema": row.schema, "created": made })))
    };
    if lacking(&key, &row, names.as_deref())?.tables.is_empty() {
        return answer(&row, &Names::new());
    }
    let _bounded = bounded_waits()?;
    let row = lock_instance(&key, Mode::Use)?;
    answer(&row, &ensure(&key, &row, names.as_deref())?)
}

/// Makes those of the tables that are not there, and gives their names; the instance is locked.
pub fn ensure(
    key: &InstanceKey,
    row: &InstanceRow,
    names: Option<&[String]>,
) -> Result<Names, Error> {
    schema_of(key, row)?;
    let lacking = lacking(key, row, names)?;
    if !lacking.tables.is_empty() {
        refuse_moved(row.number, &row.schema, &lacking.names())?;
        instance::refuse_default_privileges()?;
        instance::as_owner(&row.schema, || {
            instance::make_tables(&row.schema, row.number, &lacking)
        })?;
    }
    Ok(lacking.names())
}

/// Refuses where one of the tables that an instance has not got is there in another schema, with the
/// rows that whoever asks would miss.
pub fn refuse_moved(number: i64, schema: &str, lacking: &Names) -> Result<(), Error> {
    match moved(number, schema, lacking).into_iter().next() {
        None => Ok(()),
        Some((_, now)) => Err(Error::TableMoved { now, schema: schema.to_owned() }),
    }
}

/// Those of the tables that are there in another schema, each with where it is: the instance's role may
/// use them there.
pub fn moved(number: i64, schema: &str, lacking: &Names) -> Vec<(String, String)> {
    let Some(role) = role_oid(&role_name(number)).filter(|_| !lacking.is_empty()) else {
        return Vec::new();
    };
    let owner = role_oid("edgebase_owner");
    let is_ours = |table: &Oid| {
        matches!(plain::get_rel_relkind(*table) as u8, b'r' | b'p')
            && catalog::class(*table).map(|class| class.owner) == owner
    };
    let named = |table| {
        let (now, name) = relation::name(table)?;
        (now != schema && lacking.contains(&name)).then(|| (qualified(&now, &name), name))
    };
    let tables = catalog::granted(role).into_iter().filter(is_ours).filter_map(named);
    tables.map(|(now, name)| (name, now)).collect()
}

/// The tables of those names, with all that they refer to; all for `None`.
pub fn wanted(block: StoredBlock, names: Option<&[String]>) -> Result<StoredBlock, Error> {
    let Some(names) = names else { return Ok(block) };
    if let Some(table) = names.iter().find(|name| block.table(name).is_none()) {
        return Err(Error::UnknownTable { block: block.namespace, table: table.clone() });
    }
    Ok(block.part(&block.closure(&names.iter().cloned().collect())))
}

/// Those of the wanted tables that the instance has not got.
fn lacking(
    key: &InstanceKey,
    row: &InstanceRow,
    names: Option<&[String]>,
) -> Result<StoredBlock, Error> {
    let wanted = wanted(definition(key, row)?, names)?;
    Ok(wanted.part(&(&wanted.names() - &instance::tables(&row.schema, &wanted))))
}

/// The shape of an instance that is at its block's version.
fn definition(key: &InstanceKey, row: &InstanceRow) -> Result<StoredBlock, Error> {
    match registry::block(key.namespace()) {
        Some(block) if block.version == row.version => registry::definition(&row.version),
        Some(_) => Err(Error::Behind(key.to_string())),
        None => Err(Error::UnknownBlock(key.namespace().to_owned())),
    }
}

/// `edgebase.has_table(namespace text, id text, table_name text)`: false for a table of the block
/// that the instance has not got yet.
pub fn has_table(args: &Args) -> Result<Answer, Error> {
    let (namespace, id) = (args.text(0, "namespace")?, args.text_or_null(1));
    let table = args.text(2, "table_name")?;
    let (key, _) = registry::resolve(&namespace, id.as_deref())?;
    // Twice, because a migration may rename the table between the two looks at the registry.
    for _ in 0..2 {
        let Some(row) = registry::instance(&key) else { break };
        let there = relation::oid(&row.schema, &table).is_some();
        if registry::instance(&key).as_ref() == Some(&row) {
            wanted(definition(&key, &row)?, Some(std::slice::from_ref(&table)))?;
            if !there {
                refuse_moved(row.number, &row.schema, &Names::from([table]))?;
            }
            return Ok(Answer::Bool(there));
        }
    }
    Err(Error::UnknownInstance(key.to_string()))
}
