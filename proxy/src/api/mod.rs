//! Which routes are there besides those of tables?

pub mod export;
pub mod info;
pub mod instances;
pub mod openapi;
pub mod sql;
