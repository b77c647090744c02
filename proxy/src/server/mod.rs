//! How does the server start, swap its config and stop?
//!
//! Stopping refuses new connections at once and waits a bounded time for requests under way.

mod access_log;
mod descriptors;
mod drain;
mod listener;
mod middleware;
mod operator;

use crate::config::AppConfig;
use crate::connections::Bounds;
use crate::db::Database;
use crate::db::source::Source;
use crate::placement::{self, BlockPlacement, Login};
use crate::snapshot::Snapshot;
use crate::state::App;
use anyhow::{Context as _, Result};
use std::collections::HashMap;
use std::future::IntoFuture as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// Where and with what to serve.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Address to listen on; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Where the database is, for the login role.
    pub database: Arc<Source>,
    /// Variables that secrets are read from: `JWT_USER_SECRET`, service keys, `ENVIRONMENT`.
    pub environment: HashMap<String, String>,
    /// A root service key that holds whatever the config says; development only.
    pub development_key: Option<String>,
    /// Address on which to serve metrics; not at all without one.
    pub metrics: Option<SocketAddr>,
    /// How many connections clients may have.
    pub connections: Bounds,
}

/// A running server.
pub struct Server {
    app: Arc<App>,
    settings: Settings,
    address: SocketAddr,
    metrics: Option<MetricsServer>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
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
        let max = descriptors::room_for(settings.connections.max);
        let bounds = Bounds { max, ..settings.connections };
        let app = App::new(&settings.database, Arc::new(snapshot), bounds)?;
        app.pools.requests.probe().await?;
        ensure_config_applied(&app.pools.requests, &settings, &app.current.load()).await?;
        let app = Arc::new(app);
        let (listener, address) = listen(settings.listen).await?;
        let metrics = match settings.metrics {
            None => None,
            Some(wanted) => {
                let (listener, address) = listen(wanted).await?;
                let service = operator::router(Arc::clone(&app));
                let task = tokio::spawn(axum::serve(listener, service).into_future());
                Some(MetricsServer { address, task })
            }
        };
        let (stop, stopped) = oneshot::channel::<()>();
        read_keys(&app);
        let task = tokio::spawn(listener::serve(listener, Arc::clone(&app), stopped));
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

    /// Reads the addresses of all databases and their certificates again; connections are then
    /// made anew when they are next used.
    ///
    /// # Errors
    /// When they cannot be read or understood; the former stay in use.
    pub fn reload_address(&self) -> Result<()> {
        if self.settings.database.reload()?.is_some() {
            tracing::info!("the address of the database or its certificates have changed");
        }
        for (variable, pools) in self.app.current.load().remote.named() {
            let reloaded = pools.source.reload();
            let reloaded = reloaded.with_context(|| format!("reading the address in {variable}"));
            if reloaded?.is_some() {
                tracing::info!("the address in {variable} or its certificates have changed");
            }
        }
        Ok(())
    }

    /// Replaces the config; requests under way finish on the old one.
    ///
    /// # Errors
    /// When the database does not know it or the rules engine does not start; the old one stays.
    pub async fn swap(&self, app: AppConfig) -> Result<()> {
        let snapshot = Snapshot::new(
            app,
            &self.settings.environment,
            self.settings.development_key.as_deref(),
            Some(&self.app.current.load()),
        )?;
        ensure_config_applied(&self.app.pools.requests, &self.settings, &snapshot).await?;
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

/// Fails unless every block of the config is known to the database that it is in.
async fn ensure_config_applied(
    db: &Database,
    settings: &Settings,
    snapshot: &Snapshot,
) -> Result<()> {
    let development = settings.development_key.is_some();
    let placement =
        BlockPlacement::of(&snapshot.config, &settings.environment, Login::Proxy, development)?;
    placement::ensure_applied(db, &placement, &snapshot.remote).await
}

/// In the background: an issuer that does not answer must not keep the server from starting.
fn read_keys(app: &Arc<App>) {
    let snapshot = app.current.load_full();
    tokio::spawn(async move { snapshot.auth.prepare().await });
}
