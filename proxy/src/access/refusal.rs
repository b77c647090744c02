//! In which words is a caller refused?
//!
//! In the contract's, one function for each; they say nothing of why. Which rule it was, and its
//! cause, is said apart and not to strangers.

use crate::error::Error;
use edgebase_blocks::Table;

pub(super) fn no_databases() -> Error {
    Error::Denied(
        "Access denied. No databases config is defined for this server. Add config.databases or set release: false while developing locally.".into(),
    )
}

pub(super) fn unknown_namespace(namespace: &str) -> Error {
    Error::Denied(format!(
        "Access denied. Namespace '{namespace}' is not configured. Check the API path or add this namespace to config.databases."
    ))
}

pub(super) fn unknown_table(table: &str) -> Error {
    Error::Denied(format!(
        "Access denied. Table '{table}' is not configured. Check the API path or add this table, with access rules, to the config."
    ))
}

pub(super) fn unruled_table(table: &str) -> Error {
    Error::Denied(format!(
        "Access denied. No access rules are defined for table '{table}'. Add access.* rules or disable release mode for local-only development."
    ))
}

pub(super) fn refused_instance(namespace: &str, id: &str) -> Error {
    Error::Denied(format!("Access denied. You do not have access to {namespace}:{id}."))
}

pub(super) fn no_upsert_rules(table: &Table) -> Error {
    Error::Denied(format!("Access denied. No insert or update rules for '{}'.", table.name))
}

/// The refusal of an operation on one record.
#[must_use]
pub fn refused_record(table: &Table, operation: &str, id: &str) -> Error {
    Error::RowDenied(format!(
        "Access denied: '{operation}' rule blocked record \"{id}\" in table \"{}\".",
        table.name
    ))
}

/// The refusal of a write by filter, whatever it matches.
#[must_use]
pub fn refused_bulk(table: &Table, operation: &str) -> Error {
    Error::RowDenied(format!(
        "Access denied: '{operation}' rule blocked batch-by-filter on table \"{}\".",
        table.name
    ))
}

/// The refusal of an operation as a whole.
#[must_use]
pub fn refused_request(table: &Table, operation: &str) -> Error {
    Error::Denied(format!(
        "Access denied. The '{operation}' access rule for table '{}' rejected this request.",
        table.name
    ))
}

/// The refusal of an operation that has no rule, where that denies.
#[must_use]
pub fn no_rule(table: &Table, operation: &str) -> Error {
    Error::Denied(format!("Access denied. No '{operation}' rule defined for '{}'.", table.name))
}

/// The refusal to delete an instance.
#[must_use]
pub fn refused_drop(namespace: &str) -> Error {
    Error::Denied(format!(
        "Access denied. The 'delete' rule of '{namespace}' rejected this request."
    ))
}
