//! How does everything run on a developer's machine with one command?
//!
//! Secrets, embedded cluster, config, server, in that order; then it waits for signals and for
//! changes of the config. A changed config takes effect only when it loads, validates, and the
//! database and the server both accept it; otherwise the old one stays and the reason is logged.

use super::signals::Signals;
use super::watch::Watch;
use super::{
    ConfigArgument, ConnectionsArgument, DataDirArgument, apply, environment, print, reset,
};
use anyhow::{Context, Result, bail};
use edgebase_blocks::{BlockKind, Config};
use edgebase_proxy::admin;
use edgebase_proxy::cluster::{Cluster, Options};
use edgebase_proxy::config::AppConfig;
use edgebase_proxy::db::source::Source;
use edgebase_proxy::placement::{BlockPlacement, Login};
use edgebase_proxy::server::{Server, Settings};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::json;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// How long a stop waits for requests under way.
const GRACE: Duration = Duration::from_secs(10);

/// Start everything for development: database, server, config reload.
///
/// The database is a PostgreSQL cluster that edgebase creates and owns, in the data directory;
/// it runs only as long as this command and keeps its data. The config is read again whenever it
/// or a file it imports changes; a broken one is reported and the last good one stays in use.
///
/// JWT_USER_SECRET and SERVICE_KEY from the environment are used when set; otherwise generated
/// ones are kept in the data directory.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  edgebase dev
  edgebase dev --config examples/notes/edgebase.config.ts --listen 127.0.0.1:9000
  edgebase dev --json --listen 127.0.0.1:0     for scripts: any free port, one JSON line
  edgebase dev --reset app                     start with an empty block app

Ctrl-C stops everything; the data stays. A change of the config that would lose data is refused:
it shows the migration to write, and offers to delete the block's data where a person is there to
agree.")]
pub struct Arguments {
    #[command(flatten)]
    config: ConfigArgument,

    /// Address and port to listen on; port 0 takes a free one.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8787")]
    listen: SocketAddr,

    /// Address on which to serve metrics, at /metrics; not served without it.
    #[arg(long, value_name = "ADDR")]
    metrics_listen: Option<SocketAddr>,

    #[command(flatten)]
    connections: ConnectionsArgument,

    #[command(flatten)]
    dir: DataDirArgument,

    /// When ready, print one line {"url", "adminUrl", "proxyUrl", "serviceKey", "jwtSecret",
    /// "metricsUrl"} instead of the greeting.
    #[arg(long)]
    json: bool,

    /// First delete all data of this block, or of every block, for a config that it does not fit.
    #[arg(long, value_name = "BLOCK", num_args = 0..=1)]
    reset: Option<Option<String>>,

    /// Directory with the PostgreSQL server's programs; found by itself when absent.
    #[arg(long, value_name = "DIR", env = "EDGEBASE_PG_BIN")]
    postgres_bin: Option<PathBuf>,
}

/// What runs.
struct Running {
    cluster: Cluster,
    server: Server,
    config: Config,
    files: Vec<PathBuf>,
    environment: HashMap<String, String>,
}

pub async fn run(arguments: Arguments) -> Result<()> {
    let mut signals = Signals::listen()?;
    let path = arguments.config.resolve()?;
    let running = tokio::select! {
        started = start(&arguments, &path) => started?,
        () = signals.any() => return Ok(()),
    };
    let mut watch = Watch::on(&running.files)
        .inspect_err(|e| tracing::warn!("{e:#}; a changed config needs a restart"))
        .ok();
    if arguments.json {
        print(ready(&running))?;
    } else {
        print(greeting(&arguments, &path, &running))?;
    }
    loop {
        tokio::select! {
            () = signals.any() => break,
            () = changed(watch.as_mut()) => {}
        }
        match reload(&running, &path).await {
            Ok((files, changes)) => {
                tracing::info!("config reloaded, {}", super::counted(changes, "change"));
                if let Some(watch) = &mut watch {
                    watch.also(&files).unwrap_or_else(|e| tracing::warn!("{e:#}"));
                }
            }
            Err(e) => tracing::error!(
                "the config was not reloaded, the last good one stays in use:\n{}",
                super::log::sentence(&e)
            ),
        }
    }
    tracing::info!("stopping");
    // A second signal does not wait for requests under way.
    tokio::select! {
        () = running.server.shutdown(GRACE) => {}
        () = signals.any() => tracing::warn!("not waiting for requests under way"),
    }
    running.cluster.stop().await
}

async fn start(arguments: &Arguments, path: &Path) -> Result<Running> {
    let (secrets, mut environment) = (arguments.secrets()?, environment());
    for (name, value) in
        [("JWT_USER_SECRET", secrets.jwt_secret), ("SERVICE_KEY", secrets.service_key)]
    {
        if environment.get(name).is_none_or(String::is_empty) {
            environment.insert(name.to_owned(), value);
        }
    }
    // Before anything is started: what is most likely to be wrong.
    let app = AppConfig::load(path, &environment)?;
    std::net::TcpListener::bind(arguments.listen).with_context(|| {
        format!("Cannot listen on {}. Name another address with --listen", arguments.listen)
    })?;
    let cluster = Cluster::start(Options {
        postgres_bin: arguments.postgres_bin.clone(),
        ..Options::new(&arguments.dir.data_dir)
    })
    .await?;
    let admin = admin::connect(&cluster.admin_url()).await?;
    if let Some(block) = &arguments.reset {
        reset::reset(&admin, block.as_deref()).await?;
    }
    let placement = BlockPlacement::of(&app.config, &environment, Login::Admin, true)?;
    apply::elsewhere(&placement, &environment, false).await?;
    let changes = match admin::apply_config(&admin, &placement.own, false).await {
        Err(e) if reset::is_loss(&e) => {
            let loss = reset::Loss::find(&admin, &placement.own).await?;
            if arguments.json || !loss.may_reset()? {
                bail!(loss);
            }
            for block in &loss.blocks {
                reset::reset(&admin, Some(block)).await?;
            }
            admin::apply_config(&admin, &placement.own, false).await
        }
        applied => applied,
    }
    .context("The database does not accept the config")?;
    for change in changes.iter().filter(|c| c.change == "kept") {
        tracing::warn!(
            "block '{}' is no longer in the config; its data is kept and not served",
            change.namespace
        );
    }
    let (config, files) = (app.config.clone(), app.loaded.files().to_vec());
    let settings = Settings {
        listen: arguments.listen,
        database: Arc::new(Source::fixed(&cluster.proxy_socket_url())?),
        environment: environment.clone(),
        development_key: environment.get("SERVICE_KEY").cloned(),
        metrics: arguments.metrics_listen,
        connections: arguments.connections.bounds(),
    };
    let server = Server::start(settings, app).await?;
    Ok(Running { cluster, server, config, files, environment })
}

