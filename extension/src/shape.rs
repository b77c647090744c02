//! What columns has an open table, and can its rows be read as they are stored?
//!
//! `read_record` and relations read what a table stores, without running a query. A table whose rows
//! a query would find elsewhere, hide or compute is no such table any more: somebody changed it by
//! hand, or a migration put something in its place.

use crate::fence::open::Relation;
use crate::fence::{plain, value};
use pgrx::pg_sys::{FormData_pg_attribute, Oid};
use pgrx::{PgRelation, PgTupleDesc};
use std::ffi::CStr;

/// Why what a table stores is not what a query would show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// A view, or a table on another server.
    NoTable,
    RowSecurity,
    /// Tables inherit from it, or are its partitions.
    Heirs,
    /// A column is gone.
    Gone(String),
    /// A column, by its name, is of another type.
    Kind(String, Oid),
    /// A column is computed when it is read.
    Virtual(String),
    /// The key is compared by a collation that takes different texts for equal.
    Collation(String),
}

impl std::fmt::Display for Obstacle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NoTable => f.write_str("it is not a table"),
            Self::RowSecurity => f.write_str("it has row security"),
            Self::Heirs => f.write_str("other tables inherit from it"),
            Self::Gone(column) => write!(f, "it has no column \"{column}\""),
            Self::Kind(column, kind) => {
                let kind = plain::format_type_be(*kind).unwrap_or_default();
                write!(f, "column \"{column}\" is of type {kind}")
            }
            Self::Virtual(column) => write!(f, "column \"{column}\" is computed when it is read"),
            Self::Collation(column) => {
                write!(f, "the collation of column \"{column}\" is not deterministic")
            }
        }
    }
}

impl Relation {
    /// What keeps its rows from being read, other tables that inherit from it aside.
    pub fn obstacle(&self) -> Option<Obstacle> {
        if !self.is_table() && !self.is_partitioned() {
            return Some(Obstacle::NoTable);
        }
        self.form().relrowsecurity.then_some(Obstacle::RowSecurity)
    }
}

/// Whether a column is computed when it is read, and so not stored.
#[cfg(feature = "pg18")]
pub fn is_virtual(column: &FormData_pg_attribute) -> bool {
    column.attgenerated as u8 == pgrx::pg_sys::ATTRIBUTE_GENERATED_VIRTUAL
}

/// The same: before PostgreSQL 18 every column is stored.
#[cfg(not(feature = "pg18"))]
pub fn is_virtual(_: &FormData_pg_attribute) -> bool {
    false
}

/// Whether values of one type are stored as those of the other are: of the same, or of a domain over
/// it.
pub fn is_stored_as(kind: Oid, other: Oid) -> bool {
    kind == other || plain::IsBinaryCoercible(kind, other)
}

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
}
