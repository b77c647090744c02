//! What do the catalogs and the file system know of a relation that is not opened?

use crate::fence::open::{Lock, Relation};
use crate::fence::{catalog, plain};
use crate::lock::schema_oid;
use pgrx::pg_sys::{self, Oid};
use std::ffi::CString;

/// Rows on a page of a table that nobody has analyzed yet.
const ROWS_A_PAGE: f64 = 50.0;

/// Schema and name of a relation.
pub fn name(relation: Oid) -> Option<(String, String)> {
    let name = plain::get_rel_name(relation)?;
    let schema = plain::get_namespace_name(plain::get_rel_namespace(relation))?;
    Some((schema, name))
}

/// The relation of that name.
pub fn oid(schema: &str, name: &str) -> Option<Oid> {
    let (schema, name) = (schema_oid(schema)?, CString::new(name).ok()?);
    let oid = plain::get_relname_relid(&name, schema);
    (oid != Oid::INVALID).then_some(oid)
}

/// Opens the relation that has the name once its lock is held, if there is one: while the lock was
/// waited for, another may have got the name.
pub fn open(schema: &str, name: &str, lock: Lock) -> Option<Relation> {
    let mut named = oid(schema, name);
    loop {
        let open = Relation::open(named?, lock);
        let now = oid(schema, name);
        if now == named {
            return open;
        }
        named = now;
        pgrx::check_for_interrupts!();
    }
}

/// Whether it is a table, and no view that a migration has put in a table's place.
pub fn is_table(schema: &str, name: &str) -> bool {
    oid(schema, name)
        .is_some_and(|relation| matches!(plain::get_rel_relkind(relation) as u8, b'r' | b'p'))
}

/// Rows and pages of a table: pages as the file system knows them, rows by the density that the
/// last analyze found.
pub fn size(schema: &str, name: &str) -> Option<(f64, f64)> {
    let relation = oid(schema, name)?;
    let (rows, pages) = catalog::analyzed(relation)?;
    let bytes = catalog::file_path(relation).and_then(|path| std::fs::metadata(path).ok());
    let now = bytes.map_or(pages, |b| (b.len() / u64::from(pg_sys::BLCKSZ)) as f64);
    let density = if rows >= 0.0 && pages > 0.0 { rows / pages } else { ROWS_A_PAGE };
    Some((now * density, now))
}
