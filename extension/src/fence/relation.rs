//! What do the catalogs and the file system know of a relation that is not opened?

use super::lock::schema_oid;
use pgrx::datum::IntoDatum;
use pgrx::pg_sys::{self, Oid};
use std::ffi::{CStr, CString, c_int};

/// Rows on a page of a table that nobody has analyzed yet.
const ROWS_A_PAGE: f64 = 50.0;

/// The path of the relation's main file, relative to the data directory.
pub fn file_path(relation: Oid) -> Option<String> {
    // SAFETY: the function takes an oid and gives text, or null where there is no such relation
    // or it has no file.
    unsafe { pgrx::direct_function_call(pg_sys::pg_relation_filepath, &[relation.into_datum()]) }
}

/// Schema and name of a relation.
pub fn name(relation: Oid) -> Option<(String, String)> {
    // SAFETY: catalog lookups that give palloc'd copies, or null where there is nothing.
    unsafe {
        let name = pg_sys::get_rel_name(relation);
        let schema = pg_sys::get_namespace_name(pg_sys::get_rel_namespace(relation));
        if name.is_null() || schema.is_null() {
            return None;
        }
        let text = |c: *mut std::ffi::c_char| CStr::from_ptr(c).to_string_lossy().into_owned();
        Some((text(schema), text(name)))
    }
}

/// The relation of that name.
pub fn oid(schema: &str, name: &str) -> Option<Oid> {
    let (schema, name) = (schema_oid(schema)?, CString::new(name).ok()?);
    // SAFETY: a NUL-terminated name; a missing relation gives InvalidOid.
    let oid = unsafe { pg_sys::get_relname_relid(name.as_ptr(), schema) };
    (oid != Oid::INVALID).then_some(oid)
}

/// Rows and pages of a table: pages as the file system knows them, rows by the density that the
/// last analyze found.
pub fn size(schema: &str, name: &str) -> Option<(f64, f64)> {
    let relation = oid(schema, name)?;
    let cache = pg_sys::SysCacheIdentifier::RELOID as c_int;
    // SAFETY: the tuple is released before returning; Form_pg_class is its fixed part.
    let (rows, pages) = unsafe {
        let tuple = pg_sys::SearchSysCache1(cache as _, relation.into());
        if tuple.is_null() {
            return None;
        }
        let form = &*pg_sys::GETSTRUCT(tuple).cast::<pg_sys::FormData_pg_class>();
        let found = (f64::from(form.reltuples), f64::from(form.relpages));
        pg_sys::ReleaseSysCache(tuple);
        found
    };
    let bytes = file_path(relation).and_then(|path| std::fs::metadata(path).ok());
    let now = bytes.map_or(pages, |b| (b.len() / u64::from(pg_sys::BLCKSZ)) as f64);
    let density = if rows >= 0.0 && pages > 0.0 { rows / pages } else { ROWS_A_PAGE };
    Some((now * density, now))
}
