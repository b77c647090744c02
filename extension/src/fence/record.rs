//! How is one row of an instance's table read by its key, without planning a query?
//!
//! For a row read by its key, parsing and planning cost several times what the reading does, and
//! of one tenant among thousands no plan is kept. So the row is read as the registry's are: the
//! table is opened, its primary key probed, the columns asked for written as JSON, in the form
//! that `row_to_json` gives them. No statement runs and nothing that a tenant could have written:
//! no view, operator or function. What a statement would check is checked here: that the instance
//! role may use the schema and select from the table, and that no row security is in force.

use super::scan::{Key, Row, Snapshot, each_of};
use super::shape::Shape;
use crate::error::Error;
use crate::lock;
use pgrx::datum::{FromDatum, IntoDatum};
use pgrx::pg_sys::{self, Datum, Oid};
use std::ffi::{CStr, CString};

const LOCK: pg_sys::LOCKMODE = pg_sys::AccessShareLock as pg_sys::LOCKMODE;
/// The key's column.
const KEY: &str = "id";
/// How records show a timestamp (contract 7.3).
const ISO: &str = r#"YYYY-MM-DD"T"HH24:MI:SS.MS"Z""#;

/// A table of an instance, open for reading; closed when dropped, its lock kept to the end of the transaction.
pub struct Table(pg_sys::Relation);

impl Drop for Table {
    fn drop(&mut self) {
        // On the way out of an ERROR the abort closes it (invariant 4 of the fence).
        if !std::thread::panicking() {
            // SAFETY: opened below and closed once.
            unsafe { pg_sys::table_close(self.0, pg_sys::NoLock as pg_sys::LOCKMODE) };
        }
    }
}

/// A column, by its number in the table, counted from 1.
#[derive(Clone, Copy)]
struct Column {
    number: i16,
    kind: Oid,
}

impl Table {
    /// Opens a table of the schema that the role may select from, if it is there. `bound` limits the waiting for
    /// its lock.
    pub fn open<G>(
        schema: Oid,
        role: Oid,
        name: &str,
        bound: impl FnOnce() -> Result<G, Error>,
    ) -> Result<Option<Self>, Error> {
        let denied = || Error::PermissionDenied(name.to_owned());
        let Ok(c_name) = CString::new(name) else { return Ok(None) };
        // SAFETY: catalog lookups by oid and NUL-terminated name; an opened relation's entry is
        // valid while it is open.
        unsafe {
            let table = pg_sys::get_relname_relid(c_name.as_ptr(), schema);
            if table == Oid::INVALID {
                return Ok(None);
            }
            if !may_use(schema, role)
                || pg_sys::pg_class_aclcheck(table, role, pg_sys::ACL_SELECT as pg_sys::AclMode)
                    != pg_sys::AclResult::ACLCHECK_OK
            {
                return Err(denied());
            }
            lock::share_table(table, bound)?;
            let table = Self(pg_sys::table_open(table, pg_sys::NoLock as pg_sys::LOCKMODE));
            let form = &*(*table.0).rd_rel;
            if form.relkind != pg_sys::RELKIND_RELATION as std::ffi::c_char {
                return Err(Error::Unreadable(format!("\"{name}\" is not a table")));
            }
            if form.relrowsecurity {
                return Err(Error::Unreadable(format!("table \"{name}\" has row security")));
            }
            Ok(Some(table))
        }
    }

    /// The row of that key as JSON, with these columns in this order, as the newest committed
    /// state has it, or as the transaction's snapshot does where it keeps one.
    pub fn read(&self, columns: &[String], key: &str) -> Result<Option<String>, Error> {
        let id = self.column(KEY)?;
        if id.kind != pg_sys::TEXTOID {
            return Err(Error::Unreadable(format!("column \"{KEY}\" is not of type text")));
        }
        let mut shown = Vec::with_capacity(columns.len());
        for name in columns {
            shown.push((name.as_str(), self.column(name)?));
        }
        let mut found = Ok(None);
        with_snapshot(|snapshot| {
            let (index, keys) = (self.key_index(id), [Key::equal(id.number, key)]);
            // SAFETY: the index is of this table on this column in collation "C", or none; the
            // column is text.
            unsafe {
                each_of(self.0, index, &keys, snapshot, |row| {
                    found = write(row, &shown).map(Some);
                    false
                });
            }
        });
        found
    }

    fn column(&self, name: &str) -> Result<Column, Error> {
        // SAFETY: the table is open for as long as `self` lives.
        let shape = unsafe { Shape::of(self.0) };
        let is =
            |place: &usize| shape.name(*place).is_some_and(|n| n.to_bytes() == name.as_bytes());
        let found = (0..shape.len()).find(is).and_then(|place| shape.column(place));
        let found = found.ok_or_else(|| Error::ColumnMissing(name.to_owned()))?;
        Ok(Column { number: found.attnum, kind: found.atttypid })
    }

