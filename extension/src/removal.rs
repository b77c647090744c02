//! What does `DROP EXTENSION edgebase` leave behind, and who says so?
//!
//! PostgreSQL removes what `CREATE EXTENSION` made: registry, audit, functions. What the functions
//! made since, the schemas, tables and roles of instances, it does not know to belong to the
//! extension. An event trigger counts them and warns before anything is dropped. It is an event
//! trigger and not a hook because a session that drops the extension need never have loaded the
//! library.

use crate::answer::Answer;
use crate::args::Args;
use crate::error::Error;
use crate::identity::role_prefix;
use crate::spi;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::{PgLogLevel, PgSqlErrorCode};

/// `edgebase.warn_of_drop()`, called before every `DROP EXTENSION`.
pub fn warn_of_drop(args: &Args) -> Result<Answer, Error> {
    if args.dropped_extensions().iter().any(|name| name == "edgebase") {
        warn()?;
    }
    Ok(Answer::Nothing)
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
         A new CREATE EXTENSION does not take any of it over.",
    )
    .report(level);
    Ok(())
}
