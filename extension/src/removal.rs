//! What does `DROP EXTENSION edgebase` leave behind, and who else may not take it along?
//!
//! PostgreSQL removes what `CREATE EXTENSION` made: registry, audit, functions. What the functions
//! made since, the schemas, tables and roles of instances, it does not know to belong to the
//! extension. An event trigger counts them and warns before anything is dropped. It is an event
//! trigger and not a hook because a session that drops the extension need never have loaded the
//! library.
//!
//! Two commands would take the extension or every tenant along without naming either: dropping an
//! extension that it needs (`plpgsql`) with `CASCADE`, and `DROP OWNED BY` its owner or
//! `edgebase_owner`. They are refused. Schemas cannot take it along: it is registered in `pg_catalog`,
//! and the schema `edgebase` is its own.

use crate::answer::Answer;
use crate::args::Args;
use crate::error::Error;
use crate::identity::role_prefix;
use crate::spi;
use pgrx::pg_sys::Oid;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::{PgLogLevel, PgSqlErrorCode};

/// `edgebase.warn_of_drop()`, called before every `DROP EXTENSION` and `DROP OWNED`.
pub fn warn_of_drop(args: &Args) -> Result<Answer, Error> {
    let extensions = args.dropped_extensions();
    if extensions.iter().any(|name| name == "edgebase") {
        warn()?;
    } else if !extensions.is_empty() && needs(&extensions)? {
        return Err(Error::WouldTakeAlong("an extension that edgebase needs"));
    }
    let owners = args.dropped_owners();
    if !owners.is_empty() && owns(&owners)? {
        return Err(Error::WouldTakeAlong("what the owner of edgebase or of its instances owns"));
    }
    Ok(Answer::Nothing)
}

/// Whether an object of ours depends on one of these extensions or on an object of theirs.
fn needs(extensions: &[String]) -> Result<bool, Error> {
    let found = spi::one::<bool>(
        "SELECT true FROM pg_catalog.pg_extension ours
         JOIN pg_catalog.pg_depend member ON member.deptype = 'e'
             AND member.refclassid = 'pg_catalog.pg_extension'::regclass AND member.refobjid = ours.oid
         JOIN pg_catalog.pg_depend need ON need.classid = member.classid AND need.objid = member.objid
         JOIN pg_catalog.pg_depend theirs ON theirs.deptype = 'e'
             AND theirs.classid = need.refclassid AND theirs.objid = need.refobjid
         JOIN pg_catalog.pg_extension other ON other.oid = theirs.refobjid AND other.oid <> ours.oid
         WHERE ours.extname = 'edgebase' AND other.extname::text = ANY ($1) LIMIT 1",
        &[extensions.to_vec().into()],
    )?;
    Ok(found.unwrap_or(false))
}

/// Whether the extension or instances belong to one of these roles.
fn owns(roles: &[Oid]) -> Result<bool, Error> {
    let found = spi::one::<bool>(
        "SELECT true FROM pg_catalog.pg_extension
         WHERE extname = 'edgebase'
           AND (extowner = ANY ($1) OR to_regrole('edgebase_owner')::oid = ANY ($1))",
        &[roles.to_vec().into()],
    )?;
    Ok(found.unwrap_or(false))
}

fn warn() -> Result<(), Error> {
    let prefix = role_prefix();
    let left = spi::json(
        "SELECT jsonb_build_object(
             'schemas', (SELECT count(*) FROM pg_catalog.pg_namespace n
                         JOIN pg_catalog.pg_roles r ON r.oid = n.nspowner
                         WHERE r.rolname = 'edgebase_owner'),
             'roles', (SELECT count(*) FROM pg_catalog.pg_roles
                       WHERE pg_catalog.starts_with(rolname::text, $1)))",
        &[prefix.as_str().into()],
    )?;
    let count = |what: &str| left[what].as_u64().unwrap_or_default();
    let (schemas, roles) = (count("schemas"), count("roles"));
    let level = if schemas + roles > 0 { PgLogLevel::WARNING } else { PgLogLevel::NOTICE };
    ErrorReport::new(
        PgSqlErrorCode::ERRCODE_WARNING,
        format!("dropping edgebase leaves {schemas} schemas and {roles} roles of instances behind"),
        "edgebase.warn_of_drop",
    )
    .set_detail(format!(
        "The registry and the audit go. Every schema owned by edgebase_owner stays with its tables \
         and rows, and so does every role named {prefix}..., and edgebase_owner, edgebase_proxy, \
         edgebase_admin, edgebase_analyst.",
    ))
    .set_hint(
        "To remove the instances as well, call edgebase.drop_instance for each of them first. \
         To remove what stayed, drop those schemas and then those roles. \
         After a new CREATE EXTENSION and apply_config, edgebase.adopt() takes them over.",
    )
    .report(level);
    Ok(())
}
