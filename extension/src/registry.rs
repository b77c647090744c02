//! Which blocks and instances are there?
//!
//! The registry is the only authority on where an instance lives; no schema or role name is ever
//! computed from a key elsewhere. Reads go by primary key without a query (see `fence::rows`), so
//! they see the newest committed state and what this transaction itself has written; those for
//! analysts see what the query sees that asks.
//!
//! Roles are cluster-wide and not part of a dump, so their names are not stored: the role of
//! instance `n` is `eb_<oid of this database>_<n>`. After a restore into another database the
//! names differ, and nothing can be entered before `repair()` has made the new roles.

use crate::VERSION;
use crate::error::Error;
use crate::fence::rows::{self, Key, Position, Registry, Row, Snapshot};
use crate::fence::value::Value;
use crate::identity::role_prefix;
use crate::spi;
use edgebase_blocks::block::BlockKind;
use edgebase_blocks::name;
use edgebase_blocks::{InstanceKey, StoredBlock};
use std::cell::RefCell;
use std::collections::HashMap;

/// A row of `edgebase.block`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockRow {
    pub kind: BlockKind,
    pub version: String,
}

/// A row of `edgebase.instance`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstanceRow {
    pub number: i64,
    pub schema: String,
    pub version: String,
}

impl InstanceRow {
    /// The name of the instance role.
    pub fn role(&self) -> String {
        role_name(self.number)
    }
}

/// The name of the role of instance `number` of this database.
pub fn role_name(number: i64) -> String {
    format!("{}{number}", role_prefix())
}

/// Rows whose positions are kept; with more all are forgotten.
const KEPT: usize = 1024;

thread_local! {
    static POSITIONS: RefCell<HashMap<(Registry, String), Position>> = RefCell::default();
}

/// The row of a table whose primary key is `keys`. Where this backend found it last is looked at
/// first: if the snapshot shows a row of that key there, it is the one, as there is no other.
fn row<T>(of: Registry, keys: &[&str], snapshot: Snapshot, read: impl Fn(&Row) -> T) -> Option<T> {
    // No text of PostgreSQL's has a NUL.
    let key = (of, keys.join("\0"));
    let is_it = |row: &Row| {
        let equals = |(key, n): (&&str, i16)| row.value(n).and_then(Value::text) == Some(*key);
        keys.iter().zip(1..).all(equals)
    };
    if let Some(position) = POSITIONS.with_borrow(|all| all.get(&key).copied())
        && let Some(Some(found)) =
            rows::at(of, position, snapshot, |row| is_it(row).then(|| read(row)))
    {
        return Some(found);
    }
    let equal: Vec<Key> = keys.iter().zip(1..).map(|(key, n)| Key::equal(n, key)).collect();
    let mut found = None;
    rows::each(of, &equal, snapshot, |row| {
        found = Some((row.position(), read(row)));
        false
    });
    let (position, found) = found?;
    POSITIONS.with_borrow_mut(|all| {
        if all.len() >= KEPT {
            all.clear();
        }
        all.insert(key, position);
    });
    Some(found)
}

/// Refuses to work on the objects of another version than the library's: they lack what it asks for.
pub fn check_version() -> Result<(), Error> {
    let objects = spi::one::<String>(
        "SELECT extversion FROM pg_extension WHERE extname = 'edgebase' AND extversion <> $1",
        &[VERSION.into()],
    )?;
    objects.map_or(Ok(()), |objects| Err(Error::Versions(objects)))
}

/// The registered block, configured or kept.
pub fn block(namespace: &str) -> Option<BlockRow> {
    row(rows::BLOCK, &[namespace], Snapshot::NEWEST, |row| {
        let kind = match row.text(2)?.as_str() {
            "single" => BlockKind::Single,
            _ => BlockKind::Dynamic,
        };
        Some(BlockRow { kind, version: row.text(3)? })
    })
    .flatten()
}

/// The instance of that key.
pub fn instance(key: &InstanceKey) -> Option<InstanceRow> {
    instance_at(key, Snapshot::NEWEST)
}

/// The same as a snapshot has it.
pub fn instance_at(key: &InstanceKey, snapshot: Snapshot) -> Option<InstanceRow> {
    let keys = [key.namespace(), key.id().unwrap_or_default()];
    row(rows::INSTANCE, &keys, snapshot, |row| {
        Some(InstanceRow { number: row.bigint(3)?, schema: row.text(4)?, version: row.text(5)? })
    })
    .flatten()
}

/// The shape that a version stands for.
pub fn definition(version: &str) -> Result<StoredBlock, Error> {
    let text = row(rows::VERSION, &[version], Snapshot::NEWEST, |row| row.text(3))
        .flatten()
        .ok_or_else(|| Error::Internal(format!("block version {version} is not stored")))?;
    serde_json::from_str(&text)
        .map_err(|e| Error::Internal(format!("block version {version} is unreadable: {e}")))
}

