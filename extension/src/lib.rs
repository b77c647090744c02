//! EdgeBase on PostgreSQL: every tenant its own sealed schema.
//!
//! This crate is the extension. SQL objects are created by `sql/bootstrap.sql`, `sql/analytics.sql` and
//! `sql/close.sql`, which a DBA can read from top to bottom and `scripts/extension` installs as one; the
//! functions they declare are listed in [`fence::exports`]. Everything `unsafe` is in [`fence`]; the
//! attribute below makes the compiler keep it there.

#![deny(unsafe_code)]

/// That of this library, and of the SQL objects that belong to it.
const VERSION: &str = env!("CARGO_PKG_VERSION");

#[allow(unsafe_code)]
mod fence;

mod adopt;
mod analytics;
mod answer;
mod apply;
mod args;
mod attempt;
mod audit;
mod confine;
mod conformance;
mod deletion;
mod enter;
mod error;
mod export;
mod failure;
mod files;
mod guard;
mod guc;
mod identity;
mod import;
mod instance;
mod integrity;
mod lifecycle;
mod lock;
mod migrate;
mod record;
mod registry;
mod relation;
mod removal;
mod repair;
mod restore;
mod seal;
mod shape;
mod spi;
mod stray;
mod tables;
mod verdicts;
