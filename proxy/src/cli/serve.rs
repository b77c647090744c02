//! How does EdgeBase run in production?
//!
//! One process in front of a database that somebody else runs. It changes nothing there:
//! `edgebase apply` registers the config's blocks, with another role, before this starts.

use super::signals::{Request, Signals};
use super::{ConfigArgument, ConnectionsArgument, environment};
use anyhow::{Context, Result};
use edgebase_proxy::config::AppConfig;
use edgebase_proxy::db::source::Source;
use edgebase_proxy::server::{Server, Settings};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// The variable that has the address.
const ADDRESS: &str = "EDGEBASE_DATABASE_URL";

/// Serve a config in front of an existing database.
///
/// Reads EDGEBASE_DATABASE_URL (a login role that is a member of edgebase_proxy),
/// JWT_USER_SECRET (signs user tokens) and the service-key variables that the config names
/// (SERVICE_KEY by default). EDGEBASE_DATABASE_URL_FILE names a file with the address instead.
/// SIGTERM finishes the requests under way and stops; SIGHUP reads the config, that file and
/// certificates again.
#[derive(clap::Args)]
#[command(after_help = "\
Example:
  EDGEBASE_DATABASE_URL=postgres://proxy:secret@db/app JWT_USER_SECRET=... SERVICE_KEY=... \\
    edgebase serve --config edgebase.config.ts --listen 0.0.0.0:8787")]
pub struct Arguments {
    #[command(flatten)]
    config: ConfigArgument,

    /// Address and port to listen on.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8787")]
    listen: SocketAddr,

    /// Address on which to serve metrics in the OpenMetrics format, at /metrics. Not served
    /// without it. Keep it where only your monitoring reaches it.
    #[arg(long, value_name = "ADDR")]
    metrics_listen: Option<SocketAddr>,

    #[command(flatten)]
    connections: ConnectionsArgument,

    /// How long a stop waits for requests under way, and for their after-hooks.
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = humantime::parse_duration)]
    grace: Duration,
}

pub async fn run(arguments: Arguments) -> Result<()> {
    let mut signals = Signals::listen()?;
    let path = arguments.config.resolve()?;
    let environment = environment();
    let database = Source::named(&environment, ADDRESS)?.with_context(|| {
        format!(
            "{ADDRESS} is not set. It is the address of the database for the proxy's login role, e.g. \
             postgres://proxy:password@db.example.com/app; {ADDRESS}_FILE names a file that has it"
        )
    })?;
    let app = AppConfig::load(&path, &environment)?;
    if !environment.contains_key("JWT_USER_SECRET") && app.config.issuers.is_empty() {
        tracing::warn!("JWT_USER_SECRET is not set: requests with a user token will be refused");
    }
    let settings = Settings {
        listen: arguments.listen,
        database: Arc::new(database),
        environment: environment.clone(),
        development_key: None,
        metrics: arguments.metrics_listen,
        connections: arguments.connections.bounds(),
    };
    let server = Server::start(settings, app).await?;
    tracing::info!("serving {} on http://{}", path.display(), server.local_addr());
    if let Some(address) = server.metrics_addr() {
        tracing::info!("serving metrics on http://{address}/metrics");
    }
    while signals.next().await == Request::Reload {
        if let Err(e) = server.reload_address() {
            tracing::error!(
                "the database's address was not reloaded, the old one stays in use: {e:#}"
            );
        }
        let reloaded = match AppConfig::load(&path, &environment) {
            Ok(app) => server.swap(app).await,
            Err(e) => Err(e),
        };
        match reloaded {
            Ok(()) => tracing::info!("config reloaded"),
            Err(e) => {
                tracing::error!("the config was not reloaded, the old one stays in use: {e:#}");
            }
        }
    }
    tracing::info!("stopping; requests under way have {:?}", arguments.grace);
    server.shutdown(arguments.grace).await;
    Ok(())
}
