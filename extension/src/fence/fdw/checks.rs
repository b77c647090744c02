//! How is a comparison of a column with a value handed to the scan of a table?

use super::executor::{Executing, Within};
use crate::analytics::fit::Search;
use crate::fence::value::Value;
use crate::fence::{catalog, plain};
use pgrx::pg_sys::{self, MemoryContext, Oid};

/// Comparisons of columns with values, which live until they are cleared.
#[derive(Default)]
pub struct Checks {
    memory: Option<MemoryContext>,
    all: Vec<Check>,
}

pub(super) struct Check {
    /// The type of the column.
    pub(super) kind: Oid,
    pub(super) search: Search,
    pub(super) array: bool,
    function: Oid,
    value: Value<'static>,
}

impl Checks {
    pub fn clear(&mut self) {
        self.all.clear();
        if let Some(memory) = self.memory {
            // SAFETY: nothing refers to the values any more.
            unsafe { pg_sys::MemoryContextReset(memory) };
        }
    }

    /// Adds `column operator value`, or `column operator ANY (value)`, and says whether the
    /// operator takes the value.
    pub fn add(
        &mut self,
        node: Executing,
        (operator, array): (Oid, bool),
        search: Search,
        value: Value,
    ) -> bool {
        let (left, right) = catalog::operands(operator);
        let given = if array { plain::get_element_type(value.kind()) } else { value.kind() };
        if given != right {
            return false;
        }
        let memory = self.memory.get_or_insert_with(|| node.new_memory(c"edgebase scan values"));
        // SAFETY: the context goes with the scan, and so does this.
        let _within = unsafe { Within::context(*memory) };
        let (value, function) = (value.copied(), plain::get_opcode(operator));
        self.all.push(Check { kind: left, search, function, array, value });
        true
    }

    pub(super) fn all(&self) -> &[Check] {
        &self.all
    }

    /// Of each how a B-tree is searched for it.
    pub fn searches(&self) -> impl Iterator<Item = Search> {
        self.all.iter().map(|check| check.search)
    }
}

impl Check {
    /// The check as a scan takes it, on that column of table or index.
    pub(super) fn key(&self, column: i16) -> pg_sys::ScanKeyData {
        let mut key = pg_sys::ScanKeyData::default();
        let flags = if self.array { pg_sys::SK_SEARCHARRAY as i32 } else { 0 };
        let Search { strategy, collation, .. } = self.search;
        let (same, value) = (Oid::INVALID, self.value.datum());
        // SAFETY: the function is the operator's, which takes the column's type and the value's.
        unsafe {
            pg_sys::ScanKeyEntryInitialize(
                &mut key,
                flags,
                column,
                strategy,
                same,
                collation,
                self.function,
                value,
            );
        }
        key
    }
}
