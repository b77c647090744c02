//! How is the product started for a test, and who stops it?
//!
//! The real binary, `edgebase dev --json`, on a cluster of its own in a temporary folder. Beside
//! each runs a watchdog that holds the other end of a pipe: when the [`Product`] is dropped or
//! the test process ends, in whatever way, the pipe closes and the watchdog stops the product
//! and removes the folder. Products that tests share live until the process exits, which waits
//! for their watchdogs.

use crate::{Client, token};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::{Duration, Instant};

/// How long a start may take, the making of the cluster included, on a machine that is busy.
const START: Duration = Duration::from_secs(120);

/// How a product is to be started.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Environment variables besides those inherited.
    pub environment: Vec<(String, String)>,
    /// Arguments besides those that every product gets.
    pub arguments: Vec<String>,
}

/// A running `edgebase dev`.
#[derive(Debug)]
pub struct Product {
    /// `http://127.0.0.1:<port>`.
    pub url: String,
    /// The cluster's superuser.
    pub admin_url: String,
    /// The login role that the proxy uses.
    pub proxy_url: String,
    /// A key that bypasses every rule.
    pub service_key: String,
    /// What user tokens are signed with.
    pub jwt_secret: String,
    /// Where metrics are served; empty without `--metrics-listen`.
    pub metrics_url: String,
    /// The copy of the config that it watches; a test that starts its own product may edit it.
    pub config: PathBuf,
    folder: PathBuf,
    settings: Settings,
    child: Child,
    watchdog: Option<Watchdog>,
}

#[derive(Debug)]
struct Watchdog {
    process: Child,
    pipe: Option<ChildStdin>,
}

static SHARED: LazyLock<Mutex<HashMap<String, Arc<Product>>>> = LazyLock::new(Mutex::default);

/// A test that failed to start a product must not keep others from theirs.
fn shared_products() -> MutexGuard<'static, HashMap<String, Arc<Product>>> {
    SHARED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The root of the workspace.
#[must_use]
pub fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate is in a workspace").to_owned()
}

/// A file of `fixtures/`.
#[must_use]
pub fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)
}

/// The product's binary: `EDGEBASE_BIN`, else beside the folder that this test runs from.
///
/// # Panics
/// When it has not been built.
#[must_use]
pub fn binary() -> PathBuf {
    let built = || {
        let test = std::env::current_exe().expect("this test runs from a file");
        test.ancestors().nth(2).expect("it is in target/<profile>/deps").join("edgebase")
    };
    let path = std::env::var_os("EDGEBASE_BIN").map_or_else(built, PathBuf::from);
    assert!(path.is_file(), "{} is missing: run `make build` first", path.display());
    path
}

