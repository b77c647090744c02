//! What does a database error mean for the request?
//!
//! The one SQLSTATE table of the proxy. Everything not listed is a defect and becomes a 500
//! whose detail stays in the log. Contract section 2 gives constraint errors their status.

use crate::error::Error;
use edgebase_blocks::{Table, ddl, sqlstate};
use tokio_postgres::error::DbError;

/// Conditions that the instance layer acts on instead of passing them on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// The instance does not exist.
    Absent,
    /// Its schema is older than the config.
    Behind,
    /// What was located is no longer there: dropped, or dropped and made anew.
    Moved,
}

/// The signal in an error, if it is one.
#[must_use]
pub fn signal(error: &tokio_postgres::Error) -> Option<Signal> {
    let code = error.as_db_error()?.code().code();
    match code {
        _ if code == sqlstate::UNKNOWN_INSTANCE.code => Some(Signal::Absent),
        _ if code == sqlstate::INSTANCE_BEHIND.code => Some(Signal::Behind),
        // undefined_table, invalid_schema_name, insufficient_privilege, undefined_object: the
        // schema or role that was cached belongs to an instance that is gone.
        "42P01" | "3F000" | "42501" | "42704" => Some(Signal::Moved),
        _ => None,
    }
}

/// Whether the error only says that an earlier one had aborted the transaction.
#[must_use]
pub fn is_aftermath(error: &tokio_postgres::Error) -> bool {
    error.as_db_error().is_some_and(|e| e.code().code() == "25P02")
}

/// The client's view of an error; `table` names the fields behind constraints.
#[must_use]
pub fn to_error(error: &tokio_postgres::Error, table: Option<&Table>) -> Error {
    let Some(db) = error.as_db_error() else {
        return Error::unavailable("The database is not reachable. Try again.", describe(error));
    };
    let code = db.code().code();
    match code {
        // unique_violation, exclusion_violation
        "23505" | "23P01" => Error::Duplicate(field(db, table)),
        // foreign_key_violation, restrict_violation
        "23503" | "23001" => Error::ForeignKey(field(db, table)),
        // not_null_violation, check_violation
        "23502" | "23514" => Error::Constraint(field(db, table)),
        // serialization_failure, deadlock_detected
        "40001" | "40P01" => Error::Conflict,
        // query_canceled: the statement timeout
        "57014" => Error::TimedOut,
        // lock_not_available: somebody migrates or deletes the instance
        "55P03" => {
            Error::unavailable("The database is busy with a change. Try again.", describe(error))
        }
        _ if code == sqlstate::UNKNOWN_BLOCK.code => Error::unavailable(
            "This database is not set up yet. Apply the config to the server's database.",
            describe(error),
        ),
        _ if code == sqlstate::INSTANCE_BEHIND.code => Error::unavailable(
            "This database is being migrated and cannot serve yet. Try again.",
            describe(error),
        ),
        _ if code == sqlstate::INVALID_KEY.code => Error::BadRequest(db.message().to_owned()),
        // undefined_column, undefined_table: config and schema differ while a change rolls out
        "42703" | "42P01" | "3F000" => Error::unavailable(
            "This database's schema is being changed. Try again.",
            describe(error),
        ),
        _ => match &code[..2] {
            // data_exception: a value that passed validation and still does not fit
            "22" => Error::BadValue("A value is out of range or malformed for its field.".into()),
            // connection_exception, insufficient_resources, operator_intervention, system_error
            "08" | "53" | "57" | "58" => {
                Error::unavailable("The database cannot serve now. Try again.", describe(error))
            }
            _ => Error::internal(describe(error)),
        },
    }
}

fn field(db: &DbError, table: Option<&Table>) -> Option<String> {
    db.column()
        .map(str::to_owned)
        .or_else(|| ddl::constraint_field(table?, db.constraint()?).map(str::to_owned))
}

/// Everything the log should know.
#[must_use]
pub fn describe(error: &tokio_postgres::Error) -> String {
    match error.as_db_error() {
        Some(db) => {
            let mut text = format!("{}: {}", db.code().code(), db.message());
            for (label, part) in
                [("detail", db.detail()), ("hint", db.hint()), ("constraint", db.constraint())]
            {
                if let Some(part) = part {
                    text.push_str(&format!(" ({label}: {part})"));
                }
            }
            text
        }
        None => {
            let mut text = error.to_string();
            let mut source = std::error::Error::source(error);
            while let Some(cause) = source {
                text.push_str(&format!(": {cause}"));
                source = cause.source();
            }
            text
        }
    }
}
