//! Who did what to which instance, and when?
//!
//! One row per deed in a table to which rows are only ever added: a trigger refuses everything
//! else, and no role but the extension's owner has a privilege on it. A row is written in the
//! transaction of the deed, so neither is there without the other.

use crate::error::Error;
use crate::spi;
use edgebase_blocks::InstanceKey;
use pgrx::datum::JsonB;
use serde_json::Value;

/// Adds a row; the actor is the session's user.
pub fn record(action: &str, key: &InstanceKey, details: Value) -> Result<(), Error> {
    write(action, key.namespace(), key.id(), details)
}

/// Adds a row about a whole block.
pub fn record_block(action: &str, namespace: &str, details: Value) -> Result<(), Error> {
    write(action, namespace, None, details)
}

fn write(action: &str, namespace: &str, id: Option<&str>, details: Value) -> Result<(), Error> {
    spi::run(
        "INSERT INTO edgebase.audit_log (actor, action, namespace, id, details)
         VALUES (session_user, $1, $2, $3, $4)",
        &[action.into(), namespace.into(), id.into(), JsonB(details).into()],
    )
}
