//! What can be done with an instance as a whole?
//!
//! The list of those there are, and the deletion of one under the block's `delete` rule. Creation has no call of its own: the first write creates.

use crate::access::enrich::enriched;
use crate::access::{Access, caller, refused_drop};
use crate::auth::{Principal, Scope};
use crate::db::Row;
use crate::db::statement::{Bind, Sql};
use crate::error::{Error, Result};
use crate::http::head::RequestHead;
use crate::http::parameters::query::Query;
use crate::http::parameters::{AFTER, INSTANCE_LIMIT, INSTANCES};
use crate::http::response;
use crate::resolve;
use crate::snapshot::Snapshot;
use crate::state::App;
use axum::http::StatusCode;
use axum::response::Response;
use std::sync::Arc;

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
    head: &RequestHead,
    namespace: &str,
) -> Result<Response> {
    let text = format!("db:instance:{namespace}:list");
    let scope = Scope { purpose: format!("scope '{text}'"), text, tenant: None, bearer: true };
    if !snapshot.auth.service(head, &scope)? {
        return Err(Error::ServiceKeyRequired(format!("list the instances of '{namespace}'")));
    }
    resolve::block(snapshot, namespace)?;
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
    let rows = app.pools_of_block(snapshot, namespace).requests.plain(&sql).await?;
    let shown: Vec<&Row> = rows.iter().zip(0..limit).map(|(row, _)| row).collect();
    let text = |row: &Row| row.try_get::<String>(0).map_err(Error::internal);
    let has_more = rows.len() > shown.len();
    let list = response::List {
        cursor: match shown.last().filter(|_| has_more) {
            Some(row) => row.try_get(1).map_err(Error::internal)?,
            None => None,
        },
        has_more,
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
    head: &RequestHead,
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
    let (principal, caller) = if snapshot.auth.service(head, &scope)? {
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
    let found = resolve::block(snapshot, namespace);
    let found =
        found.map_err(|not_found| match principal.is_service() || !snapshot.config.release {
            true => not_found,
            false => refused_drop(namespace),
        })?;
    access.can_drop(found, id).await?;
    let key = resolve::instance_key(found, Some(id))?;
    let receipt = app
        .pools_of(snapshot, &key)
        .requests
        .drop(&key, &caller)
        .await?
        .ok_or_else(|| Error::NotFound(format!("Instance '{key}' does not exist.")))?;
    Ok(response::json(StatusCode::OK, receipt.to_string()))
}
