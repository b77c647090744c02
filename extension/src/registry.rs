//! Which blocks and instances are there?
//!
//! The registry is the only authority on where an instance lives; no schema or role name is ever
//! computed from a key elsewhere. Reads go by primary key without a query (see `fence::scan`), so
//! they see the newest committed state and what this transaction itself has written.
//!
//! Roles are cluster-wide and not part of a dump, so their names are not stored: the role of
//! instance `n` is `eb_<oid of this database>_<n>`. After a restore into another database the
//! names differ, and nothing can be entered before `repair()` has made the new roles.

use crate::error::Error;
use crate::fence::identity::database_oid;
use crate::fence::scan;
use edgebase_blocks::block::BlockKind;
use edgebase_blocks::name;
use edgebase_blocks::{InstanceKey, StoredBlock};

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
    format!("eb_{}_{number}", database_oid())
}

/// The registered block, configured or kept.
pub fn block(namespace: &str) -> Option<BlockRow> {
    scan::by_key(c"block", c"block_pkey", &[namespace], |row| {
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
    let keys = [key.namespace(), key.id().unwrap_or_default()];
    scan::by_key(c"instance", c"instance_pkey", &keys, |row| {
        Some(InstanceRow { number: row.bigint(3)?, schema: row.text(4)?, version: row.text(5)? })
    })
    .flatten()
}

/// The shape that a version stands for.
pub fn definition(version: &str) -> Result<StoredBlock, Error> {
    let text = scan::by_key(c"block_version", c"block_version_pkey", &[version], |row| row.text(3))
        .flatten()
        .ok_or_else(|| Error::Internal(format!("block version {version} is not stored")))?;
    serde_json::from_str(&text)
        .map_err(|e| Error::Internal(format!("block version {version} is unreadable: {e}")))
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
