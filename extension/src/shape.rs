//! What columns has an open table?

use crate::fence::value;
use pgrx::pg_sys::{FormData_pg_attribute, Oid};
use pgrx::{PgRelation, PgTupleDesc};
use std::ffi::CStr;

/// The columns of an open table.
pub struct Shape<'t>(PgTupleDesc<'t>);

impl<'t> Shape<'t> {
    pub fn of(table: &'t PgRelation) -> Self {
        Self(table.tuple_desc())
    }

    /// How many there are, dropped ones included.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The column at that place, counted from 0; nothing where it was dropped.
    pub fn column(&self, place: usize) -> Option<&FormData_pg_attribute> {
        self.0.get(place).filter(|column| !column.attisdropped)
    }

    pub fn name(&self, place: usize) -> Option<&CStr> {
        self.column(place).map(|column| value::name(&column.attname))
    }

    pub fn kind(&self, place: usize) -> Option<Oid> {
        self.column(place).map(|column| column.atttypid)
    }
}
