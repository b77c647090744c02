//! How does the registry come to know schemas that are there?
//!
//! When the registry is lost, as by `DROP EXTENSION ... CASCADE`, or a schema is restored without it,
//! the tenants' schemas are whole and nothing leads to them. A schema says by its name which instance
//! it is, or by a comment where the name is not the key; `edgebase_owner` owns it, so nobody else can
//! have made it; and its shape says which version of the block it is at. Adopting one writes its
//! row and gives it a new role. Nothing of its contents is touched. Which schemas there are, and which of
//! them are another's: [`stray`].

use crate::answer::Answer;
use crate::args::Args;
use crate::audit;
use crate::conformance::{self, Shapes};
use crate::error::Error;
use crate::lifecycle::bounded_waits;
use crate::registry;
use crate::repair;
use crate::spi;
use crate::stray::{self, Stray};
use edgebase_blocks::InstanceKey;
use edgebase_blocks::block::BlockKind;
use serde_json::{Value, json};

/// The most schemas of one call.
const MAX_BATCH: i32 = 10_000;

/// `edgebase.adopt_json(batch integer)`: adopts at most so many, and tells of each schema that is
/// nobody's what became of it.
pub fn adopt(args: &Args) -> Result<Answer, Error> {
    let (_superuser, _bounded) = (crate::integrity::as_superuser()?, bounded_waits()?);
    let mut left = args.int(0).clamp(1, MAX_BATCH);
    let (mut shapes, mut told) = (Shapes::default(), Vec::new());
    for stray in stray::strays(None)?.iter().filter(|stray| !stray.is_set_aside()) {
        if left == 0 {
            break;
        }
        let key = stray.key();
        let (version, problem) = match &key {
            None => (None, Some("its name is no key, and no comment says which".to_owned())),
            Some(key) => match take(&mut shapes, key, stray)? {
                Ok(version) => (Some(version), None),
                Err(problem) => (None, Some(problem)),
            },
        };
        left -= i32::from(version.is_some());
        told.push(json!({
            "schema": stray.schema, "key": key.map(|k| k.to_string()), "version": version,
            "adopted": version.is_some(), "problem": problem,
        }));
    }
    Ok(Answer::Json(Value::Array(told)))
}

/// Adopts the schema that is an instance's by its name, if there is one; whether there was.
pub fn adopt_key(key: &InstanceKey) -> Result<bool, Error> {
    let Some(stray) = stray::of(key)? else { return Ok(false) };
    match take(&mut Shapes::default(), key, &stray)? {
        Ok(_) => Ok(true),
        Err(_) => stray::refuse(key).map(|()| false),
    }
}

/// Writes the row of an instance whose schema is there; its version, or why not.
fn take(
    shapes: &mut Shapes,
    key: &InstanceKey,
    stray: &Stray,
) -> Result<Result<String, String>, Error> {
    let schema = stray.schema.as_str();
    if let Some((problem, remedy)) = stray.objection() {
        return Ok(Err(format!("{problem}: {remedy}")));
    }
    let Some(block) = registry::block(key.namespace()) else {
        return Ok(Err(format!("no block \"{}\" is applied", key.namespace())));
    };
    if (block.kind == BlockKind::Single) != key.id().is_none() {
        return Ok(Err(format!("block \"{}\" is of the other kind", key.namespace())));
    }
    if let Some(other) = registry::instance(key) {
        return Ok(Err(format!("the instance exists, in schema \"{}\"", other.schema)));
    }
    let Some(version) = shapes.version_of(key.namespace(), schema, &block.version)? else {
        let differences = shapes.differences(schema, &block.version)?;
        return Ok(Err(format!(
            "it has the shape of no version of its block: {}",
            differences.join("; ")
        )));
    };
    let number = spi::one::<i64>(
        "INSERT INTO edgebase.instance (namespace, id, schema_name, version)
         VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING RETURNING number",
        &[
            key.namespace().into(),
            key.id().unwrap_or_default().into(),
            schema.into(),
            version.as_str().into(),
        ],
    )?;
    let Some(number) = number else {
        return Ok(Err("the instance was created meanwhile".to_owned()));
    };
    // The owner comes first: it is as whom checks are added.
    repair::mend_instance(number)?;
    conformance::restore_checks(schema, &version)?;
    audit::record("adopt", key, json!({ "schema": schema, "version": version }))?;
    Ok(Ok(version))
}
