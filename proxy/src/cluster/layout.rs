//! Which file of a cluster is where?
//!
//! ```text
//! <data dir>/secrets.json   passwords and keys, readable by its owner only
//!            cluster.json   where the rest is, and the port of the last start
//!            lock           held while a cluster runs
//!            postgres.log   what the server says
//!            postgres/      the server's data directory
//!            run/           its Unix socket
//! ```
//!
//! The last two move to `/var/lib/edgebase` when the server's user cannot reach the data
//! directory (a clone below a private home directory), and the socket moves to `/run` or `/tmp`
//! when its path would be longer than a socket address may be.

use super::account::Account;
use super::binaries::Binaries;
use super::secrets::{Secrets, write_private};
use anyhow::{Context, Result, bail};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use rand::distr::{Alphanumeric, SampleString};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fs::{self, DirBuilder, File, Permissions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

const STATE: &str = "cluster.json";

/// A socket address holds 108 bytes; the socket's own name takes up to 21 of them.
const LONGEST_SOCKET_DIR: usize = 86;

/// A log longer than this starts anew at the next start; one predecessor is kept.
const LONGEST_LOG: u64 = 16 * 1024 * 1024;

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct State {
    /// Guards against a copied directory that would share its original's data.
    data_dir: PathBuf,
    pgdata: PathBuf,
    socket_dir: PathBuf,
    port: Option<u16>,
    version: Option<u32>,
}

/// The paths of one cluster.
#[derive(Clone, Debug)]
pub struct Layout {
    /// The product's own directory.
    data_dir: PathBuf,
    /// The server's data directory.
    pub pgdata: PathBuf,
    /// The directory of its Unix socket.
    pub socket_dir: PathBuf,
    /// What it logs to.
    pub log_file: PathBuf,
}

/// Makes sure that the data directory exists, and names it absolutely.
pub fn prepare(data_dir: &Path) -> Result<PathBuf> {
    // Under root, the server's own user must be able to pass through to its subdirectory.
    let mode = if nix::unistd::geteuid().is_root() { 0o711 } else { 0o700 };
    DirBuilder::new()
        .recursive(true)
        .mode(mode)
        .create(data_dir)
        .and_then(|()| fs::canonicalize(data_dir))
        .with_context(|| format!("creating the data directory {}", data_dir.display()))
}

/// Takes the lock of a data directory; the kernel gives it back when we end, however we end.
pub fn lock(data_dir: &Path) -> Result<File> {
    let path = data_dir.join("lock");
    let open = || File::options().read(true).write(true).create(true).truncate(false).open(&path);
    let mut file = open().with_context(|| format!("opening {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => {
            file.set_len(0)?;
            write!(file, "{}", std::process::id())?;
            Ok(file)
        }
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            file.read_to_string(&mut holder).ok();
            bail!(
                "{} is in use by another edgebase process (pid {holder}). Stop it first, or \
                 choose another --data-dir.",
                data_dir.display()
            )
        }
        Err(TryLockError::Error(e)) => {
            Err(e).with_context(|| format!("locking {}", path.display()))
        }
    }
}

/// Where the data of an existing cluster is.
pub fn existing(data_dir: &Path) -> Result<Option<PathBuf>> {
    let recorded = State::read(data_dir)?.map(|s| s.pgdata);
    Ok(recorded
        .into_iter()
        .chain([data_dir.join("postgres")])
        .find(|d| d.join("PG_VERSION").is_file()))
}

/// A connection string; passwords and names here are plain letters, digits and underscores.
pub fn url(user: &str, password: &str, port: u16, database: &str) -> String {
    format!("postgres://{user}:{password}@127.0.0.1:{port}/{database}")
}

/// The same by way of the Unix socket, which costs both ends less than TCP does.
pub fn socket_url(user: &str, password: &str, folder: &Path, port: u16, database: &str) -> String {
    let folder = utf8_percent_encode(&folder.to_string_lossy(), NON_ALPHANUMERIC).to_string();
    format!("postgres://{user}:{password}@{folder}:{port}/{database}")
}

impl State {
    fn read(data_dir: &Path) -> Result<Option<Self>> {
        let path = data_dir.join(STATE);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(e).with_context(|| format!("reading {}", path.display())),
        };
        let state: Self = serde_json::from_slice(&text)
            .with_context(|| format!("{} is damaged; delete it", path.display()))?;
        Ok((state.data_dir == data_dir).then_some(state))
    }
}

impl Layout {
    /// Decides where everything is, and creates what is not there yet.
    pub fn choose(data_dir: &Path, account: &Account) -> Result<Self> {
        let pgdata = match existing(data_dir)? {
            Some(dir) => dir,
            None if account.can_enter(data_dir) => data_dir.join("postgres"),
            None => elsewhere(data_dir, account)?,
        };
        let pgdata = canonical(&pgdata)?;
        let parent = pgdata.parent().unwrap_or(&pgdata);
        if !account.can_enter(parent) {
            bail!(
                "User {} runs PostgreSQL and cannot reach {}. Make the directories above it \
                 passable (chmod a+x), or choose another --data-dir.",
                account.name(),
                parent.display()
            );
        }
        let socket_dir = socket_dir(&pgdata, account)?;
        let layout = Self {
            data_dir: data_dir.to_owned(),
            pgdata,
            socket_dir,
            log_file: data_dir.join("postgres.log"),
        };
        layout.save(State::read(data_dir)?.and_then(|s| s.port), None)?;
        Ok(layout)
    }

