//! The request path.
//!
//! `table` is the way of every table request, stage by stage in the order whose refusals a
//! client can tell apart (contract section 3): who calls, may they know of the place, may they
//! use the instance, may they try the operation, does the place exist, is the request well
//! formed, and only then a connection. No stage looks back, and none but the last touches
//! tenant data.

use crate::access::{Access, caller};
use crate::auth::{Principal, Scope};
use crate::connections::{Bounds, Connections};
use crate::db::source::Source;
use crate::db::{Database, Reuse};
use crate::error::{Error, Result};
use crate::hooks::AfterHooks;
use crate::metrics::Metrics;
use crate::ops::{self, Target};
use crate::parameters::UPSERT;
use crate::parameters::query::Query;
use crate::pattern::Budget;
use crate::reads::{Lane, RuleReads};
use crate::ready::Readiness;
use crate::route::{self, Action, Route, TablePath};
use crate::snapshot::Snapshot;
use crate::{body, endpoints, export, instances, openapi, sql};
use arc_swap::ArcSwap;
use axum::extract::Request;
use axum::http::HeaderMap;
use axum::http::header::HOST;
use axum::response::Response;
use edgebase_blocks::block::{Block, TableConfig};
use edgebase_blocks::{BlockKind, InstanceKey};
use serde_json::{Value, json};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// What the `enrich` hook may take (contract 4.2).
const ENRICH_BUDGET: Duration = Duration::from_millis(50);

/// Connections to the database.
const CONNECTIONS: usize = 32;
/// Connections for reads of hooks.
const HOOK_CONNECTIONS: usize = 4;
/// Connections for raw SQL.
const SQL_CONNECTIONS: usize = 4;

/// The server's state.
pub struct App {
    /// Connections.
    pub db: Database,
    /// Connections for reads of hooks, whose requests hold one of the others.
    pub hook_db: Database,
    /// Connections for raw SQL, reset before each use.
    pub sql_db: Database,
    /// Whether the database answers.
    pub readiness: Readiness,
    /// The config in force.
    pub current: ArcSwap<Snapshot>,
    /// After-hooks under way.
    pub after_hooks: AfterHooks,
    /// The connections of clients.
    pub connections: Arc<Connections>,
    /// What is counted.
    pub metrics: Metrics,
}

impl App {
    /// A server's state on a database; connects on first use.
    ///
    /// # Errors
    /// When there are to be no connections.
    pub fn new(
        database: &Arc<Source>,
        snapshot: Arc<Snapshot>,
        bounds: Bounds,
    ) -> anyhow::Result<Self> {
        Ok(Self {
            db: Database::new(database, CONNECTIONS, Reuse::AsIs)?,
            hook_db: Database::new(database, HOOK_CONNECTIONS, Reuse::AsIs)?,
            sql_db: Database::new(database, SQL_CONNECTIONS, Reuse::Reset)?,
            readiness: Readiness::new(database)?,
            current: ArcSwap::new(snapshot),
            after_hooks: AfterHooks::default(),
            connections: Arc::new(Connections::new(bounds)),
            metrics: Metrics::default(),
        })
    }
}

/// What stages read of a request's head.
pub struct Head {
    /// GET, POST, …
    pub method: String,
    /// As sent, not decoded.
    pub path: String,
    /// The query string, as sent.
    pub query: String,
    /// As sent.
    pub headers: HeaderMap,
    /// The connection's other end.
    pub peer: IpAddr,
}

impl App {
    /// Connections for requests to a block.
    #[must_use]
    pub fn db_of<'a>(&'a self, snapshot: &'a Snapshot, namespace: &str) -> &'a Database {
        snapshot.elsewhere.get(namespace).map_or(&self.db, |home| &home.db)
    }

    /// Connections for hooks' reads of a block.
    #[must_use]
    pub fn hook_db_of<'a>(&'a self, snapshot: &'a Snapshot, namespace: &str) -> &'a Database {
        snapshot.elsewhere.get(namespace).map_or(&self.hook_db, |home| &home.hook_db)
    }

    /// Connections for raw SQL in a block.
    #[must_use]
    pub fn sql_db_of<'a>(&'a self, snapshot: &'a Snapshot, namespace: &str) -> &'a Database {
        snapshot.elsewhere.get(namespace).map_or(&self.sql_db, |home| &home.sql_db)
    }
}

