//! The request path.
//!
//! `table` is the way of every table request, stage by stage in the order whose refusals a
//! client can tell apart (contract section 3): who calls, may they know of the place, may they
//! use the instance, may they try the operation, does the place exist, is the request well
//! formed, and only then a connection. No stage looks back, and none but the last touches
//! tenant data.

use crate::access::enrich::enriched;
use crate::access::{Access, caller};
use crate::api::{export, info, instances, openapi, sql};
use crate::auth::{Principal, Scope};
use crate::error::{Error, Result};
use crate::http::body;
use crate::http::head::RequestHead;
use crate::http::parameters::query::Query;
use crate::http::route::{self, Action, Route, TablePath};
use crate::ops::{self, Target};
use crate::pattern::Budget;
use crate::resolve;
use crate::rule_db::{PoolKind, RuleDb};
use crate::snapshot::Snapshot;
use crate::state::App;
use crate::trace::Trace;
use axum::extract::Request;
use axum::response::Response;
use edgebase_blocks::block::Block;
use edgebase_blocks::{BlockKind, InstanceKey};
use std::net::IpAddr;
use std::sync::Arc;

/// Answers a request for what its method and path were found to ask for.
///
/// # Errors
/// In the words of the contract.
pub async fn handle(
    app: &Arc<App>,
    snapshot: &Arc<Snapshot>,
    trace: &Arc<Trace>,
    route: Result<Route>,
    request: Request,
    peer: IpAddr,
) -> Result<Response> {
    let (parts, body) = request.into_parts();
    let head = RequestHead::new(parts, peer, Arc::clone(trace));
    if !snapshot.auth.is_unlimited(&head.headers, peer) {
        let is_db = head.path.strip_prefix("/api/db/").is_some_and(|rest| !route::is_live(rest));
        snapshot.limits.check(snapshot.auth.client_ip(&head.headers, peer), is_db)?;
    }
    // Token errors come before routing: in release mode they answer for every /api path.
    let user = if head.path.starts_with("/api/") {
        let (user, bearer) = snapshot.auth.user(&head.headers).await?;
        trace.has_token_of(bearer);
        user
    } else {
        Principal::Anonymous
    };
    match route? {
        Route::Table(path, action) => table(app, snapshot, &head, user, path, action, body).await,
        Route::DropInstance { namespace, instance } => {
            instances::drop(app, snapshot, &head, user, &namespace, &instance).await
        }
        Route::ListInstances { namespace } => {
            instances::list(app, snapshot, &head, &namespace).await
        }
        Route::Export { namespace, instance } => {
            export::run(app, snapshot, &head, &namespace, &instance).await
        }
        Route::Sql => sql::run(app, snapshot, &head, body).await,
        Route::Health => Ok(info::health()),
        Route::Ready => app.readiness.check().await.map(|()| info::ready()),
        Route::Schema => info::schema(snapshot, &head, &user),
        Route::Config => Ok(info::config(snapshot)),
        Route::OpenApi => Ok(openapi::respond(&head, snapshot.auth.trusts_proxy())),
        Route::Root => Ok(info::root()),
        Route::Live => Err(Error::NotFound(format!(
            "Live subscriptions are not part of this server: '{}' is not served. Read with the routes of a table.",
            head.path
        ))),
        Route::Internal => Err(Error::Denied(
            "Access denied. Internal endpoints are not publicly accessible.".into(),
        )),
    }
}

