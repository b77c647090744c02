//! Where does the product's own PostgreSQL live, and how does it start and stop?
//!
//! [`Cluster::start`] takes a directory and gives back a running server that holds the
//! `edgebase` database, the extension and a login role for the proxy. Everything it needs it
//! makes; whatever a killed predecessor left behind (a half-made data directory, a server still
//! running, a stale lock file) it clears by itself.
//!
//! Invariants: one live `Cluster` per directory (a file lock, released by the kernel however
//! its holder dies); PostgreSQL never runs as root; an acknowledged write survives `kill -9` of
//! anything, because fsync stays on.

mod account;
mod binaries;
mod database;
mod layout;
mod orphan;
mod postmaster;
mod secrets;
mod settings;

pub use database::{DATABASE, PROXY_ROLE};
pub use layout::Attachment;
pub use secrets::Secrets;

use account::Account;
use anyhow::{Context, Result, bail};
use binaries::Binaries;
use layout::Layout;
use postmaster::Postmaster;
use std::fs::File;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How to start a cluster.
#[derive(Clone, Debug)]
pub struct Options {
    /// Directory that the cluster owns; created when missing.
    pub data_dir: PathBuf,
    /// Directory with `postgres` and `initdb`; found by itself when absent.
    pub postgres_bin: Option<PathBuf>,
    /// Whether the first start waits until the new files are on disk. Throwaway clusters of
    /// tests need not; every later write is synced either way.
    pub sync_creation: bool,
    /// Whether to create the `edgebase` extension and the proxy's login role.
    pub extension: bool,
    /// Further lines for the server's configuration, e.g. `("max_connections", "300")`.
    pub settings: Vec<(String, String)>,
}

impl Options {
    /// The usual cluster in `data_dir`.
    #[must_use]
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            data_dir: data_dir.into(),
            postgres_bin: None,
            sync_creation: true,
            extension: true,
            settings: Vec::new(),
        }
    }
}

/// A running cluster; dropping it stops the server.
pub struct Cluster {
    layout: Layout,
    secrets: Secrets,
    port: u16,
    postmaster: Postmaster,
    /// Held, not read: its lock is what makes this the only cluster in the directory.
    _lock: File,
}

/// How long a server may take to answer after it was started. Generous, because crash recovery
/// of a large cluster is work that must not be interrupted.
const START_LIMIT: Duration = Duration::from_secs(900);

/// How long a fast shutdown may take before it becomes an immediate one.
const STOP_LIMIT: Duration = Duration::from_secs(30);

impl Cluster {
    /// Starts the cluster of `options.data_dir`, creating it first when there is none.
    ///
    /// # Errors
    /// When PostgreSQL or the extension is not installed, the directory cannot be used or is in
    /// use, or the server does not come up; the message says what to do.
    pub async fn start(options: Options) -> Result<Self> {
        let data_dir = layout::prepare(&options.data_dir)?;
        let lock = layout::lock(&data_dir)?;
        let account = Account::choose(layout::existing(&data_dir)?.as_deref())?;
        let mut secrets = Secrets::load_or_create(&data_dir)?;
        let mut layout = Layout::choose(&data_dir, &account)?;
        orphan::stop(&layout.pgdata, &layout.socket_dir, STOP_LIMIT).await?;

        let existing = layout.version()?;
        let binaries =
            Binaries::find(options.postgres_bin.as_deref(), existing, options.extension)?;
        if existing.is_none() {
            tracing::info!(dir = %layout.pgdata.display(), "creating a PostgreSQL {} cluster", binaries.major);
            database::initialise(&binaries, &account, &layout, &secrets, options.sync_creation)
                .await?;
        } else if !secrets.in_force {
            tracing::warn!("the cluster's passwords were lost; setting new ones");
            database::reset_password(&binaries, &account, &layout, &secrets).await?;
        }
        secrets.now_in_force(&data_dir)?;

        let (port, postmaster) =
            launch(&binaries, &account, &mut layout, &secrets, &options.settings).await?;
        let cluster = Self { layout, secrets, port, postmaster, _lock: lock };
        database::prepare(&cluster, options.extension).await?;
        Ok(cluster)
    }

    /// Connection string of the superuser, for the `edgebase` database.
    #[must_use]
    pub fn admin_url(&self) -> String {
        layout::url("postgres", &self.secrets.superuser_password, self.port, DATABASE)
    }

    /// Connection string of the login role that the proxy uses.
    #[must_use]
    pub fn proxy_url(&self) -> String {
        layout::url(PROXY_ROLE, &self.secrets.proxy_password, self.port, DATABASE)
    }