impl Product {
    /// The product that all tests of this process share for one config.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn shared(name: &str) -> Arc<Self> {
        Self::shared_for(name, "")
    }

    /// The product that tests with one purpose share, apart from the others of that config.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn shared_for(name: &str, purpose: &str) -> Arc<Self> {
        extern "C" fn stop_all() {
            drop(std::mem::take(&mut *shared_products()));
        }
        let key = format!("{name} {purpose}");
        let mut all = shared_products();
        if let Some(product) = all.get(&key) {
            return Arc::clone(product);
        }
        if all.is_empty() {
            // SAFETY: the function touches nothing that is torn down before exit handlers run.
            unsafe { libc::atexit(stop_all) };
        }
        let product = Arc::new(Self::start(&fixture(name)));
        all.insert(key, Arc::clone(&product));
        product
    }

    /// A product of one's own, with a copy of `config`, on an empty cluster.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn start(config: &Path) -> Self {
        Self::start_with(config, Settings::default())
    }

    /// The same, with settings.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn start_with(config: &Path, settings: Settings) -> Self {
        let folder = folder();
        let copy = folder.join(config.file_name().expect("a config is a file"));
        std::fs::copy(config, &copy).expect("the config can be copied");
        let (child, watchdog, ready) = launch(&folder, &copy, &settings);
        let text = |key: &str| ready[key].as_str().unwrap_or_default().to_owned();
        Self {
            url: text("url"),
            admin_url: text("adminUrl"),
            proxy_url: text("proxyUrl"),
            service_key: text("serviceKey"),
            jwt_secret: text("jwtSecret"),
            metrics_url: text("metricsUrl"),
            config: copy,
            folder,
            settings,
            child,
            watchdog: Some(watchdog),
        }
    }

    /// Starts it again on the data that it left, after it was killed.
    ///
    /// # Panics
    /// When it does not start.
    pub fn restart(&mut self) {
        let _ = self.child.wait();
        let (child, watchdog, ready) = launch(&self.folder, &self.config, &self.settings);
        self.child = child;
        // The former watchdog must not remove the folder; the new one will.
        if let Some(mut former) = self.watchdog.replace(watchdog) {
            let _ = former.process.kill();
            let _ = former.process.wait();
        }
        let text = |key: &str| ready[key].as_str().unwrap_or_default().to_owned();
        self.url = text("url");
        self.admin_url = text("adminUrl");
        self.proxy_url = text("proxyUrl");
        self.service_key = text("serviceKey");
        self.jwt_secret = text("jwtSecret");
        self.metrics_url = text("metricsUrl");
    }

    /// The process of `edgebase dev`.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The most memory that the process has held so far, in bytes.
    ///
    /// # Panics
    /// When it does not run.
    #[must_use]
    pub fn peak_memory(&self) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid()));
        let status = status.expect("the product runs");
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kilobytes = peak.map(|line| line.trim().trim_end_matches(" kB").parse::<usize>());
        kilobytes.expect("the kernel tells the peak").expect("a number") << 10
    }

    /// The process of the postmaster.
    ///
    /// # Panics
    /// When the database does not run.
    #[must_use]
    pub fn postmaster(&self) -> u32 {
        let file = self.data_dir().join("postgres/postmaster.pid");
        let text = std::fs::read_to_string(&file).expect("the database runs");
        text.lines().next().and_then(|line| line.parse().ok()).expect("a pid")
    }

    /// Where cluster and secrets are.
    #[must_use]
    pub fn data_dir(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// What the product has logged so far.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    /// Waits until it has logged these words.
    ///
    /// # Panics
    /// When it has not after 20 seconds.
    pub async fn until_logged(&self, words: &str) {
        crate::until_logged(words, || self.log()).await;
    }

    /// What its PostgreSQL has logged so far.
    ///
    /// # Panics
    /// When the log cannot be read.
    #[must_use]
    pub fn database_log(&self) -> String {
        let log = std::fs::read(self.data_dir().join("postgres.log"));
        String::from_utf8_lossy(&log.expect("the database's log can be read")).into_owned()
    }

    /// A caller without credentials.
    #[must_use]
    pub fn anonymous(&self) -> Client {
        Client::anonymous(&self.url)
    }

    /// A caller with the service key.
    #[must_use]
    pub fn service(&self) -> Client {
        self.anonymous().with("x-edgebase-service-key", &self.service_key)
    }

    /// A signed-in user.
    #[must_use]
    pub fn user(&self, id: &str) -> Client {
        self.user_with(id, &json!({}))
    }

    /// A signed-in user with further claims.
    #[must_use]
    pub fn user_with(&self, id: &str, claims: &Value) -> Client {
        self.anonymous().bearer(&token::user(&self.jwt_secret, id, claims))
    }
}

impl Drop for Product {
    fn drop(&mut self) {
        if let Some(mut watchdog) = self.watchdog.take() {
            // This closes the pipe; the watchdog does the rest.
            drop(watchdog.pipe.take());
            let _ = self.child.wait();
            let _ = watchdog.process.wait();
        }
    }
}

/// A fresh folder that the database's own user can pass through.
fn folder() -> PathBuf {
    let name = crate::unique(&format!("edgebase-test-{}", std::process::id()));
    let folder = std::env::temp_dir().join(name);
    let _ = std::fs::remove_dir_all(&folder);
    let made = std::fs::DirBuilder::new().mode(0o755).create(&folder);
    made.expect("the temporary folder can be made");
    folder
}

/// Starts the product in `folder` and waits until it is ready.
fn launch(folder: &Path, config: &Path, settings: &Settings) -> (Child, Watchdog, Value) {
    let log = std::fs::File::options().create(true).append(true).open(folder.join("log"));
    let mut child = Command::new(binary())
        .args(["dev", "--json", "--listen", "127.0.0.1:0", "--config"])
        .arg(config)
        .arg("--data-dir")
        .arg(folder.join("data"))
        .args(&settings.arguments)
        .env_remove("JWT_USER_SECRET")
        .env_remove("SERVICE_KEY")
        .envs(settings.environment.iter().cloned())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(log.expect("the log can be written"))
        .spawn()
        .expect("the product starts");
    let mut process = Command::new("sh")
        .args(["-c", include_str!("watchdog.sh"), "watchdog", &child.id().to_string()])
        .arg(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("a shell starts");
    let watchdog = Watchdog { pipe: process.stdin.take(), process };
    let stdout = child.stdout.take().expect("standard output is a pipe");
    let (sender, lines) = mpsc::channel();
    std::thread::spawn(move || {
        // Read to the end, or the product would find its output closed.
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            let _ = sender.send(line);
        }
    });
    let deadline = Instant::now() + START;
    let line = lines.recv_timeout(deadline.saturating_duration_since(Instant::now()));
    let Ok(line) = line else {
        let log = std::fs::read_to_string(folder.join("log")).unwrap_or_default();
        drop(watchdog);
        panic!("the product did not get ready:\n{log}");
    };
    let ready = serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e} in {line}"));
    (child, watchdog, ready)
}