/// The way of a table request.
async fn table(
    app: &Arc<App>,
    snapshot: &Arc<Snapshot>,
    head: &RequestHead,
    user: Principal,
    path: TablePath,
    action: Action,
    body: axum::body::Body,
) -> Result<Response> {
    let principal = identify(snapshot, head, user, &path, &action).await?;
    let caller = caller::of(snapshot, head, &principal, &path.namespace, path.instance.as_deref());
    let access = Access::new(snapshot, &principal, &path.namespace, caller);
    access.release_gate(&path.namespace, &path.table)?;
    let query = Query::read(action.parameters(), &head.query);
    let upserts = query.as_ref().is_ok_and(ops::is_upsert);
    if let (Some(block), Some(id)) =
        (snapshot.config.databases.get(&path.namespace), &path.instance)
    {
        access.instance(block, id, Arc::new(rule_db(app, snapshot, &path))).await?;
        check_table_access(&access, block, &path, &action, upserts).await?;
    } else if let Some(block) = snapshot.config.databases.get(&path.namespace) {
        check_table_access(&access, block, &path, &action, upserts).await?;
    }
    let block = resolve::block(snapshot, &path.namespace)?;
    let key = resolve::instance_key(block, path.instance.as_deref())?;
    let target = Target {
        app,
        snapshot,
        principal: &principal,
        caller,
        block,
        key,
        path: &path,
        patterns: Budget::default(),
    };
    let request = match read(&target, head, action, query, body).await {
        Ok(request) => request,
        // A malformed request to an instance that may not be made is refused for that first.
        Err(error) => return Err(refuse_creation(&target).await?.unwrap_or(error)),
    };
    match ops::run(&target, request).await {
        Err(error) => Err(target.db().explain(&target.key, error).await),
        answer => answer,
    }
}

/// The caller: service key, user with the `enrich` hook's additions, or nobody.
async fn identify(
    snapshot: &Snapshot,
    head: &RequestHead,
    user: Principal,
    path: &TablePath,
    action: &Action,
) -> Result<Principal> {
    let verb = if action.is_read() { "read" } else { "write" };
    let text = format!("db:table:{}:{verb}", path.table);
    let scope = Scope {
        purpose: format!("scope '{text}'"),
        text,
        tenant: path.instance.as_deref(),
        bearer: true,
    };
    if snapshot.auth.service(head, &scope)? {
        return Ok(Principal::Service);
    }
    Ok(enriched(snapshot, head, user).await)
}

/// The table's rules that are asked before its rows are touched (contract 8.3, middleware part).
async fn check_table_access(
    access: &Access<'_>,
    block: &Block,
    path: &TablePath,
    action: &Action,
    upserts: bool,
) -> Result<()> {
    let Some(table) = block.tables.get(&path.table) else { return Ok(()) };
    match action {
        Action::Insert if upserts => access.upsert(table).await,
        Action::Insert => access.insert(table, "insert").await,
        Action::Batch => access.batch(table).await,
        _ => Ok(()),
    }
}

fn rule_db(app: &Arc<App>, snapshot: &Arc<Snapshot>, path: &TablePath) -> RuleDb {
    RuleDb {
        app: Arc::clone(app),
        snapshot: Arc::clone(snapshot),
        namespace: path.namespace.clone(),
        key: InstanceKey::new(&path.namespace, path.instance.as_deref()).ok(),
        pool: PoolKind::Requests,
    }
}

/// Table, query and body, all checked. A request whose query is malformed has its body unread.
async fn read(
    target: &Target<'_>,
    head: &RequestHead,
    action: Action,
    query: Result<Query<'_>>,
    body: axum::body::Body,
) -> Result<ops::Request> {
    let table = target.table()?;
    let query = query?;
    let body = if action.has_body() {
        Some(body::read(head, body, &table.table.name, &action).await?)
    } else {
        None
    };
    ops::Request::parse(&table.table, action, &query, body, &target.patterns)
}

/// 403 when the instance does not exist and the caller may not create it. A malformed request
/// never waits for a connection to learn that; its own error will do.
async fn refuse_creation(target: &Target<'_>) -> Result<Option<Error>> {
    let Some(id) = target.key.id().filter(|_| target.block.kind == BlockKind::Dynamic) else {
        return Ok(None);
    };
    let Err(refusal) = target.access().can_create(target.block, id).await else {
        return Ok(None);
    };
    Ok(target.db().is_known_absent(&target.key).await?.then_some(refusal))
}