    /// The same over the Unix socket, for a proxy in this process.
    #[must_use]
    pub fn proxy_socket_url(&self) -> String {
        let (password, folder) = (&self.secrets.proxy_password, &self.layout.socket_dir);
        layout::socket_url(PROXY_ROLE, password, folder, self.port, DATABASE)
    }

    /// The directory of the Unix socket.
    #[must_use]
    pub fn socket_dir(&self) -> &Path {
        &self.layout.socket_dir
    }

    /// The loopback port.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The server's data directory.
    #[must_use]
    pub fn pgdata(&self) -> &Path {
        &self.layout.pgdata
    }

    /// The file that the server logs to.
    #[must_use]
    pub fn log_file(&self) -> &Path {
        &self.layout.log_file
    }

    /// The secrets kept with the cluster.
    #[must_use]
    pub const fn secrets(&self) -> &Secrets {
        &self.secrets
    }

    /// Process id of the server, as long as it runs. Changes when it had to be restarted.
    #[must_use]
    pub fn postmaster_pid(&self) -> Option<u32> {
        self.postmaster.pid()
    }

    /// Waits until the server answers, e.g. after it was killed and is being restarted.
    ///
    /// # Errors
    /// When it does not within `limit`.
    pub async fn wait_ready(&self, limit: Duration) -> Result<()> {
        let deadline = Instant::now() + limit;
        loop {
            match database::probe(&self.layout, &self.secrets, self.port).await {
                Ok(()) => return Ok(()),
                Err(e) if Instant::now() > deadline => {
                    return Err(e).context("PostgreSQL does not answer");
                }
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    }

    /// Stops the server: open sessions are ended, everything is written out.
    ///
    /// # Errors
    /// When the server cannot be signalled or had to be killed.
    pub async fn stop(self) -> Result<()> {
        let Self { postmaster, layout, _lock, .. } = self;
        let stopped = tokio::task::spawn_blocking(move || postmaster.stop(STOP_LIMIT))
            .await
            .context("stopping PostgreSQL")?;
        layout.tidy();
        stopped
    }
}

/// Starts the server on the port it had before, or on another free one when that is taken.
async fn launch(
    binaries: &Binaries,
    account: &Account,
    layout: &mut Layout,
    secrets: &Secrets,
    extra: &[(String, String)],
) -> Result<(u16, Postmaster)> {
    let mut port = match layout.last_port() {
        Some(port) if free(port) => port,
        _ => free_port()?,
    };
    for attempt in 1.. {
        settings::write(layout, account, port, extra)?;
        let mut postmaster = Postmaster::start(binaries, account, layout)?;
        match wait(&mut postmaster, layout, secrets, port).await {
            Ok(()) => {
                layout.record(port, binaries)?;
                postmaster.supervise();
                return Ok((port, postmaster));
            }
            // Between looking for a free port and binding it, somebody else may take it.
            Err(_) if attempt < 4 && !postmaster.is_running() && !free(port) => {
                port = free_port()?;
            }
            // Processes of a killed predecessor still hold its shared memory; they notice
            // within seconds that their parent is gone.
            Err(_) if attempt < 60 && !postmaster.is_running() && layout.shared_memory_in_use() => {
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
            Err(e) => return Err(e),
        }
    }
    bail!("PostgreSQL could not be started")
}

async fn wait(
    postmaster: &mut Postmaster,
    layout: &Layout,
    secrets: &Secrets,
    port: u16,
) -> Result<()> {
    let started = Instant::now();
    let mut told = started;
    loop {
        if database::probe(layout, secrets, port).await.is_ok() {
            return Ok(());
        }
        if !postmaster.is_running() {
            bail!(
                "PostgreSQL stopped while starting. The end of {} says:\n{}",
                layout.log_file.display(),
                layout.log_tail()
            );
        }
        if started.elapsed() > START_LIMIT {
            bail!("PostgreSQL does not answer; see {}", layout.log_file.display());
        }
        if told.elapsed() > Duration::from_secs(5) {
            told = Instant::now();
            tracing::info!("still waiting for PostgreSQL (it may be recovering from a crash)");
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The secrets of a data directory, made when there are none; before the cluster is started.
///
/// # Errors
/// When the directory or its secrets cannot be used.
pub fn secrets_of(data_dir: &Path) -> Result<Secrets> {
    let data_dir = layout::prepare(data_dir)?;
    Secrets::load_or_create(&data_dir)
}

fn free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

fn free_port() -> Result<u16> {
    let listener =
        TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("looking for a free port")?;
    Ok(listener.local_addr().context("looking for a free port")?.port())
}
