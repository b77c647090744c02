//! How is one row of an instance's table read by its key, without planning a query?
//!
//! For a row read by its key, parsing and planning cost several times what the reading does, and
//! of one tenant among thousands no plan is kept. So the row is read as the registry's are: the
//! table is opened, its primary key probed, the columns asked for written as JSON, in the form
//! that `row_to_json` gives them. No statement runs and nothing that a tenant could have written:
//! no view, operator or function. What a statement would check is checked here, once the table is
//! locked: that the instance role may use the schema and select from the table, that it stores its
//! rows as they are shown, without row security or tables that inherit from it, and that it was not
//! written anew since the snapshot. Where it is refused, a statement does what this would.

use crate::error::Error;
use crate::fence::history;
use crate::fence::open::{Lock, Relation};
use crate::fence::plain;
use crate::fence::rows::{Key, Row, Snapshot, find};
use crate::fence::value::Value;
use crate::lock;
use crate::shape::{Obstacle, Shape, is_virtual};
use edgebase_blocks::quote::ident;
use edgebase_blocks::timestamp;
use pgrx::pg_sys::{self, AclMode, AclResult::ACLCHECK_OK, FormData_pg_attribute, Oid};
use std::ffi::CString;

/// The key's column.
const KEY: &str = "id";

/// Opens a table of the schema that the role may select from, if it is there. Its lock is held to
/// the end of the transaction; `bound` limits the waiting for it.
pub fn open<G>(
    schema: Oid,
    role: Oid,
    name: &str,
    bound: impl Fn() -> Result<G, Error>,
) -> Result<Option<Relation>, Error> {
    let Some(open) = locked(schema, name, bound)? else { return Ok(None) };
    let denied = || Error::PermissionDenied(name.to_owned());
    if !may_use(schema, role) {
        return Err(denied());
    }
    if plain::pg_class_aclcheck(open.oid(), role, pg_sys::ACL_SELECT as AclMode) != ACLCHECK_OK {
        return Err(denied());
    }
    let heirs = open.may_have_heirs().then_some(Obstacle::Heirs);
    match open.obstacle().or(heirs) {
        Some(obstacle) => Err(unreadable(&open, obstacle)),
        None => Ok(Some(open)),
    }
}

/// The table that has the name once its lock is held.
fn locked<G>(
    schema: Oid,
    name: &str,
    bound: impl Fn() -> Result<G, Error>,
) -> Result<Option<Relation>, Error> {
    let Ok(c_name) = CString::new(name) else { return Ok(None) };
    let mut named = plain::get_relname_relid(&c_name, schema);
    while named != Oid::INVALID {
        lock::share_table(named, &bound)?;
        let now = plain::get_relname_relid(&c_name, schema);
        if now == named {
            return Ok(Relation::open(named, Lock::ToTheEnd));
        }
        named = now;
    }
    if lock::keeps_snapshot() {
        let schema = plain::get_namespace_name(schema).unwrap_or_default();
        Snapshot::now(|now| history::check_absent(now, &schema, name))?;
    }
    Ok(None)
}

fn unreadable(table: &Relation, obstacle: Obstacle) -> Error {
    Error::Unreadable { table: ident(table.name()), obstacle }
}

/// Whether a role may use a schema.
fn may_use(schema: Oid, role: Oid) -> bool {
    let usage = pg_sys::ACL_USAGE as AclMode;
    #[cfg(feature = "pg15")]
    let result = plain::pg_namespace_aclcheck(schema, role, usage);
    #[cfg(not(feature = "pg15"))]
    let result = plain::object_aclcheck(pg_sys::NamespaceRelationId, schema, role, usage);
    result == ACLCHECK_OK
}

/// The row of that key as JSON, with these columns in this order, as the newest committed state has
/// it, or as the transaction's snapshot does where it keeps one.
pub fn read(table: &Relation, columns: &[String], key: &str) -> Result<Option<String>, Error> {
    let shape = Shape::of(table);
    let id = column(&shape, KEY)?;
    if id.atttypid != pg_sys::TEXTOID {
        return Err(unreadable(table, Obstacle::Kind(KEY.to_owned(), id.atttypid)));
    }
    if !plain::get_collation_isdeterministic(id.attcollation) {
        return Err(unreadable(table, Obstacle::Collation(KEY.to_owned())));
    }
    let mut shown = Vec::with_capacity(columns.len());
    for name in columns {
        let column = column(&shape, name)?;
        let obstacle = match column.atttypid {
            _ if is_virtual(column) => Obstacle::Virtual(name.clone()),
            kind if is_written(kind) => {
                shown.push((name.as_str(), column.attnum));
                continue;
            }
            kind => Obstacle::Kind(name.clone(), kind),
        };
        return Err(unreadable(table, obstacle));
    }
    let found = Snapshot::now(|now| {
        history::check(now, table.oid())?;
        Ok::<_, Error>(find(table, Key::equal(id.attnum, key), now, |row| write(row, &shown)))
    });
    found?.transpose()
}

/// The column of that name.
fn column<'s>(shape: &'s Shape, name: &str) -> Result<&'s FormData_pg_attribute, Error> {
    let is = |place: &usize| shape.name(*place).is_some_and(|n| n.to_bytes() == name.as_bytes());
    let found = (0..shape.len()).find(is).and_then(|place| shape.column(place));
    found.ok_or_else(|| Error::ColumnMissing(name.to_owned()))
}

/// The row as `row_to_json` writes it, but for timestamps, which are shown as records show them.
fn write(row: &Row, columns: &[(&str, i16)]) -> Result<String, Error> {
    let mut json = String::with_capacity(256);
    let mut separator = '{';
    for (name, number) in columns {
        json.push(separator);
        separator = ',';
        write_text(&mut json, name)?;
        json.push(':');
        match row.value(*number) {
            None => json.push_str("null"),
            Some(value) => write_value(&mut json, value)?,
        }
    }
    json.push_str(if separator == '{' { "{}" } else { "}" });
    Ok(json)
}

/// Whether [`write_value`] writes values of a type.
fn is_written(kind: Oid) -> bool {
    matches!(
        kind,
        pg_sys::TEXTOID
            | pg_sys::BOOLOID
            | pg_sys::FLOAT8OID
            | pg_sys::JSONBOID
            | pg_sys::TIMESTAMPTZOID
    )
}

fn write_value(json: &mut String, value: Value) -> Result<(), Error> {
    match value.kind() {
        pg_sys::TEXTOID => write_text(json, value.text().unwrap_or_default())?,
        pg_sys::BOOLOID => {
            json.push_str(if value.boolean() == Some(true) { "true" } else { "false" });
        }
        pg_sys::FLOAT8OID => {
            let text = value.shortest().unwrap_or_default();
            // JSON has no number for these.
            let finite = value.float().is_some_and(f64::is_finite);
            if finite { json.push_str(&text) } else { write_text(json, &text)? }
        }
        pg_sys::JSONBOID => json.push_str(value.printed().unwrap_or_default()),
        pg_sys::TIMESTAMPTZOID => {
            write_text(json, &timestamp::text(value.microseconds().unwrap_or_default()))?;
        }
        kind => {
            let name = plain::format_type_be(kind).unwrap_or_default();
            return Err(Error::Internal(format!("no record shows a value of type {name}")));
        }
    }
    Ok(())
}

/// A JSON string, escaped as PostgreSQL does.
fn write_text(json: &mut String, text: &str) -> Result<(), Error> {
    let quoted = serde_json::to_string(text).map_err(|e| Error::Internal(e.to_string()))?;
    json.push_str(&quoted);
    Ok(())
}