    /// Major version of the server that made the data; none when there is no data yet.
    pub fn version(&self) -> Result<Option<u32>> {
        let path = self.pgdata.join("PG_VERSION");
        if !path.exists() {
            return Ok(None);
        }
        let text =
            fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
        let version = text.trim().parse();
        version.map(Some).with_context(|| format!("{} is damaged", path.display()))
    }

    /// The port of the last start.
    pub fn last_port(&self) -> Option<u16> {
        State::read(&self.data_dir).ok().flatten().and_then(|s| s.port)
    }

    /// Notes what other commands need to find the running server.
    pub fn record(&self, port: u16, binaries: &Binaries) -> Result<()> {
        self.save(Some(port), Some(binaries.major))
    }

    fn save(&self, port: Option<u16>, version: Option<u32>) -> Result<()> {
        let state = State {
            data_dir: self.data_dir.clone(),
            pgdata: self.pgdata.clone(),
            socket_dir: self.socket_dir.clone(),
            port,
            version,
        };
        write_private(&self.data_dir.join(STATE), &serde_json::to_vec_pretty(&state)?)
    }

    /// The log, opened for the server to append to.
    pub fn open_log(&self) -> std::io::Result<File> {
        if fs::metadata(&self.log_file).is_ok_and(|m| m.len() > LONGEST_LOG) {
            fs::rename(&self.log_file, self.log_file.with_extension("log.1"))?;
        }
        File::options().create(true).append(true).mode(0o600).open(&self.log_file)
    }

    /// The last lines of the log.
    pub fn log_tail(&self) -> String {
        let read = || -> std::io::Result<String> {
            let mut file = File::open(&self.log_file)?;
            let length = file.metadata()?.len();
            file.seek(SeekFrom::Start(length.saturating_sub(4096)))?;
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes)?;
            Ok(String::from_utf8_lossy(&bytes).into_owned())
        };
        let text = read().unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(6)..].join("\n")
    }

    /// Removes what a stopped server leaves outside its directory.
    pub fn tidy(&self) {
        if self.socket_dir.parent() != self.pgdata.parent() {
            // Not empty, or gone already: then there is nothing to tidy.
            let _ = fs::remove_dir(&self.socket_dir);
        }
    }

    /// Whether the server last refused to start beside processes of its predecessor.
    pub fn shared_memory_in_use(&self) -> bool {
        self.log_tail().contains("pre-existing shared memory block")
    }
}

/// A cluster seen from another process, by the files it leaves in its data directory.
#[derive(Clone, Debug)]
pub struct Attachment {
    /// Superuser's connection string for the `edgebase` database.
    pub admin_url: String,
    /// Its secrets.
    pub secrets: Secrets,
}

impl Attachment {
    /// The cluster last started in `data_dir`; none when there never was one.
    ///
    /// # Errors
    /// When its files cannot be read or understood.
    pub fn find(data_dir: &Path) -> Result<Option<Self>> {
        let Ok(data_dir) = fs::canonicalize(data_dir) else {
            return Ok(None);
        };
        let (Some(state), Some(secrets)) = (State::read(&data_dir)?, Secrets::load(&data_dir)?)
        else {
            return Ok(None);
        };
        Ok(state.port.map(|port| Self {
            admin_url: url("postgres", &secrets.superuser_password, port, super::DATABASE),
            secrets,
        }))
    }
}

/// A directory of the server's user outside a data directory that it cannot reach. Its name is
/// random and noted in the data directory, so deleting the latter always means starting afresh.
fn elsewhere(data_dir: &Path, account: &Account) -> Result<PathBuf> {
    if let Some(state) = State::read(data_dir)? {
        return Ok(state.pgdata);
    }
    let name = Alphanumeric.sample_string(&mut rand::rng(), 12);
    let dir = Path::new("/var/lib/edgebase").join(name);
    DirBuilder::new()
        .recursive(true)
        .mode(0o755)
        .create(&dir)
        .with_context(|| format!("creating {}", dir.display()))?;
    account.own(&dir)?;
    tracing::warn!(
        "user {} cannot reach {}, so the database is kept in {}",
        account.name(),
        data_dir.display(),
        dir.display()
    );
    Ok(dir.join("postgres"))
}

/// The path with symbolic links above its last part resolved, as `/proc` shows it.
fn canonical(path: &Path) -> Result<PathBuf> {
    let resolve =
        |p: &Path| fs::canonicalize(p).with_context(|| format!("looking for {}", p.display()));
    match (path.exists(), path.parent(), path.file_name()) {
        (false, Some(parent), Some(name)) => Ok(resolve(parent)?.join(name)),
        _ => resolve(path),
    }
}

fn socket_dir(pgdata: &Path, account: &Account) -> Result<PathBuf> {
    let beside = pgdata.with_file_name("run");
    let dir = if beside.as_os_str().len() <= LONGEST_SOCKET_DIR {
        beside
    } else {
        let digest = Sha256::digest(pgdata.as_os_str().as_bytes());
        let hash: String = digest.iter().take(8).map(|b| format!("{b:02x}")).collect();
        let parent = if account.is_other() { "/run" } else { "/tmp" };
        Path::new(parent).join(format!("edgebase-{hash}"))
    };
    match DirBuilder::new().mode(0o700).create(&dir) {
        Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {}
        made => made.with_context(|| format!("creating {}", dir.display()))?,
    }
    // In a directory that everyone may write to, the name could be somebody else's trap.
    let found = fs::symlink_metadata(&dir)?;
    let ours = [account.uid(), nix::unistd::geteuid().as_raw()].contains(&found.uid());
    if !found.is_dir() || !ours {
        bail!("{} is not ours; remove it, or choose another --data-dir", dir.display());
    }
    account.own(&dir)?;
    fs::set_permissions(&dir, Permissions::from_mode(0o755))?;
    Ok(dir)
}
