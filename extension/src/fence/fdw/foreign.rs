//! What is declared of a foreign table, and who is told when that changes?

use crate::fence::lists::pointers;
use pgrx::pg_sys::{self, Datum, DefElem, Oid};
use std::cell::Cell;
use std::ffi::{CStr, CString};
use std::panic::catch_unwind;

/// The options of a column, by its number.
pub fn column_options(table: Oid, column: i16) -> Vec<(CString, CString)> {
    // SAFETY: a catalog lookup that gives a list of options, whose strings are copied.
    unsafe {
        let text = |text: *const _| CStr::from_ptr(text).to_owned();
        pointers::<DefElem>(pg_sys::GetForeignColumnOptions(table, column))
            .map(|option| (text((*option).defname), text(pg_sys::defGetString(option))))
            .collect()
    }
}

/// What is told that a relation has changed, or with `None` that any may have.
pub type OnChange = fn(Option<Oid>);

thread_local! {
    static ON_CHANGE: Cell<Option<OnChange>> = const { Cell::new(None) };
}

/// Has changes told; once per backend.
pub fn on_change(tell: OnChange) {
    unsafe extern "C-unwind" fn changed(_: Datum, relation: Oid) {
        if let Some(tell) = ON_CHANGE.get() {
            // Nobody could be told of a panic here.
            let _ = catch_unwind(|| tell((relation != Oid::INVALID).then_some(relation)));
        }
    }
    ON_CHANGE.set(Some(tell));
    // SAFETY: the callback lives as long as the library, which is never unloaded.
    unsafe { pg_sys::CacheRegisterRelcacheCallback(Some(changed), Datum::null()) };
}
