//! Which version of its block does a schema have the shape of?
//!
//! The registry says which version an instance is at, but a schema that came from a backup is of the
//! version of then. So the schema itself is asked: a version's tables are built in a scratch schema
//! that is rolled back, and what the catalogs say of both is compared.
//!
//! Tables that are not there yet are left out, as an instance of a dynamic block may lack some. What a
//! DBA or a migration added (tables, views, indexes) does not matter, nor does the order of columns; nor does NOT NULL,
//! which a migration leaves away where rows have nulls.

use crate::answer::Answer;
use crate::args::Args;
use crate::attempt::trial;
use crate::audit;
use crate::error::Error;
use crate::instance::{self, as_owner};
use crate::lifecycle::{bounded_waits, lock_instance, schema_of};
use crate::lock::Mode;
use crate::registry::{self, InstanceRow};
use crate::spi;
use crate::tables;
use edgebase_blocks::block::BlockKind;
use edgebase_blocks::quote::ident;
use edgebase_blocks::sparse::Names;
use edgebase_blocks::{StoredBlock, ddl};
use serde_json::{Value, json};
use std::collections::{BTreeSet, HashMap};

/// What the tables of a schema are made of, a line for each column, constraint and index.
type Lines = BTreeSet<String>;

/// Shapes that were built, by version and tables: instances of one block mostly have the same.
#[derive(Default)]
pub struct Shapes(HashMap<(String, Names), Lines>);

impl Shapes {
    /// What distinguishes a schema from a version: what it lacks, and columns and constraints that
    /// it has too much.
    pub fn differences(&mut self, schema: &str, version: &str) -> Result<Vec<String>, Error> {
        let block = registry::definition(version)?;
        let there = instance::tables(schema, &block);
        let found = lines(schema, &there)?;
        let wanted = self.wanted(version, &block, &there)?;
        let missing = wanted.difference(&found).map(|line| format!("lacks {line}"));
        let more = found.difference(wanted).filter(|line| !line.starts_with("index "));
        Ok(missing.chain(more.map(|line| format!("has {line}"))).collect())
    }

    fn wanted(
        &mut self,
        version: &str,
        block: &StoredBlock,
        there: &Names,
    ) -> Result<&Lines, Error> {
        let key = (version.to_owned(), there.clone());
        if !self.0.contains_key(&key) {
            let built = build(&block.part(there))?;
            self.0.insert(key.clone(), built);
        }
        Ok(&self.0[&key])
    }

    /// The newest version of the block that a schema has the shape of; first of all the one that is
    /// supposed.
    pub fn version_of(
        &mut self,
        namespace: &str,
        schema: &str,
        supposed: &str,
    ) -> Result<Option<String>, Error> {
        let versions = spi::json(
            "SELECT coalesce(jsonb_agg(version ORDER BY version = $2 DESC, recorded_at DESC), '[]')
             FROM edgebase.block_version WHERE namespace = $1",
            &[namespace.into(), supposed.into()],
        )?;
        for version in versions.as_array().into_iter().flatten().filter_map(Value::as_str) {
            // A schema without any table of the block has the shape of each version.
            if self.differences(schema, version)?.iter().all(|line| is_lost_check(line)) {
                return Ok(Some(version.to_owned()));
            }
        }
        Ok(None)
    }
}

/// The checks that count as JavaScript does need a function of the extension, and go with it.
fn is_lost_check(difference: &str) -> bool {
    difference.starts_with("lacks constraint ") && difference.contains(COUNTING)
}

const COUNTING: &str = "edgebase.utf16_length(";

/// Adds such checks where they were lost.
pub fn restore_checks(schema: &str, version: &str) -> Result<(), Error> {
    let block = registry::definition(version)?;
    for table in &block.part(&instance::tables(schema, &block)).tables {
        let counting = ddl::constraints(table).into_iter();
        for check in counting.filter(|c| c.clause.contains(COUNTING)) {
            let there = spi::one::<bool>(
                "SELECT true FROM pg_constraint
                 WHERE conrelid = format('%I.%I', $1, $2)::regclass AND conname = $3::name",
                &[schema.into(), table.name.as_str().into(), check.name.as_str().into()],
            )?;
            if there.is_none() {
                as_owner(schema, || spi::ddl(&ddl::add_constraint(schema, &table.name, &check)))?;
            }
        }
    }
    Ok(())
}

/// `edgebase.verify_version(namespace text, id text)`: looks at the tables, and corrects what the
/// registry says of them.
pub fn verify_version(args: &Args) -> Result<Answer, Error> {
    let _superuser = crate::integrity::as_superuser()?;
    let (namespace, id) = (args.text(0, "namespace")?, args.text_or_null(1));
    let (key, block) = registry::resolve(&namespace, id.as_deref())?;
    let _bounded = bounded_waits()?;
    let row = lock_instance(&key, Mode::Use)?;
    schema_of(&key, &row)?;
    let mut shapes = Shapes::default();
    let found = shapes.version_of(&namespace, &row.schema, &row.version)?;
    let absent = absent(&row, found.as_ref().unwrap_or(&row.version), block.kind)?;
    let differences = match found {
        Some(_) if !absent.is_empty() => absent,
        Some(found) if found == row.version => Vec::new(),
        Some(found) => {
            spi::run(
                "UPDATE edgebase.instance SET version = $1, failed_version = NULL, failed_at = NULL,
                     failure = NULL WHERE number = $2",
                &[found.as_str().into(), row.number.into()],
            )?;
            let details = json!({ "from": row.version, "to": found });
            audit::record("correct_version", &key, details)?;
            return Ok(Answer::Json(json!({
                "version": found, "corrected": true, "differences": [],
            })));
        }
        None => [absent, shapes.differences(&row.schema, &row.version)?].concat(),
    };
    Ok(Answer::Json(json!({
        "version": row.version, "corrected": false, "differences": differences,
    })))
}

/// The tables that an instance should have and has not got. That of a dynamic block may lack some, but
/// none that is in another schema.
fn absent(row: &InstanceRow, version: &str, kind: BlockKind) -> Result<Vec<String>, Error> {
    let block = registry::definition(version)?;
    let lacking = &block.names() - &instance::tables(&row.schema, &block);
    let moved = tables::moved(row.number, &row.schema, &lacking);
    let place = |name: &String| moved.iter().find(|(table, _)| table == name).map(|(_, now)| now);
    let told = lacking.iter().filter_map(|name| match place(name) {
        Some(now) => Some(format!("lacks table {}, which is {now}", ident(name))),
        None => (kind == BlockKind::Single).then(|| format!("lacks table {}", ident(name))),
    });
    Ok(told.collect())
}

/// The lines of a block's tables, built where no key has its schema.
fn build(block: &StoredBlock) -> Result<Lines, Error> {
    let schema = ":shape:";
    trial(|| {
        spi::run(&format!("CREATE SCHEMA {} AUTHORIZATION edgebase_owner", ident(schema)), &[])?;
        as_owner(schema, || {
            ddl::create_block(schema, block).iter().try_for_each(|sql| spi::ddl(sql))
        })?;
        lines(schema, &block.names())
    })
}

/// Names are written as they are seen from inside the schema, so that two schemas can be compared.
fn lines(schema: &str, tables: &Names) -> Result<Lines, Error> {
    let tables: Vec<String> = tables.iter().cloned().collect();
    let found = as_owner(schema, || {
        spi::json(include_str!("conformance.sql"), &[schema.into(), tables.into()])
    })?;
    serde_json::from_value(found).map_err(|e| Error::Internal(e.to_string()))
}
