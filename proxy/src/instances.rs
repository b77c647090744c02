//! What can be done with an instance as a whole?
//!
//! Its key from a path (contract 1.3) and its deletion under the block's `delete` rule. Creation
//! has no call of its own: the first write creates.

use crate::access::{Access, refused_drop};
use crate::app::{App, Head, enriched};
use crate::auth::{Principal, Scope};
use crate::error::{Error, Result};
use crate::respond;
use crate::snapshot::Snapshot;
use axum::http::StatusCode;
use axum::response::Response;
use edgebase_blocks::name::NameError;
use edgebase_blocks::{Block, BlockKind, InstanceKey};
use std::sync::Arc;

/// The key of the instance that a path names.
///
/// # Errors
/// 400 when the block takes no id, needs one, or the id is no legal one.
pub fn key(block: &Block, id: Option<&str>) -> Result<InstanceKey> {
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

/// `DELETE /api/db/{namespace}/{id}`: drops the instance and answers the receipt.
///
/// # Errors
/// 403 unless the `delete` rule allows, 404 when there is no such instance.
pub async fn drop(
    app: &Arc<App>,
    snapshot: &Arc<Snapshot>,
    head: &Head,
    user: Principal,
    namespace: &str,
    id: &str,
) -> Result<Response> {
    let scope = Scope {
        text: format!("db:instance:{namespace}:delete"),
        tenant: Some(id),
        bearer: true,
        purpose: format!("scope 'db:instance:{namespace}:delete'"),
    };
    let principal = if snapshot.auth.service(&head.headers, head.peer, &scope)? {
        Principal::Service
    } else {
        enriched(snapshot, head, user).await
    };
    let access = Access::new(snapshot, &principal, namespace);
    let Some(found) = snapshot.config.databases.get(namespace) else {
        return Err(if principal.is_service() || !snapshot.config.release {
            Error::NotFound(format!("Database '{namespace}' not found in config"))
        } else {
            refused_drop(namespace)
        });
    };
    access.can_drop(found, id).await?;
    let key = key(found, Some(id))?;
    let receipt = app
        .db
        .drop(&key)
        .await?
        .ok_or_else(|| Error::NotFound(format!("Instance '{key}' does not exist.")))?;
    Ok(respond::json(StatusCode::OK, receipt.to_string()))
}
