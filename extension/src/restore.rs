//! How does one tenant get back what a backup has of it?
//!
//! The backup's schema is restored beside the instance's under another name. Then the two change
//! names in one transaction, with everybody kept out as for a deletion. The registry gets the version
//! whose shape the restored schema has, so it is migrated like any instance that is behind. What was
//! there before stays under the other name, marked, until somebody drops it or swaps it back.
//!
//! What stands elsewhere and depends on the instance, such as a view for a report, would go on showing
//! what is set aside. So it is named, and refuses the exchange, as it does a deletion.

use crate::answer::Answer;
use crate::args::Args;
use crate::audit;
use crate::conformance::{self, Shapes};
use crate::deletion;
use crate::error::Error;
use crate::instance::{self, SET_ASIDE};
use crate::integrity::Finding;
use crate::lifecycle::{self, bounded_waits};
use crate::lock;
use crate::registry::{self, InstanceRow};
use crate::repair;
use crate::spi;
use edgebase_blocks::InstanceKey;
use edgebase_blocks::quote::{ident, literal};
use serde_json::json;

/// Where a schema is while the other one gets its name; no key has it.
const BETWEEN: &str = ":between:";

/// `edgebase.restore_instance(namespace text, id text, from_schema text)`
pub fn restore_instance(args: &Args) -> Result<Answer, Error> {
    let (_superuser, _bounded) = (crate::integrity::as_superuser()?, bounded_waits()?);
    let (namespace, id) = (args.text(0, "namespace")?, args.text_or_null(1));
    let from = args.text(2, "from_schema")?;
    let (key, _) = registry::resolve(&namespace, id.as_deref())?;
    let row = lifecycle::evict_instance(&key)?;
    if let Some(schema) = lock::schema_oid(&row.schema) {
        // They would stay with what is set aside.
        deletion::refuse_dependants(&key, schema, "replaced")?;
    }
    check_owner(&from)?;
    let mut shapes = Shapes::default();
    let Some(version) = shapes.version_of(&namespace, &from, &row.version)? else {
        let differences = shapes.differences(&from, &row.version)?.join("; ");
        return Err(Error::Import(format!(
            "schema \"{from}\" has the shape of no version of block \"{namespace}\": {differences}"
        )));
    };
    swap(&key, &row, &from)?;
    spi::run(
        "UPDATE edgebase.instance SET version = $1, migrated_at = now(),
             failed_version = NULL, failed_at = NULL, failure = NULL WHERE number = $2",
        &[version.as_str().into(), row.number.into()],
    )?;
    repair::mend_instance(row.number)?;
    conformance::restore_checks(&row.schema, &version)?;
    let answer = json!({
        "namespace": namespace, "id": id, "schema": row.schema, "version": version,
        "set_aside": from,
    });
    audit::record("restore", &key, answer.clone())?;
    Ok(Answer::Json(answer))
}

/// A schema of somebody else's is not to be had in this way, nor one of another instance.
fn check_owner(schema: &str) -> Result<(), Error> {
    let free = spi::one::<bool>(
        "SELECT true FROM pg_namespace WHERE nspname = $1
         AND nspowner = to_regrole('edgebase_owner')
         AND NOT EXISTS (SELECT FROM edgebase.instance WHERE schema_name = $1)",
        &[schema.into()],
    )?;
    free.map(|_| ()).ok_or_else(|| {
        Error::Import(format!(
            "schema \"{schema}\" has to belong to edgebase_owner and to no instance"
        ))
    })
}

/// Schemas that restored ones have taken the place of, with what depends on each: it would go with it.
pub fn set_aside() -> Result<Vec<Finding>, Error> {
    let found = spi::json(
        "SELECT coalesce(jsonb_agg(jsonb_build_array(oid, nspname) ORDER BY nspname), '[]')
         FROM pg_namespace n
         WHERE nspowner = to_regrole('edgebase_owner')
           AND starts_with(coalesce(obj_description(oid, 'pg_namespace'), ''), $1)
           AND NOT EXISTS (SELECT FROM edgebase.instance i WHERE i.schema_name = n.nspname::text)",
        &[SET_ASIDE.into()],
    )?;
    let schemas: Vec<(String, String)> =
        serde_json::from_value(found).map_err(|e| Error::Internal(e.to_string()))?;
    let tell = |(oid, name): (String, String)| {
        let oid = oid.parse::<u32>().map_err(|e| Error::Internal(e.to_string()))?;
        let (dependants, name) = (deletion::dependants(oid.into())?, ident(&name));
        let drop = format!("DROP SCHEMA {name} CASCADE");
        let back = "or swap it back with edgebase.restore_instance";
        let (problem, remedy) = match dependants {
            None => (String::new(), format!("{drop}, {back}")),
            Some(names) => (
                format!(", and {names} depend on it"),
                format!("have them read the instance, or drop them, and then {drop}; {back}"),
            ),
        };
        let problem = format!("a restored one has taken its place{problem}");
        Ok(Finding::told("stray schema", name, problem, remedy))
    };
    schemas.into_iter().map(tell).collect()
}

fn swap(key: &InstanceKey, row: &InstanceRow, from: &str) -> Result<(), Error> {
    let rename = |old: &str, new: &str| {
        spi::ddl(&format!("ALTER SCHEMA {} RENAME TO {}", ident(old), ident(new)))
    };
    let was_there = lock::schema_oid(&row.schema).is_some();
    if was_there {
        rename(&row.schema, BETWEEN)?;
    }
    rename(from, &row.schema)?;
    instance::mark(key, &row.schema)?;
    if was_there {
        rename(BETWEEN, from)?;
        let mark = literal(&format!("{SET_ASIDE}{key}"));
        spi::ddl(&format!("COMMENT ON SCHEMA {} IS {mark}", ident(from)))?;
    }
    Ok(())
}