    /// The index of the primary key, if that is this column alone and can be probed for text.
    fn key_index(&self, id: Column) -> Oid {
        // SAFETY: the table is open, and so is the index while it is looked at; a valid index has
        // as many key columns as it says.
        unsafe {
            #[cfg(not(feature = "pg18"))]
            let oid = pg_sys::RelationGetPrimaryKeyIndex(self.0);
            #[cfg(feature = "pg18")]
            let oid = pg_sys::RelationGetPrimaryKeyIndex(self.0, false);
            if oid == Oid::INVALID {
                return oid;
            }
            let index = pg_sys::index_open(oid, LOCK);
            let form = &*(*index).rd_index;
            let fits = form.indnkeyatts == 1
                && form.indisvalid
                && *form.indkey.values.as_ptr() == id.number
                && (*(*index).rd_rel).relam == pg_sys::BTREE_AM_OID
                && *(*index).rd_opcintype == pg_sys::TEXTOID
                && *(*index).rd_indcollation == pg_sys::C_COLLATION_OID;
            pg_sys::index_close(index, pg_sys::NoLock as pg_sys::LOCKMODE);
            if fits { oid } else { Oid::INVALID }
        }
    }
}

/// Whether a role may use a schema.
fn may_use(schema: Oid, role: Oid) -> bool {
    // SAFETY: a catalog lookup inside a transaction.
    unsafe {
        #[cfg(feature = "pg15")]
        let result =
            pg_sys::pg_namespace_aclcheck(schema, role, pg_sys::ACL_USAGE as pg_sys::AclMode);
        #[cfg(not(feature = "pg15"))]
        let result = pg_sys::object_aclcheck(
            pg_sys::NamespaceRelationId,
            schema,
            role,
            pg_sys::ACL_USAGE as pg_sys::AclMode,
        );
        result == pg_sys::AclResult::ACLCHECK_OK
    }
}

/// Reads with a snapshot taken now: the calling statement's is from before the instance was
/// locked, and to it a table that was rewritten meanwhile is empty.
fn with_snapshot(read: impl FnOnce(Snapshot)) {
    // SAFETY: registered while it is used; given back on the ordinary way out and by the abort on
    // the way out of an ERROR.
    unsafe {
        let snapshot = pg_sys::RegisterSnapshot(pg_sys::GetTransactionSnapshot());
        read(Snapshot::of_query(snapshot));
        pg_sys::UnregisterSnapshot(snapshot);
    }
}

/// The row as `row_to_json` writes it, but for timestamps, which are shown as records show them.
fn write(row: &Row, columns: &[(&str, Column)]) -> Result<String, Error> {
    let mut json = String::with_capacity(256);
    let mut separator = '{';
    for (name, column) in columns {
        json.push(separator);
        separator = ',';
        write_text(&mut json, name)?;
        json.push(':');
        match row.datum(column.number.into()) {
            None => json.push_str("null"),
            Some(datum) => write_value(&mut json, datum, column.kind)?,
        }
    }
    json.push_str(if separator == '{' { "{}" } else { "}" });
    Ok(json)
}

fn write_value(json: &mut String, value: Datum, kind: Oid) -> Result<(), Error> {
    // SAFETY: the column has the type that its value is read as; the functions take one value of
    // that type, `timestamp_to_char` a format besides. A timestamptz is a timestamp in UTC.
    unsafe {
        match kind {
            pg_sys::TEXTOID => {
                write_text(json, <&str>::from_datum(value, false).unwrap_or_default())?;
            }
            pg_sys::BOOLOID => json.push_str(if value.value() == 0 { "false" } else { "true" }),
            pg_sys::FLOAT8OID => {
                let number = f64::from_datum(value, false).unwrap_or_default();
                let text = printed(pg_sys::float8out, &[Some(value)]);
                // JSON has no number for these.
                if number.is_finite() { json.push_str(text) } else { write_text(json, text)? }
            }
            pg_sys::JSONBOID => json.push_str(printed(pg_sys::jsonb_out, &[Some(value)])),
            pg_sys::TIMESTAMPTZOID => {
                let arguments = [Some(value), ISO.into_datum()];
                let text: Option<&str> =
                    pgrx::direct_function_call(pg_sys::timestamp_to_char, &arguments);
                match text {
                    Some(text) => write_text(json, text)?,
                    None => json.push_str("null"),
                }
            }
            _ => {
                let name = CStr::from_ptr(pg_sys::format_type_be(kind)).to_string_lossy();
                return Err(Error::Unreadable(format!("no record shows a column of type {name}")));
            }
        }
    }
    Ok(())
}

/// What an output function prints.
unsafe fn printed<'a>(
    function: unsafe fn(pg_sys::FunctionCallInfo) -> Datum,
    arguments: &[Option<Datum>],
) -> &'a str {
    // SAFETY: the caller names an output function and its argument; the result is NUL-terminated
    // and lives as long as the call from SQL.
    let text = unsafe { pgrx::direct_function_call::<&CStr>(function, arguments) };
    text.and_then(|text| text.to_str().ok()).unwrap_or_default()
}

/// A JSON string, escaped as PostgreSQL does.
fn write_text(json: &mut String, text: &str) -> Result<(), Error> {
    let quoted = serde_json::to_string(text).map_err(|e| Error::Internal(e.to_string()))?;
    json.push_str(&quoted);
    Ok(())
}