/// Answers a request.
///
/// # Errors
/// In the words of the contract.
pub async fn handle(app: &Arc<App>, request: Request, peer: IpAddr) -> Result<Response> {
    let (mut parts, body) = request.into_parts();
    // HTTP/2 says it in another place.
    if let (None, Some(authority)) = (parts.headers.get(HOST), parts.uri.authority())
        && let Ok(host) = authority.as_str().parse()
    {
        parts.headers.insert(HOST, host);
    }
    let head = Head {
        method: parts.method.to_string(),
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        headers: parts.headers,
        peer,
    };
    let snapshot = app.current.load_full();
    if !snapshot.auth.is_unlimited(&head.headers, peer) {
        let is_db = head.path.strip_prefix("/api/db/").is_some_and(|rest| !route::is_live(rest));
        snapshot.limits.check(snapshot.auth.client_ip(&head.headers, peer), is_db)?;
    }
    // Token errors come before routing: in release mode they answer for every /api path.
    let user = if head.path.starts_with("/api/") {
        snapshot.auth.user(&head.headers).await?
    } else {
        Principal::Anonymous
    };
    match route::parse(&parts.method, &head.path)? {
        Route::Table(path, action) => table(app, &snapshot, &head, user, path, action, body).await,
        Route::DropInstance { namespace, instance } => {
            instances::drop(app, &snapshot, &head, user, &namespace, &instance).await
        }
        Route::ListInstances { namespace } => {
            instances::list(app, &snapshot, &head, &namespace).await
        }
        Route::Export { namespace, instance } => {
            export::run(app, &snapshot, &head, &namespace, &instance).await
        }
        Route::Sql => sql::run(app, &snapshot, &head, body).await,
        Route::Health => Ok(endpoints::health()),
        Route::Ready => app.readiness.check().await.map(|()| endpoints::ready()),
        Route::Schema => endpoints::schema(&snapshot, &head, &user),
        Route::Config => Ok(endpoints::config(&snapshot)),
        Route::OpenApi => Ok(openapi::respond(&head, snapshot.auth.trusts_proxy())),
        Route::Root => Ok(endpoints::root()),
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
    head: &Head,
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
    let upserts = query.as_ref().is_ok_and(is_upsert);
    if let (Some(block), Some(id)) =
        (snapshot.config.databases.get(&path.namespace), &path.instance)
    {
        access.instance(block, id, Arc::new(reads(app, snapshot, &path))).await?;
        knock(&access, block, &path, &action, upserts).await?;
    } else if let Some(block) = snapshot.config.databases.get(&path.namespace) {
        knock(&access, block, &path, &action, upserts).await?;
    }
    let (block, key) = resolve(snapshot, &path)?;
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
    let request = match target.read(head, action, query, body).await {
        Ok(request) => request,
        // A malformed request to an instance that may not be made is refused for that first.
        Err(error) => return Err(target.refuse_creation().await?.unwrap_or(error)),
    };
    match ops::run(&target, request).await {
        Err(error) => Err(target.db().explain(&target.key, error).await),
        answer => answer,
    }
}

/// The caller: service key, user with the `enrich` hook's additions, or nobody.
async fn identify(
    snapshot: &Snapshot,
    head: &Head,
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
    if snapshot.auth.service(&head.headers, head.peer, &scope)? {
        return Ok(Principal::Service);
    }
    Ok(enriched(snapshot, head, user).await)
}

/// The caller with what the `enrich` hook adds (contract 4.2): it runs for users only, and a
/// hook that fails or takes too long adds nothing.
pub async fn enriched(snapshot: &Snapshot, head: &Head, user: Principal) -> Principal {
    let (Principal::User(auth), Some(hook)) = (&user, snapshot.config.enrich) else {
        return user;
    };
    let request = json!({"method": head.method, "path": head.path});
    let args = vec![
        edgebase_rules::Arg::Json(Arc::clone(auth)),
        edgebase_rules::Arg::Json(Arc::new(request)),
    ];
    let caller = caller::of(snapshot, head, &user, "", None);
    match snapshot.engine.for_caller(caller).value(hook.id(), args, ENRICH_BUDGET).await {
        Ok(Some(meta @ Value::Object(_))) => {
            let mut auth = (**auth).clone();
            auth["meta"] = meta;
            Principal::User(Arc::new(auth))
        }
        Ok(_) => user,
        Err(cause) => {
            tracing::warn!(%cause, "the enrich hook failed");
            user
        }
    }
}

/// Whether an insert may change a row that is there.
#[must_use]
pub fn is_upsert(query: &Query<'_>) -> bool {
    query.boolean(&UPSERT) == Some(true)
}

/// The table's own word before its rows are touched (contract 8.3, middleware part).
async fn knock(
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

/// What the path's names mean (contract 1.3).
fn resolve<'a>(snapshot: &'a Snapshot, path: &TablePath) -> Result<(&'a Block, InstanceKey)> {
    let namespace = &path.namespace;
    let Some(block) = snapshot.config.databases.get(namespace) else {
        return Err(Error::NotFound(format!("Database '{namespace}' not found in config")));
    };
    let key = instances::key(block, path.instance.as_deref())?;
    Ok((block, key))
}

fn reads(app: &Arc<App>, snapshot: &Arc<Snapshot>, path: &TablePath) -> RuleReads {
    RuleReads {
        app: Arc::clone(app),
        snapshot: Arc::clone(snapshot),
        namespace: path.namespace.clone(),
        key: InstanceKey::new(&path.namespace, path.instance.as_deref()).ok(),
        lane: Lane::Requests,
    }
}

impl<'a> Target<'a> {
    /// The table, or 404.
    ///
    /// # Errors
    /// 404 when the block has no such table.
    pub fn table(&self) -> Result<&'a TableConfig> {
        self.block.tables.get(&self.path.table).ok_or_else(|| {
            Error::NotFound(format!(
                "Table '{}' not found in database '{}'.",
                self.path.table, self.path.namespace
            ))
        })
    }

    /// Table, query and body, all checked. A request whose query is malformed has its body unread.
    async fn read(
        &self,
        head: &Head,
        action: Action,
        query: Result<Query<'_>>,
        body: axum::body::Body,
    ) -> Result<ops::Request> {
        let table = self.table()?;
        let query = query?;
        let body = if action.has_body() {
            Some(body::read(head, body, &table.table.name, &action).await?)
        } else {
            None
        };
        ops::Request::parse(&table.table, action, &query, body, &self.patterns)
    }

    /// 403 when the instance does not exist and the caller may not create it. A malformed
    /// request never waits for a connection to learn that; its own error will do.
    async fn refuse_creation(&self) -> Result<Option<Error>> {
        let Some(id) = self.key.id().filter(|_| self.block.kind == BlockKind::Dynamic) else {
            return Ok(None);
        };
        let Err(refusal) = self.access().can_create(self.block, id).await else {
            return Ok(None);
        };
        Ok(self.db().is_known_absent(&self.key).await?.then_some(refusal))
    }
}
