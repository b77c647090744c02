//! How are PostgreSQL's lists walked?

use pgrx::pg_sys::{List, ListCell};

/// The pointers in a list; a null list is an empty one.
///
/// # Safety
/// The list is one of pointers to `T`, and lives as long as the iterator.
pub unsafe fn pointers<T>(list: *mut List) -> impl Iterator<Item = *mut T> {
    // SAFETY: pointers are in `ptr_value`.
    unsafe { cells(list) }.map(|cell| unsafe { cell.ptr_value }.cast())
}

/// The numbers in a list, oids among them.
///
/// # Safety
/// The list is one of integers, and lives as long as the iterator.
pub unsafe fn integers(list: *mut List) -> impl Iterator<Item = i32> {
    // SAFETY: integers and oids are in the same place.
    unsafe { cells(list) }.map(|cell| unsafe { cell.int_value })
}

unsafe fn cells(list: *mut List) -> impl Iterator<Item = ListCell> {
    // SAFETY: a list's cells are the first `length` of `elements`.
    let length = if list.is_null() { 0 } else { unsafe { (*list).length as usize } };
    // SAFETY: the caller keeps the list for as long as the iterator, and `i` is below its length.
    (0..length).map(move |i| unsafe { *(*list).elements.add(i) })
}
