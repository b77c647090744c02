//! What does a database error mean for the request?
//!
//! The one SQLSTATE table of the proxy; what is nobody's fault who calls is in `outage`.
//! Everything not listed is a defect and becomes a 500 whose detail stays in the log. Contract
//! section 2 gives constraint errors their status.

use super::failure::{Failure, Refusal};
use super::outage;
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
        // not_null_violation, integrity_constraint_violation, with_check_option_violation
        "23502" | "23000" | "44000" => Error::Constraint(field(db, table)),
        // query_canceled: the statement timeout; transaction_timeout
        "57014" | "25P04" => Error::TimedOut,
        _ if code == sqlstate::INVALID_KEY.code => Error::BadRequest(db.message.clone()),
        // program_limit_exceeded: an index entry or a row, of which only the database knows the size
        "54000" => Error::BadValue(
            "The record is too large: a value of an indexed or unique field may take about 2,700 bytes, and the short values of a record 8,160 together.".into(),
        ),
        // raise_exception: a trigger that a migration made refuses the row, in words of its own
        "P0001" => Error::BadRequest(db.message.clone()),
        _ => match code.get(..2).unwrap_or_default() {
            // data_exception: a value that passed validation and still does not fit
            "22" => Error::BadValue("A value is out of range or malformed for its field.".into()),
            // program_limit_exceeded otherwise: a filter too deep
            "54" => Error::BadValue("A value is too large, or the request too complex.".into()),
            // transaction_rollback: serialization_failure, deadlock_detected and others;
            // snapshot_too_old
            "40" | "72" => Error::Conflict,
            _ => outage::unavailable(db).unwrap_or_else(|| Error::internal(error)),
        },
    }
}

/// What the log says of an error, with what an operator can do about it.
#[must_use]
pub fn explain(error: &Failure) -> String {
    to_error(error, None).detail().map_or_else(|| error.to_string(), str::to_owned)
}

/// The client's view of an error of making, changing or deleting an instance, where no statement
/// is the client's: what would be a defect elsewhere is an operator's refusal, except for what only
/// a defect can be.
#[must_use]
pub fn to_change_error(error: &Failure) -> Error {
    match (to_error(error, None), error) {
        (Error::Internal { .. } | Error::BadRequest(_), Failure::Refused(db))
            if !["42601", "XX000", sqlstate::INVALID_KEY.code].contains(&db.code.as_str()) =>
        {
            outage::frozen(db)
        }
        (other, _) => other,
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

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(code: &str) -> Failure {
        let refusal = Refusal { code: code.into(), message: "words".into(), ..Refusal::default() };
        Failure::Refused(Box::new(refusal))
    }

    #[test]
    fn every_class_of_errors_has_its_status() {
        for (status, codes) in [
            (
                400,
                "22000 22003 22P02 22021 23502 23503 23001 23514 23000 44000 54000 54001 P0001 EB004",
            ),
            (409, "23505 23P01 40001 40P01 40003 72000"),
            (504, "57014 25P04"),
            (
                503,
                "08000 08006 08P01 0A000 25006 25P03 26000 28000 28P01 2BP01 3D000 3F000 42501 42703 42P01 \
                 42704 42883 42804 42P05 42P07 53000 53100 53200 53300 53400 55000 55006 55P02 55P03 \
                 57P01 57P02 57P03 57P04 57P05 58000 58030 58P01 F0000 XX001 XX002 EB001 EB003 EB005 EB010",
            ),
            (
                500,
                "03000 09000 0B000 0F000 0L000 0P000 0Z000 10000 20000 21000 24000 25000 25001 \
                 25P01 25P02 27000 2D000 2F000 34000 38000 39000 3B000 42601 42P08 HV000 P0000 P0002 \
                 P0004 XX000 EB008",
            ),
        ] {
            for code in codes.split_whitespace() {
                let error = to_error(&refused(code), None);
                assert_eq!(error.status().as_u16(), status, "{code}");
                if status >= 500 && status != 504 {
                    let detail = error.detail().unwrap_or_default();
                    assert!(detail.starts_with(&format!("{code}: words")), "{detail}");
                    assert!(status == 500 || detail.contains("words. "), "{detail}");
                }
            }
        }
    }

    #[test]
    fn a_change_that_is_refused_for_unknown_reasons_is_refused_by_an_operator() {
        for code in ["P0001", "0A000", "38000", "ZZ999", "55000", "2BP01"] {
            assert_eq!(to_change_error(&refused(code)).status(), 503, "{code}");
        }
        for (code, status) in [("42601", 500), ("XX000", 500), ("40P01", 409), ("EB004", 400)] {
            assert_eq!(to_change_error(&refused(code)).status(), status, "{code}");
        }
    }
}
