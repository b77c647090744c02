//! How does the registry come to know schemas that are there?
//!
//! When the registry is lost, as by `DROP EXTENSION ... CASCADE`, or a schema is restored without it,
//! the tenants' schemas are whole and nothing leads to them. A schema says by its name which instance
//! it is, or by a comment where the name is not the key; `edgebase_owner` owns it, so nobody else can
//! have made it; and its shape says which version of the block it is at. Adopting one writes its
//! row and gives it a new role. Nothing of its contents is touched.
//!
//! Until then no other instance of that key is made: it would be empty, and in the way.

use crate::answer::Answer;
use crate::args::Args;
use crate::audit;
use crate::conformance::{self, Shapes};
use crate::error::Error;
use crate::instance::{MARK, SET_ASIDE};
use crate::lifecycle::bounded_waits;
use crate::lock;
use crate::registry;
use crate::repair;
use crate::spi;
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
    for (schema, comment) in strays(None)? {
        if left == 0 {
            break;
        }
        let key = key_of(&schema, comment.as_deref());
        let (version, problem) = match &key {
            None => (None, Some("its name is no key, and no comment says which".to_owned())),
            Some(key) => match take(&mut shapes, key, &schema)? {
                Ok(version) => (Some(version), None),
                Err(problem) => (None, Some(problem)),
            },
        };
        left -= i32::from(version.is_some());
        told.push(json!({
            "schema": schema, "key": key.map(|k| k.to_string()), "version": version,
            "adopted": version.is_some(), "problem": problem,
        }));
    }
    Ok(Answer::Json(Value::Array(told)))
}

/// Adopts the schema that is an instance's by its name, if there is one; whether there was.
pub fn adopt_key(key: &InstanceKey) -> Result<bool, Error> {
    let Some(schema) = stray_of(key)? else { return Ok(false) };
    match take(&mut Shapes::default(), key, &schema)? {
        Ok(_) => Ok(true),
        Err(_) => Err(Error::Stray(schema)),
    }
}

/// Refuses to go on where a schema is there that is the instance's by its name.
pub fn refuse_stray(key: &InstanceKey) -> Result<(), Error> {
    stray_of(key)?.map_or(Ok(()), |schema| Err(Error::Stray(schema)))
}

fn stray_of(key: &InstanceKey) -> Result<Option<String>, Error> {
    let there = key.schema_names().into_iter().filter(|name| lock::schema_oid(name).is_some());
    let there: Vec<String> = there.collect();
    if there.is_empty() {
        return Ok(None);
    }
    let marked = format!("{MARK}{key}");
    let is_its = |comment: &Option<String>| comment.as_ref().is_none_or(|c| *c == marked);
    let strays = strays(Some(there))?.into_iter();
    Ok(strays.filter(|(_, comment)| is_its(comment)).map(|(schema, _)| schema).next())
}

/// Schemas that `edgebase_owner` owns and the registry does not know, with what is said of them.
fn strays(names: Option<Vec<String>>) -> Result<Vec<(String, Option<String>)>, Error> {
    let found = spi::json(
        "SELECT coalesce(jsonb_agg(jsonb_build_array(nspname, comment) ORDER BY nspname), '[]')
         FROM pg_namespace n, LATERAL obj_description(n.oid, 'pg_namespace') AS comment
         WHERE nspowner = to_regrole('edgebase_owner')
           AND ($1 IS NULL OR nspname::text = ANY ($1))
           AND NOT EXISTS (SELECT FROM edgebase.instance i WHERE i.schema_name = nspname::text)
           AND NOT coalesce(starts_with(comment, $2), false)",
        &[names.into(), SET_ASIDE.into()],
    )?;
    serde_json::from_value(found).map_err(|e| Error::Internal(e.to_string()))
}

/// The instance that a schema is, by its comment or its name.
fn key_of(schema: &str, comment: Option<&str>) -> Option<InstanceKey> {
    let key = comment.and_then(|c| c.strip_prefix(MARK)).unwrap_or(schema);
    match key.split_once(':') {
        Some((namespace, id)) => InstanceKey::new(namespace, Some(id)).ok(),
        None => InstanceKey::new(key, None).ok(),
    }
}

/// Writes the row of an instance whose schema is there; its version, or why not.
fn take(
    shapes: &mut Shapes,
    key: &InstanceKey,
    schema: &str,
) -> Result<Result<String, String>, Error> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_is_the_instance_of_its_name_unless_a_comment_names_another() {
        let key = |schema, comment| key_of(schema, comment).map(|k| k.to_string());
        assert_eq!(key("user:o'dd \"x\"", None).as_deref(), Some("user:o'dd \"x\""));
        assert_eq!(key("app", Some("the app")).as_deref(), Some("app"));
        assert_eq!(key("public:", None), None);
        assert_eq!(key("public:", Some("EdgeBase instance public")).as_deref(), Some("public"));
    }
}