impl Arguments {
    fn secrets(&self) -> Result<edgebase_proxy::cluster::Secrets> {
        edgebase_proxy::cluster::secrets_of(&self.dir.data_dir)
    }
}

async fn reload(running: &Running, path: &Path) -> Result<(Vec<PathBuf>, usize)> {
    let app = AppConfig::load(path, &running.environment)?;
    let files = app.loaded.files().to_vec();
    let admin = admin::connect(&running.cluster.admin_url()).await?;
    let placement = BlockPlacement::of(&app.config, &running.environment, Login::Admin, true)?;
    apply::elsewhere(&placement, &running.environment, false).await?;
    let changes = match admin::apply_config(&admin, &placement.own, false).await {
        Err(e) if reset::is_loss(&e) => bail!(reset::Loss::find(&admin, &placement.own).await?),
        applied => applied?,
    };
    running.server.swap(app).await?;
    Ok((files, changes.iter().filter(|c| c.is_effective()).count()))
}

async fn changed(watch: Option<&mut Watch>) {
    match watch {
        Some(watch) => watch.changed().await,
        None => std::future::pending().await,
    }
}

impl Running {
    fn url(&self) -> String {
        format!("http://{}", self.server.local_addr())
    }

    fn variable(&self, name: &str) -> &str {
        self.environment.get(name).map_or("", String::as_str)
    }
}

/// The line for scripts.
fn ready(running: &Running) -> serde_json::Value {
    json!({
        "url": running.url(),
        "adminUrl": running.cluster.admin_url(),
        "proxyUrl": running.cluster.proxy_url(),
        "serviceKey": running.variable("SERVICE_KEY"),
        "jwtSecret": running.variable("JWT_USER_SECRET"),
        "metricsUrl": running.server.metrics_addr().map(|a| format!("http://{a}/metrics")),
    })
}

/// What a person needs to go on, each line ready to be pasted.
fn greeting(arguments: &Arguments, path: &Path, running: &Running) -> String {
    let program = std::env::args().next().unwrap_or_else(|| "edgebase".into());
    let data_dir = arguments.dir.data_dir.display().to_string();
    let option = match data_dir.as_str() {
        ".edgebase" => String::new(),
        dir => format!(" --data-dir {}", quote(dir)),
    };
    let key = running.variable("SERVICE_KEY");
    let header = quote(&format!("X-EdgeBase-Service-Key: {key}"));
    let url = running.url();
    let mut text = String::new();
    // Writing into a String cannot fail.
    let _ = write!(
        text,
        "\nEdgeBase is ready.\n
  URL           {url}
  Service key   {key}  (bypasses every rule: for servers only)
  Config        {}  (read again whenever it changes)
  Database      psql {}
  Database log  {}

Mint a token for a user:
  {program} token --sub alice{option}

A request that works:
  curl -H {header} {}

Ctrl-C stops everything; the data stays in {}.\n",
        path.display(),
        quote(&running.cluster.admin_url()),
        running.cluster.log_file().display(),
        quote(&format!("{url}{}", example_path(&running.config))),
        running.cluster.pgdata().display(),
    );
    text
}

/// A list request that the service key may make on the config's first table.
fn example_path(config: &Config) -> String {
    const ESCAPED: &AsciiSet =
        &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
    let block = config
        .databases
        .values()
        .filter(|b| !b.tables.is_empty())
        .min_by_key(|b| b.kind == BlockKind::Dynamic);
    let Some((block, table)) = block.and_then(|b| Some((b, b.tables.keys().next()?))) else {
        return "/api/health".into();
    };
    let part = |text: &str| utf8_percent_encode(text, ESCAPED).to_string();
    let instance = if block.kind == BlockKind::Dynamic { "/alice" } else { "" };
    format!("/api/db/{}{instance}/tables/{}", part(&block.namespace), part(table))
}

/// The text as one word of a shell command.
fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_greeting_offers_a_request_on_the_first_single_instance_table() {
        let config = |json| Config::from_json(&json).unwrap();
        let both = config(json!({"databases": {
            "user:{id}": {"tables": {"notes": {}}},
            "app": {"tables": {"posts": {}}}
        }}));
        assert_eq!(example_path(&both), "/api/db/app/tables/posts");
        let dynamic = config(json!({"databases": {"user:{id}": {"tables": {"notes": {}}}}}));
        assert_eq!(example_path(&dynamic), "/api/db/user/alice/tables/notes");
        assert_eq!(example_path(&config(json!({}))), "/api/health");
    }

    #[test]
    fn a_quoted_word_is_one_word_for_the_shell() {
        assert_eq!(quote("it's"), r"'it'\''s'");
    }
}
