//! How is a relation opened, and what is it like?

use super::lists::integers;
use crate::analytics::fit::Indexed;
use pgrx::PgRelation;
use pgrx::pg_sys::{self, LOCKMODE, Oid};
use std::ops::Deref;
use std::ptr::null_mut;

unsafe extern "C-unwind" {
    // PostgreSQL's own, which pgrx does not declare.
    fn find_all_inheritors(
        parent: Oid,
        lock: LOCKMODE,
        parents: *mut *mut pg_sys::List,
    ) -> *mut pg_sys::List;
}

/// Keeps a relation from being changed, and nobody from using it.
const SHARED: LOCKMODE = pg_sys::AccessShareLock as LOCKMODE;

/// Leaves a lock as it is.
const NO_LOCK: LOCKMODE = pg_sys::NoLock as LOCKMODE;

/// How long the lock is held.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Lock {
    /// As long as the relation is open.
    WhileOpen,
    /// To the end of the transaction.
    ToTheEnd,
}

/// A relation that is open, and locked against being changed. Closed when dropped; on the way out
/// of an ERROR the abort does that (invariant 4 of the fence).
pub struct Relation {
    relation: PgRelation,
    lock: Lock,
}

impl Relation {
    /// Opens the relation, if it is there once the lock is held.
    pub fn open(oid: Oid, lock: Lock) -> Option<Self> {
        // SAFETY: what it gives is null, or open until it is closed below.
        unsafe {
            let relation = pg_sys::try_relation_open(oid, SHARED);
            (!relation.is_null()).then(|| Self { relation: PgRelation::from_pg(relation), lock })
        }
    }

    /// What the catalog has of it.
    pub fn form(&self) -> &pg_sys::FormData_pg_class {
        // SAFETY: an open relation's entry has it.
        unsafe { &*self.relation.rd_rel }
    }

    /// Whether it is an ordinary table: only such are read.
    pub fn is_table(&self) -> bool {
        self.form().relkind as u8 == pg_sys::RELKIND_RELATION
    }

    /// Whether its rows are in partitions alone.
    pub fn is_partitioned(&self) -> bool {
        self.form().relkind as u8 == pg_sys::RELKIND_PARTITIONED_TABLE
    }

    /// Whether other tables may inherit from it.
    pub fn may_have_heirs(&self) -> bool {
        self.form().relhassubclass
    }

    /// The tables that inherit from it, directly or not, its partitions among them. They are locked
    /// to the end of the transaction, as a query does.
    pub fn heirs(&self) -> Vec<Oid> {
        if !self.may_have_heirs() {
            return Vec::new();
        }
        // SAFETY: the relation is open and locked; the list is a new one, of oids, the first of
        // which is the relation's.
        let find = || unsafe { find_all_inheritors(self.oid(), SHARED, null_mut()) };
        // SAFETY: the closure only calls the function.
        let all = unsafe { integers(pg_sys::ffi::pg_guard_ffi_boundary(find)) };
        all.skip(1).map(|oid| Oid::from(oid as u32)).collect()
    }

    /// How many pages it has.
    pub fn pages(&self) -> u32 {
        let main = pg_sys::ForkNumber::MAIN_FORKNUM;
        // SAFETY: the relation is open; without storage it has none.
        unsafe { pg_sys::RelationGetNumberOfBlocksInFork(self.as_ptr(), main) }
    }

    /// The indexes of a table.
    pub fn indexes(&self) -> Vec<Oid> {
        // SAFETY: the relation is open; the list is a new one, of oids.
        let all = unsafe { integers(pg_sys::RelationGetIndexList(self.as_ptr())) };
        all.map(|oid| Oid::from(oid as u32)).collect()
    }

    /// The index of a table's primary key, if there is one.
    pub fn primary_key(&self) -> Option<Oid> {
        // SAFETY: the relation is open.
        unsafe {
            #[cfg(not(feature = "pg18"))]
            let index = pg_sys::RelationGetPrimaryKeyIndex(self.as_ptr());
            #[cfg(feature = "pg18")]
            let index = pg_sys::RelationGetPrimaryKeyIndex(self.as_ptr(), false);
            (index != Oid::INVALID).then_some(index)
        }
    }

    /// The key columns of a B-tree over all rows that may be searched at once; none of another
    /// index.
    pub fn indexed(&self) -> Vec<Indexed> {
        if self.rd_index.is_null() || self.form().relam != pg_sys::BTREE_AM_OID {
            return Vec::new();
        }
        let partial = pg_sys::Anum_pg_index_indpred as i32;
        // SAFETY: an open index has its row of pg_index, and its arrays a place for each key.
        unsafe {
            let form = &*self.rd_index;
            if !form.indisvalid
                || form.indcheckxmin
                || !pg_sys::heap_attisnull(self.rd_indextuple, partial, null_mut())
            {
                return Vec::new();
            }
            let column = |place| Indexed {
                column: *form.indkey.values.as_ptr().add(place),
                family: *self.rd_opfamily.add(place),
                collation: *self.rd_indcollation.add(place),
            };
            (0..form.indnkeyatts as usize).map(column).collect()
        }
    }
}

impl Deref for Relation {
    type Target = PgRelation;
    fn deref(&self) -> &PgRelation {
        &self.relation
    }
}

impl Drop for Relation {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let lock = if self.lock == Lock::WhileOpen { SHARED } else { NO_LOCK };
            // SAFETY: opened above and closed once.
            unsafe { pg_sys::relation_close(self.relation.as_ptr(), lock) };
        }
    }
}
