//! EdgeBase on PostgreSQL: every tenant its own sealed schema.
//!
//! This crate is the extension. SQL objects are created by `sql/bootstrap.sql`, in one file that
//! a DBA can read from top to bottom; the functions it declares are listed in
//! [`fence::exports`]. Everything `unsafe` is in [`fence`]; the attribute below makes the
//! compiler keep it there.

#![deny(unsafe_code)]

use pgrx::prelude::*;

#[allow(unsafe_code)]
mod fence;

mod answer;
mod apply;
mod audit;
mod enter;
mod error;
mod guard;
mod guc;
mod import;
mod instance;
mod lifecycle;
mod migrate;
mod registry;
mod removal;
mod repair;
mod spi;

extension_sql_file!("../sql/bootstrap.sql", name = "bootstrap", bootstrap);
