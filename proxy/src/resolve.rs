//! What do the names in a path mean?
//!
//! Contract 1.3: a block of the config, and the key of one of its instances.

use crate::error::{Error, Result};
use crate::snapshot::Snapshot;
use edgebase_blocks::name::NameError;
use edgebase_blocks::{Block, BlockKind, InstanceKey};

/// The block of that name.
///
/// # Errors
/// 404 when the config has none.
pub fn block<'a>(snapshot: &'a Snapshot, namespace: &str) -> Result<&'a Block> {
    snapshot
        .config
        .databases
        .get(namespace)
        .ok_or_else(|| Error::NotFound(format!("Database '{namespace}' not found in config")))
}

/// The key of the instance that a path names.
///
/// # Errors
/// 400 when the block takes no id, needs one, or the id is no legal one.
pub fn instance_key(block: &Block, id: Option<&str>) -> Result<InstanceKey> {
    let namespace = &block.namespace;
    let bad = |message: String| Err(Error::BadRequest(message));
    match (block.kind, id) {
        (BlockKind::Dynamic, None) => {
            bad(format!("instanceId is required for dynamic namespace '{namespace}'"))
        }
        (BlockKind::Single, Some(_)) => {
            bad(format!("instanceId is not allowed for single-instance namespace '{namespace}'"))
        }
        _ => InstanceKey::new(namespace, id).or_else(|e| match e {
            NameError::Blank | NameError::Colon | NameError::Control | NameError::TooLong(_) => {
                bad(format!("instanceId {e}"))
            }
        }),
    }
}
