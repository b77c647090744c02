//! What does a database error mean for the request?
//!
//! The one SQLSTATE table of the proxy. Everything not listed is a defect and becomes a 500
//! whose detail stays in the log. Contract section 2 gives constraint errors their status.

use super::failure::{Failure, Refusal};
use crate::error::Error;
use edgebase_blocks::{Field, Table, ddl, fit, sqlstate};

/// Conditions that the instance layer acts on instead of passing them on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// The instance does not exist.
    Absent,
    /// Its schema is older than the config.
    Behind,
    /// What was located is no longer there: dropped, or dropped and made anew.
    Moved,
    /// A table is not there: not made yet, or as `Moved`.
    NoTable,
    /// `edgebase.read_record` does not read the table, which somebody has changed by hand.
    Unreadable,
}

/// The signal in an error, if it is one.
#[must_use]
pub fn signal(error: &Failure) -> Option<Signal> {
    let code = error.code()?;
    match code {
        _ if code == sqlstate::UNKNOWN_INSTANCE.code => Some(Signal::Absent),
        _ if code == sqlstate::INSTANCE_BEHIND.code => Some(Signal::Behind),
        // undefined_table
        "42P01" => Some(Signal::NoTable),
        // invalid_schema_name, insufficient_privilege, undefined_object: the schema or role that
        // was cached belongs to an instance that is gone.
        "3F000" | "42501" | "42704" => Some(Signal::Moved),
        // wrong_object_type
        "42809" => Some(Signal::Unreadable),
        _ => None,
    }
}

/// The client's view of an error; `table` names the fields behind constraints.
#[must_use]
pub fn to_error(error: &Failure, table: Option<&Table>) -> Error {
    let db = match error {
        Failure::Refused(db) => db,
        Failure::Broken(_) => {
            return Error::unavailable("The database is not reachable. Try again.", error);
        }
        Failure::NoMemory => {
            return Error::unavailable("Too many large answers are under way. Try again.", error);
        }
        Failure::TooMuch { bytes, committed: false } => {
            return Error::AnswerTooLarge(format!(
                "The answer would be larger than {bytes} bytes. Ask for fewer records, or name some 'fields'."
            ));
        }
        Failure::TooMuch { bytes, committed: true } => {
            return Error::AnswerTooLarge(format!(
                "The request was carried out, but its answer would be larger than {bytes} bytes. Read the records one by one."
            ));
        }
    };
    let code = db.code.as_str();
    match code {
        // unique_violation, exclusion_violation
        "23505" | "23P01" => Error::Duplicate(field(db, table)),
        // foreign_key_violation, restrict_violation
        "23503" | "23001" => Error::ForeignKey(field(db, table)),
        // check_violation: of a value that a change has made, since the others have been checked
        "23514" => match broken(db, table) {
            Some((field, reason)) => Error::Check { field: field.name.clone(), reason },
            None => Error::Constraint(field(db, table)),
        },
        // not_null_violation
        "23502" => Error::Constraint(field(db, table)),
        // serialization_failure, deadlock_detected
        "40001" | "40P01" => Error::Conflict,
        // query_canceled: the statement timeout
        "57014" => Error::TimedOut,
        // lock_not_available: somebody migrates or deletes the instance
        "55P03" => Error::unavailable("The database is busy with a change. Try again.", error),
        _ if code == sqlstate::UNKNOWN_BLOCK.code => Error::unavailable(
            "This database is not set up yet. Apply the config to the server's database.",
            error,
        ),
        _ if code == sqlstate::INSTANCE_BEHIND.code => Error::unavailable(
            "This database is being migrated and cannot serve yet. Try again.",
            error,
        ),
        _ if code == sqlstate::TABLE_REWRITTEN.code => {
            Error::unavailable("This database's tables are being changed. Try again.", error)
        }
        _ if code == sqlstate::INVALID_KEY.code => Error::BadRequest(db.message.clone()),
        // undefined_column, undefined_table: config and schema differ while a change rolls out
        "42703" | "42P01" | "3F000" => {
            Error::unavailable("This database's schema is being changed. Try again.", error)
        }
        // program_limit_exceeded: an index entry or a row, of which only the database knows the size
        "54000" => Error::BadValue(
            "The record is too large: a value of an indexed or unique field may take about 2,700 bytes, and the short values of a record 8,160 together.".into(),
        ),
        // insufficient_privilege, dependent_objects_still_exist: what an operator did stands in the way
        "42501" | "2BP01" => {
            Error::unavailable("This database cannot do that now. Try again later.", error)
        }
        _ => match code.get(..2).unwrap_or_default() {
            // data_exception: a value that passed validation and still does not fit
            "22" => Error::BadValue("A value is out of range or malformed for its field.".into()),
            // connection_exception, insufficient_resources, operator_intervention, system_error
            "08" | "53" | "57" | "58" => {
                Error::unavailable("The database cannot serve now. Try again.", error)
            }
            _ => Error::internal(error),
        },
    }
}

/// The field whose CHECK was violated, and what its value would have to be.
fn broken<'t>(db: &Refusal, table: Option<&'t Table>) -> Option<(&'t Field, String)> {
    let (field, check) = ddl::constraint_check(table?, db.constraint.as_deref()?)?;
    Some((field, fit::reason_of(field, check)))
}

fn field(db: &Refusal, table: Option<&Table>) -> Option<String> {
    let of_constraint =
        || Some(ddl::constraint_field(table?, db.constraint.as_deref()?)?.to_owned());
    db.column.clone().or_else(of_constraint)
}
