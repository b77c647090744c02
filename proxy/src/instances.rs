//! What can be done with an instance as a whole?
//!
//! Its key from a path (contract 1.3), the list of those there are, and its deletion under the
//! block's `delete` rule. Creation has no call of its own: the first write creates.

use crate::access::{Access, caller, refused_drop};
use crate::app::{App, Head, enriched};
use crate::auth::{Principal, Scope};
use crate::db::Row;
use crate::db::statement::{Bind, Sql};
use crate::error::{Error, Result};
use crate::parameters::query::Query;
use crate::parameters::{AFTER, INSTANCE_LIMIT, INSTANCES};
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

/// Instances on a page of the list, unless stated.
const PAGE: i64 = 100;
/// Instances on a page at most.
const MAX_PAGE: i64 = 1_000;

/// `GET /api/db/{namespace}?limit&after`: the block's instances in the order of their ids, for
/// service keys with the scope `db:instance:{namespace}:list`. Ids are names of tenants, so no
/// rule opens this to users.
///
/// # Errors
/// 401 and 403 without a valid key, 404 when there is no such block, 400 for the page.
pub async fn list(
    app: &Arc<App>,
    snapshot: &Arc<Snapshot>,
    head: &Head,
    namespace: &str,
) -> Result<Response> {
    let text = format!("db:instance:{namespace}:list");
    let scope = Scope { purpose: format!("scope '{text}'"), text, tenant: None, bearer: true };
    if !snapshot.auth.service(&head.headers, head.peer, &scope)? {
        return Err(Error::ServiceKeyRequired(format!("list the instances of '{namespace}'")));
    }
    if !snapshot.config.databases.contains_key(namespace) {
        return Err(Error::NotFound(format!("Database '{namespace}' not found in config")));
    }
    let query = Query::read(INSTANCES, &head.query)?;
    let limit = query.integer(&INSTANCE_LIMIT).unwrap_or(PAGE).min(MAX_PAGE);
    let after = query.text(&AFTER);
    if after.is_some_and(|id| id.contains('\0')) {
        return Err(Error::BadRequest("Invalid after parameter: must be an id".into()));
    }
    let time = |column| {
        format!("to_char({column} AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')")
    };
    let mut sql = Sql::new(&format!(
        "SELECT json_build_object('id', id, 'state', state, 'current', current, \
                'createdAt', {}, 'migratedAt', {})::text, id \
         FROM edgebase.list_instances(",
        time("created_at"),
        time("migrated_at")
    ));
    // One more than asked for says whether there is a next page.
    sql.bind(Bind::text(namespace))
        .push(", ")
        .bind(Bind::Text(after.map(str::to_owned)))
        .push(", ")
        .bind(Bind::Int(limit + 1))
        .push("::integer)");
    let rows = app.db_of(snapshot, namespace).plain(&sql).await?;
    let shown: Vec<&Row> = rows.iter().zip(0..limit).map(|(row, _)| row).collect();
    let text = |row: &Row| row.try_get::<String>(0).map_err(Error::internal);
    let list = respond::List {
        cursor: match shown.last() {
            Some(row) => row.try_get(1).map_err(Error::internal)?,
            None => None,
        },
        has_more: rows.len() > shown.len(),
        items: shown.into_iter().map(text).collect::<Result<_>>()?,
        total: None,
        page: None,
        per_page: limit,
    };
    Ok(list.respond())
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
    let (principal, caller) = if snapshot.auth.service(&head.headers, head.peer, &scope)? {
        let key = snapshot.auth.service_name(&head.headers, head.peer, &scope);
        (Principal::Service, format!("service key {}", key.unwrap_or_default()))
    } else {
        let principal = enriched(snapshot, head, user).await;
        let caller = match principal.id() {
            Some(id) => format!("user {id}"),
            None => "anybody".to_owned(),
        };
        (principal, caller)
    };
    let costs = caller::of(snapshot, head, &principal, namespace, Some(id));
    let access = Access::new(snapshot, &principal, namespace, costs);
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
        .db_of(snapshot, namespace)
        .drop(&key, &caller)
        .await?
        .ok_or_else(|| Error::NotFound(format!("Instance '{key}' does not exist.")))?;
    Ok(respond::json(StatusCode::OK, receipt.to_string()))
}
