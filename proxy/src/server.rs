//! How does the server start, swap its config and stop?
//!
//! One handler takes every request; what wraps it is what every answer has: a request id, the
//! `nosniff` header, a time limit, and a body in the contract's form even where a handler
//! panics. Stopping refuses new connections at once and waits a bounded time for requests
//! under way.

use crate::app::{self, App};
use crate::config::AppConfig;
use crate::error::Error;
use crate::snapshot::Snapshot;
use crate::{cors, metrics};
use anyhow::{Context as _, Result};
use axum::Router;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use std::any::Any;
use std::collections::HashMap;
use std::future::IntoFuture as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::request_id::{
    MakeRequestUuid, PropagateRequestIdLayer, RequestId, SetRequestIdLayer,
};
use tower_http::set_header::SetResponseHeaderLayer;

/// The longest a request may take; statements are bounded more tightly by the extension.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);
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
    /// Address on which to serve metrics; not at all without one.
    pub metrics: Option<SocketAddr>,
}

/// A running server.
pub struct Server {
    app: Arc<App>,
    settings: Settings,
    address: SocketAddr,
    metrics: Option<MetricsServer>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<std::io::Result<()>>,
}

/// The listener for metrics; it ends with the server.
struct MetricsServer {
    address: SocketAddr,
    task: JoinHandle<std::io::Result<()>>,
}

impl Drop for MetricsServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn listen(wanted: SocketAddr) -> Result<(TcpListener, SocketAddr)> {
    let listener =
        TcpListener::bind(wanted).await.with_context(|| format!("cannot listen on {wanted}"))?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

impl Server {
    /// Starts serving.
    ///
    /// # Errors
    /// When it cannot listen, reach its database, or evaluate the config.
    pub async fn start(settings: Settings, app: AppConfig) -> Result<Self> {
        let snapshot =
            Snapshot::new(app, &settings.environment, settings.development_key.as_deref(), None)?;
        for warning in &snapshot.config.warnings {
            tracing::warn!("{warning}");
        }
        let app = App::new(&settings.database_url, Arc::new(snapshot))
            .context("the database address cannot be understood")?;
        app.db.ping().await.map_err(|e| {
            anyhow::anyhow!(
                "the database does not answer: {}",
                e.detail().unwrap_or(&e.to_string())
            )
        })?;
        let app = Arc::new(app);
        let (listener, address) = listen(settings.listen).await?;
        let metrics = match settings.metrics {
            None => None,
            Some(wanted) => {
                let (listener, address) = listen(wanted).await?;
                let service = metrics::router(Arc::clone(&app));
                let task = tokio::spawn(axum::serve(listener, service).into_future());
                Some(MetricsServer { address, task })
            }
        };
        let (stop, stopped) = oneshot::channel::<()>();
        read_keys(&app);
        let service = router(Arc::clone(&app)).into_make_service_with_connect_info::<SocketAddr>();
        let task = tokio::spawn(async move {
            axum::serve(listener, service)
                .with_graceful_shutdown(async {
                    // A dropped sender stops the server as well.
                    let _ = stopped.await;
                })
                .await
        });
        Ok(Self { app, settings, address, metrics, stop, task })
    }

    /// The address on which metrics are served, if they are.
    #[must_use]
    pub fn metrics_addr(&self) -> Option<SocketAddr> {
        self.metrics.as_ref().map(|m| m.address)
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
            Some(&self.app.current.load()),
        )?;
        for warning in &snapshot.config.warnings {
            tracing::warn!("{warning}");
        }
        self.app.current.store(Arc::new(snapshot));
        read_keys(&self.app);
        Ok(())
    }

    /// Stops accepting and waits for requests under way and their after-hooks, at most `grace`.
    pub async fn shutdown(self, grace: Duration) {
        let until = Instant::now() + grace;
        let _ = self.stop.send(());
        let mut task = self.task;
        if tokio::time::timeout_at(until, &mut task).await.is_err() {
            tracing::warn!(?grace, "requests were still running when the grace period ended");
            task.abort();
        }
        if tokio::time::timeout_at(until, self.app.after_hooks.done()).await.is_err() {
            tracing::error!(?grace, "after-hooks were still running when the grace period ended");
        }
    }
}

/// In the background: an issuer that does not answer must not keep the server from starting.
fn read_keys(app: &Arc<App>) {
    let snapshot = app.current.load_full();
    tokio::spawn(async move { snapshot.auth.prepare().await });
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
    let begun = Instant::now();
    let snapshot = app.current.load_full();
    let mut response = if method == Method::OPTIONS {
        StatusCode::NO_CONTENT.into_response()
    } else {
        respond(&app, request, peer, id.as_ref(), &method, &path).await
    };
    cors::decorate(&snapshot, origin.as_ref(), response.headers_mut());
    app.metrics.answered(response.status(), begun.elapsed());
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
