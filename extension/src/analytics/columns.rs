//! Where is a relation's column in one instance's table?
//!
//! It is found by name. One that the instance has not got yet shows what it will have after
//! migrating, its default or null; one that a migration to come is about shows null. A column that a
//! version between dropped is one that the instance has not got: what stands under its name may be
//! what the config hid. What a change by hand took away, or gave another type, cannot be read.

use crate::analytics::condition::INSTANCE;
use crate::shape::{Obstacle, Shape, is_stored_as, is_virtual};
use edgebase_blocks::analytics::{INSTANCE_COLUMN, OPTION_FIELD, OPTION_MISSING};
use edgebase_blocks::diff::Lasting;
use pgrx::pg_sys::{self, Oid};
use std::ffi::{CStr, CString};

/// A column of a relation over all instances.
pub struct Column {
    /// Its name in the instances' tables.
    name: CString,
    pub kind: Oid,
    pub modifier: i32,
    /// What it is where an instance has not got it, as text; null where there is nothing.
    pub default: Option<CString>,
}

impl Column {
    /// The column as a foreign table declares it.
    pub fn new(name: &CStr, kind: Oid, modifier: i32, options: Vec<(CString, CString)>) -> Self {
        let mut column = Self { name: name.to_owned(), kind, modifier, default: None };
        for (option, value) in options {
            match option.to_str() {
                Ok(OPTION_FIELD) => column.name = value,
                Ok(OPTION_MISSING) => column.default = Some(value),
                _ => {}
            }
        }
        column
    }
}

/// Whether a foreign table has the column that relations over all instances have first.
pub fn is_relation(columns: &[Option<Column>]) -> bool {
    let first = columns.get(INSTANCE as usize - 1).and_then(Option::as_ref);
    first.is_some_and(|c| {
        c.name.to_bytes() == INSTANCE_COLUMN.as_bytes() && c.kind == pg_sys::TEXTOID
    })
}

/// Where a column is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// At this place, counted from 0.
    Here(usize),
    Missing,
    Unknown,
}

/// Looks a column up in a table, where it was in the last one first. `lasting` is what an instance
/// that is behind has in common with the present shape; one that is not has every column.
pub fn locate(
    column: &Column,
    table: &Shape,
    last: usize,
    lasting: Option<&Lasting>,
) -> Result<Found, Obstacle> {
    let name = || column.name.to_string_lossy().into_owned();
    if let Some(lasting) = lasting {
        let name = name();
        if lasting.touched.contains(&name) {
            return Ok(Found::Unknown);
        }
        if !lasting.same.contains(&name) {
            return Ok(Found::Missing);
        }
    }
    let is = |n: usize| table.name(n) == Some(column.name.as_c_str());
    let found = Some(last).filter(|n| is(*n)).or_else(|| (0..table.len()).find(|n| is(*n)));
    let found = found.and_then(|n| Some((n, table.column(n)?)));
    match found {
        None => Err(Obstacle::Gone(name())),
        Some((_, there)) if is_virtual(there) => Err(Obstacle::Virtual(name())),
        Some((n, there)) if is_stored_as(there.atttypid, column.kind) => Ok(Found::Here(n)),
        Some((_, there)) => Err(Obstacle::Kind(name(), there.atttypid)),
    }
}