/// What analysts see of a block.
pub fn analytics(namespace: &str) -> Result<Option<StoredBlock>, Error> {
    let text = row(rows::ANALYTICS, &[namespace], Snapshot::NEWEST, |row| row.text(3));
    text.flatten()
        .map(|text| serde_json::from_str(&text))
        .transpose()
        .map_err(|e| Error::Internal(format!("analytics of block {namespace}: {e}")))
}

/// The block whose relations are in that schema.
pub fn analytics_block(schema: &str) -> Option<String> {
    let mut namespace = None;
    let key = [Key::equal(2, schema)];
    rows::each(rows::ANALYTICS_BY_SCHEMA, &key, Snapshot::NEWEST, |row| {
        namespace = row.text(1);
        false
    });
    namespace
}

/// Where the tables of an active instance are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub id: String,
    pub number: i64,
    pub schema: String,
    /// The version of its block that it has.
    pub version: String,
}

fn place_of(row: &Row) -> Option<Place> {
    let active = row.text(6).as_deref() == Some("active");
    active.then_some(Place {
        id: row.text(2)?,
        number: row.bigint(3)?,
        schema: row.text(4)?,
        version: row.text(5)?,
    })
}

/// The place of one instance, as a query sees it.
pub fn place(namespace: &str, id: &str, snapshot: Snapshot) -> Option<Place> {
    row(rows::INSTANCE, &[namespace, id], snapshot, place_of).flatten()
}

/// At most `limit` instances of a block as a query sees them, by id, those after `after`; and the
/// id to go on after, if there may be more.
pub fn places(
    namespace: &str,
    after: Option<&str>,
    limit: usize,
    snapshot: Snapshot,
) -> (Vec<Place>, Option<String>) {
    let (mut found, mut last, mut seen) = (Vec::new(), None, 0);
    let keys = [Key::equal(1, namespace), Key::after(2, after.unwrap_or_default())];
    let keys = if after.is_some() { &keys[..] } else { &keys[..1] };
    rows::each(rows::INSTANCE, keys, snapshot, |row| {
        seen += 1;
        if seen == limit {
            last = row.text(2);
        }
        found.extend(place_of(row));
        seen < limit
    });
    (found, last)
}

/// The shapes that a block has been given since it had the one an instance is at, oldest first.
pub fn between(namespace: &str, old: &str, new: &str) -> Result<Vec<StoredBlock>, Error> {
    let versions = spi::json(
        "SELECT coalesce(jsonb_agg(v.version ORDER BY v.recorded_at), '[]')
         FROM edgebase.block_version v
         WHERE v.namespace = $1 AND v.version <> $2 AND v.version <> $3
           AND v.recorded_at > (SELECT recorded_at FROM edgebase.block_version WHERE version = $2)",
        &[namespace.into(), old.into(), new.into()],
    )?;
    versions
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(serde_json::Value::as_str)
        .map(definition)
        .collect()
}

/// The shapes of a block from one version to another, both included, oldest first: those between
/// were recorded since the first of them was. Reads what [`between`] reads, for callers that may not
/// query the registry.
pub fn shapes(namespace: &str, old: &str, new: &str) -> Result<Vec<StoredBlock>, Error> {
    let mut recorded = Vec::new();
    rows::each(rows::VERSION, &[], Snapshot::NEWEST, |row| {
        if row.text(2).as_deref() == Some(namespace) {
            let time = row.value(4).and_then(|t| t.timestamp("YYYYMMDDHH24MISSUS"));
            recorded.push((time.unwrap_or_default().to_owned(), row.text(1).unwrap_or_default()));
        }
        true
    });
    recorded.sort_unstable();
    let since = recorded.iter().find(|(_, v)| v == old).map(|(time, _)| time.clone());
    let between = recorded.into_iter().filter(|(time, version)| {
        since.as_ref().is_none_or(|since| time >= since) && version != old && version != new
    });
    let mut shapes = vec![definition(old)?];
    for (_, version) in between {
        shapes.push(definition(&version)?);
    }
    shapes.push(definition(new)?);
    Ok(shapes)
}

/// The key that namespace and id make, checked against the block they name.
pub fn resolve(namespace: &str, id: Option<&str>) -> Result<(InstanceKey, BlockRow), Error> {
    let invalid = |part| move |cause| Error::InvalidName { part, cause };
    name::namespace(namespace).map_err(invalid("namespace"))?;
    let row = block(namespace).ok_or_else(|| Error::UnknownBlock(namespace.to_owned()))?;
    match (row.kind, id) {
        (BlockKind::Dynamic, None) => Err(Error::InvalidKey(format!(
            "block \"{namespace}\" is dynamic: its instances have an id"
        ))),
        (BlockKind::Single, Some(_)) => Err(Error::InvalidKey(format!(
            "block \"{namespace}\" is single-instance: it takes no id"
        ))),
        _ => {
            let key = InstanceKey::new(namespace, id).map_err(invalid("id"))?;
            Ok((key, row))
        }
    }
}
