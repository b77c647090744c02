//! What columns has an open table?

use pgrx::pg_sys::{self, Oid};
use std::ffi::CStr;
use std::marker::PhantomData;

/// The columns of an open table.
pub struct Shape<'t>(pg_sys::TupleDesc, PhantomData<&'t ()>);

impl Shape<'_> {
    /// # Safety
    /// The table stays open while this is used.
    pub unsafe fn of(table: pg_sys::Relation) -> Self {
        // SAFETY: as above.
        Self(unsafe { (*table).rd_att }, PhantomData)
    }

    /// How many there are, dropped ones included.
    pub fn len(&self) -> usize {
        // SAFETY: the descriptor is that of an open table.
        unsafe { (*self.0).natts as usize }
    }

    /// The column at that place, counted from 0; nothing where it was dropped.
    pub fn column(&self, place: usize) -> Option<&pg_sys::FormData_pg_attribute> {
        if place >= self.len() {
            return None;
        }
        // SAFETY: as above; attributes follow the descriptor, from PostgreSQL 18 on behind their
        // short forms.
        let column = unsafe {
            #[cfg(not(feature = "pg18"))]
            let first = (*self.0).attrs.as_ptr();
            #[cfg(feature = "pg18")]
            let first = (*self.0)
                .compact_attrs
                .as_ptr()
                .add(self.len())
                .cast::<pg_sys::FormData_pg_attribute>();
            &*first.add(place)
        };
        (!column.attisdropped).then_some(column)
    }

    pub fn name(&self, place: usize) -> Option<&CStr> {
        // SAFETY: a name is NUL-terminated within its 64 bytes.
        self.column(place).map(|c| unsafe { CStr::from_ptr(c.attname.data.as_ptr()) })
    }

    pub fn kind(&self, place: usize) -> Option<Oid> {
        self.column(place).map(|c| c.atttypid)
    }
}
