//! How does the server start, swap its config and stop?
//!
//! One handler takes every request; what wraps it is what every answer has: a request id, the
//! `nosniff` header, a time limit, and a body in the contract's form even where a handler
//! panics. Stopping refuses new connections at once and waits a bounded time for requests
//! under way.

use crate::app::{self, App};
use crate::config::AppConfig;
use crate::cors;
use crate::db::{Database, Reuse};
use crate::error::Error;
use crate::snapshot::Snapshot;
use anyhow::{Context as _, Result};
use arc_swap::ArcSwap;
use axum::Router;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use std::any::Any;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::request_id::{
    MakeRequestUuid, PropagateRequestIdLayer, RequestId, SetRequestIdLayer,
};
use tower_http::set_header::SetResponseHeaderLayer;

/// The longest a request may take; statements are bounded more tightly by the extension.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);
/// Connections to the database, in slots of which an instance uses two.
const CONNECTIONS: usize = 32;
/// Connections for reads of hooks.
const HOOK_CONNECTIONS: usize = 4;
/// Connections for raw SQL.
const SQL_CONNECTIONS: usize = 4;
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Where and with what to serve.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Address to listen on; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The login role's connection string.
    pub database_url: String,
    /// Variables that secrets are read from: `JWT_USER_SECRET`, service keys, `ENVIRONMENT`.
    pub environment: HashMap<String, String>,
    /// A root service key that holds whatever the config says; development only.
    pub development_key: Option<String>,
}

/// A running server.
pub struct Server {
    app: Arc<App>,
    settings: Settings,
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<std::io::Result<()>>,
}

impl Server {
    /// Starts serving.
    ///
    /// # Errors
    /// When it cannot listen, reach its database, or evaluate the config.
    pub async fn start(settings: Settings, app: AppConfig) -> Result<Self> {
        let db = Database::new(&settings.database_url, CONNECTIONS, Reuse::AsIs)
            .context("the database address cannot be understood")?;
        db.ping().await.map_err(|e| {
            anyhow::anyhow!(
                "the database does not answer: {}",
                e.detail().unwrap_or(&e.to_string())
            )
        })?;
        let snapshot =
            Snapshot::new(app, &settings.environment, settings.development_key.as_deref())?;
        for warning in &snapshot.config.warnings {
            tracing::warn!("{warning}");
        }
        let hook_db = Database::new(&settings.database_url, HOOK_CONNECTIONS, Reuse::AsIs)?;
        let sql_db = Database::new(&settings.database_url, SQL_CONNECTIONS, Reuse::Reset)?;
        let app = Arc::new(App { db, hook_db, sql_db, current: ArcSwap::from_pointee(snapshot) });
        let listener = TcpListener::bind(settings.listen)
            .await
            .with_context(|| format!("cannot listen on {}", settings.listen))?;
        let address = listener.local_addr()?;
        let (stop, stopped) = oneshot::channel::<()>();
        let service = router(Arc::clone(&app)).into_make_service_with_connect_info::<SocketAddr>();
        let task = tokio::spawn(async move {
            axum::serve(listener, service)
                .with_graceful_shutdown(async {
                    // A dropped sender stops the server as well.
                    let _ = stopped.await;
                })
                .await
        });
        Ok(Self { app, settings, address, stop, task })
    }

    /// The address listened on.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Replaces the config; requests under way finish on the old one.
    ///
    /// # Errors
    /// When the rules engine does not start; the old config stays.
    #[allow(clippy::unused_async)] // part of the interface: a config with other databases will connect
    pub async fn swap(&self, app: AppConfig) -> Result<()> {
        let snapshot = Snapshot::new(
            app,
            &self.settings.environment,
            self.settings.development_key.as_deref(),
        )?;
        for warning in &snapshot.config.warnings {
            tracing::warn!("{warning}");
        }
        self.app.current.store(Arc::new(snapshot));
        Ok(())
    }

    /// Stops accepting and waits for requests under way, at most `grace`.
    pub async fn shutdown(self, grace: Duration) {
        let _ = self.stop.send(());
        let mut task = self.task;
        if tokio::time::timeout(grace, &mut task).await.is_err() {
            tracing::warn!(?grace, "requests were still running when the grace period ended");
            task.abort();
        }
    }
}

fn router(app: Arc<App>) -> Router {
    Router::new()
        .fallback(answer)
        .with_state(app)
        .layer(CatchPanicLayer::custom(panicked))
        .layer(SetResponseHeaderLayer::overriding(
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        ))
        .layer(PropagateRequestIdLayer::new(REQUEST_ID))
        .layer(SetRequestIdLayer::new(REQUEST_ID, MakeRequestUuid))
}

async fn answer(
    State(app): State<Arc<App>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
) -> Response {
    let id = request.extensions().get::<RequestId>().map(|id| id.header_value().clone());
    let path = request.uri().path().to_owned();
    let method = request.method().clone();
    let origin = request.headers().get(header::ORIGIN).cloned();
    let snapshot = app.current.load_full();
    let mut response = if method == Method::OPTIONS {
        StatusCode::NO_CONTENT.into_response()
    } else {
        respond(&app, request, peer, id.as_ref(), &method, &path).await
    };
    cors::decorate(&snapshot, origin.as_ref(), response.headers_mut());
    response
}

async fn respond(
    app: &Arc<App>,
    request: Request,
    peer: SocketAddr,
    id: Option<&HeaderValue>,
    method: &Method,
    path: &str,
) -> Response {
    let handled =
        tokio::time::timeout(REQUEST_TIMEOUT, Box::pin(app::handle(app, request, peer.ip())));
    match handled.await.unwrap_or(Err(Error::TimedOut)) {
        Ok(response) => response,
        Err(error) => {
            let error = error.on(path);
            if error.status().is_server_error() {
                tracing::error!(
                    request = id.and_then(|v| v.to_str().ok()),
                    %method,
                    path,
                    detail = error.detail(),
                    "{error}"
                );
            }
            error.into_response()
        }
    }
}

#[allow(clippy::needless_pass_by_value)] // the layer's signature
fn panicked(cause: Box<dyn Any + Send + 'static>) -> Response {
    let detail = cause
        .downcast_ref::<String>()
        .cloned()
        .or_else(|| cause.downcast_ref::<&str>().map(|s| (*s).to_owned()))
        .unwrap_or_else(|| "unknown panic".into());
    tracing::error!(detail, "a handler panicked");
    Error::internal(detail).into_response()
}
