//! Which settings does a connection run under, whatever an operator set for the database or a role?
//!
//! Those that change what values look like, what texts mean or what a statement sees. They are set
//! when a connection is made, and again when what somebody else's statements set was discarded:
//! `DISCARD ALL` goes back to the operator's. What he may well mean for EdgeBase too is left alone:
//! time limits, read-only, costs of plans.

use super::failure::Failure;
use super::wire::{Step, Wire};
use edgebase_blocks::quote::literal;
use edgebase_blocks::settings::{INPUT, OUTPUT, Setting};
use std::sync::LazyLock;

/// What a statement sees, of names and of rows. A transaction that has to differ says so.
const SESSION: &[Setting] = &[
    ("default_transaction_deferrable", "off"),
    ("default_transaction_isolation", "read committed"),
    ("row_security", "on"),
    ("search_path", "pg_catalog, pg_temp"),
];

/// One statement for all of them.
static STATEMENT: LazyLock<String> = LazyLock::new(|| {
    let set = |(name, value): &Setting| {
        format!("pg_catalog.set_config({}, {}, false)", literal(name), literal(value))
    };
    let all: Vec<String> = [OUTPUT, INPUT, SESSION].into_iter().flatten().map(set).collect();
    format!("SELECT {}", all.join(", "))
});

/// Sets them for the session.
///
/// # Errors
/// When the server refuses, or the connection breaks.
pub async fn pin(wire: &mut Wire) -> Result<(), Failure> {
    wire.batch(&[Step::foreign(&STATEMENT, Vec::new())]).await.map(drop)
}
