//! How are PostgreSQL's lists read?

use pgrx::pg_sys;

/// The pointers in a list; a null list is an empty one.
///
/// # Safety
/// The list is one of pointers to `T`, and lives as long as the iterator.
pub unsafe fn pointers<T>(list: *mut pg_sys::List) -> impl Iterator<Item = *mut T> {
    // SAFETY: a list's cells are the first `length` of `elements`; pointers are in `ptr_value`.
    let cell = move |i| unsafe { (*(*list).elements.add(i)).ptr_value.cast::<T>() };
    // SAFETY: not null.
    let length = if list.is_null() { 0 } else { unsafe { (*list).length as usize } };
    (0..length).map(cell)
}

/// The numbers in a list.
///
/// # Safety
/// The list is one of integers, and lives as long as the iterator.
pub unsafe fn integers(list: *mut pg_sys::List) -> impl Iterator<Item = i32> {
    // SAFETY: as above; integers are in `int_value`.
    let cell = move |i| unsafe { (*(*list).elements.add(i)).int_value };
    // SAFETY: not null.
    let length = if list.is_null() { 0 } else { unsafe { (*list).length as usize } };
    (0..length).map(cell)
}

/// The members of a set.
///
/// # Safety
/// The set lives as long as the iterator.
pub unsafe fn members(set: *mut pg_sys::Bitmapset) -> impl Iterator<Item = i32> {
    let mut last = -1;
    std::iter::from_fn(move || {
        // SAFETY: gives a negative number after the last member, and for a null set.
        last = unsafe { pg_sys::bms_next_member(set, last) };
        (last >= 0).then_some(last)
    })
}
