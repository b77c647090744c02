//! Who watches the server process?
//!
//! PostgreSQL is our direct child. A thread (so that it depends on no async runtime) looks at
//! it every 100 ms and starts it again when it died without being told to. The other way round,
//! a small shell process waits on a pipe that only we hold open: when we die, however, it tells
//! the server to stop, so no server outlives its owner.
//!
//! Invariant: a signal is only ever sent while the child is known not to be reaped, so never to
//! a process that got its number later.

use super::account::Account;
use super::binaries::Binaries;
use super::layout::Layout;
use super::orphan;
use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

const LOOK_EVERY: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// A server that ran this long is started again at once when it dies.
const STABLE: Duration = Duration::from_secs(60);

/// Stops the process whose number is `$1`, if it works in directory `$2`, once its standard
/// input closes.
const GUARDIAN: &str = r#"read -r _; [ "$(readlink "/proc/$1/cwd")" = "$2" ] && kill -INT "$1""#;

struct Recipe {
    binaries: Binaries,
    account: Account,
    layout: Layout,
}

#[derive(Default)]
struct Running {
    server: Option<Child>,
    guardian: Option<Child>,
    stopping: bool,
}

/// The server process and what watches it.
pub struct Postmaster {
    recipe: Arc<Recipe>,
    running: Arc<Mutex<Running>>,
    watcher: Option<JoinHandle<()>>,
}

fn hold(running: &Mutex<Running>) -> MutexGuard<'_, Running> {
    running.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Recipe {
    fn spawn(&self) -> Result<Running> {
        let pgdata = &self.layout.pgdata;
        orphan::remove_stale_locks(pgdata, &self.layout.socket_dir)?;
        let log = self
            .layout
            .open_log()
            .with_context(|| format!("opening the log {}", self.layout.log_file.display()))?;
        let program = self.binaries.program("postgres");
        let server = self
            .account
            .command(&program)
            .arg("-D")
            .arg(pgdata)
            .stdout(log.try_clone().context("opening the log twice")?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("running {}", program.display()))?;
        let guardian = self
            .account
            .command("sh")
            .args(["-c", GUARDIAN, "sh", &server.id().to_string()])
            .arg(pgdata)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("running sh")?;
        Ok(Running { server: Some(server), guardian: Some(guardian), stopping: false })
    }
}

impl Running {
    /// Ends the guardian; the server has ended before.
    fn dismiss_guardian(&mut self) {
        if let Some(mut guardian) = self.guardian.take() {
            guardian.kill().ok();
            guardian.wait().ok();
        }
    }

    fn signal(&self, signal: Signal) {
        if let Some(pid) = self.server.as_ref().and_then(|s| i32::try_from(s.id()).ok()) {
            kill(Pid::from_raw(pid), signal).ok();
        }
    }

    /// Whether the server has ended, which reaps it.
    fn has_ended(&mut self) -> Option<String> {
        let status = self.server.as_mut()?.try_wait().ok().flatten()?;
        self.server = None;
        self.dismiss_guardian();
        Some(status.to_string())
    }
}

impl Postmaster {
    /// Starts the server, not watched yet: until it has answered once, the caller looks.
    pub fn start(binaries: &Binaries, account: &Account, layout: &Layout) -> Result<Self> {
        let recipe =
            Recipe { binaries: binaries.clone(), account: account.clone(), layout: layout.clone() };
        let running = recipe.spawn()?;
        Ok(Self { recipe: Arc::new(recipe), running: Arc::new(Mutex::new(running)), watcher: None })
    }

    /// Whether the server process exists.
    pub fn is_running(&mut self) -> bool {
        let mut running = hold(&self.running);
        running.has_ended();
        running.server.is_some()
    }

    /// Its process id.
    pub fn pid(&self) -> Option<u32> {
        hold(&self.running).server.as_ref().map(Child::id)
    }

    /// From now on, starts the server again whenever it dies.
    pub fn supervise(&mut self) {
        let (recipe, running) = (Arc::clone(&self.recipe), Arc::clone(&self.running));
        self.watcher = Some(std::thread::spawn(move || watch(&recipe, &running)));
    }

    /// Fast shutdown, then an immediate one when that takes longer than `limit`.
    pub fn stop(mut self, limit: Duration) -> Result<()> {
        self.end(limit)
    }

    fn end(&mut self, limit: Duration) -> Result<()> {
        hold(&self.running).stopping = true;
        let mut forced = false;
        for (signal, patience) in [
            (Signal::SIGINT, limit),
            (Signal::SIGQUIT, Duration::from_secs(5)),
            (Signal::SIGKILL, Duration::from_secs(5)),
        ] {
            let deadline = Instant::now() + patience;
            hold(&self.running).signal(signal);
            while self.is_running() && Instant::now() < deadline {
                std::thread::sleep(Duration::from_millis(10));
            }
            if !self.is_running() {
                break;
            }
            forced = true;
        }
        if let Some(watcher) = self.watcher.take() {
            watcher.join().ok();
        }
        if forced {
            bail!("PostgreSQL had to be stopped by force; the next start will recover");
        }
        Ok(())
    }
}

impl Drop for Postmaster {
    fn drop(&mut self) {
        if let Err(e) = self.end(Duration::from_secs(10)) {
            tracing::warn!("{e}");
        }
    }
}

fn watch(recipe: &Recipe, running: &Mutex<Running>) {
    let mut pause = Duration::ZERO;
    let mut since = Instant::now();
    loop {
        std::thread::sleep(LOOK_EVERY.max(pause));
        let mut held = hold(running);
        if held.stopping {
            return;
        }
        if let Some(status) = held.has_ended() {
            tracing::warn!("PostgreSQL ended unexpectedly ({status}); starting it again");
            if since.elapsed() > STABLE {
                pause = Duration::ZERO;
            }
        }
        if held.server.is_some() {
            continue;
        }
        if pause > Duration::ZERO {
            tracing::warn!(
                "the log {} ends with:\n{}",
                recipe.layout.log_file.display(),
                recipe.layout.log_tail()
            );
        }
        match recipe.spawn() {
            Ok(again) => *held = again,
            Err(e) => tracing::error!("PostgreSQL cannot be started again: {e:#}"),
        }
        since = Instant::now();
        pause = (pause * 2).clamp(Duration::from_millis(250), LONGEST_PAUSE);
    }
}
