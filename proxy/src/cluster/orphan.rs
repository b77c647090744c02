//! Does a server of a killed predecessor still run, and how is it stopped?
//!
//! Only called under the data directory's lock, so whatever server is found there belongs to
//! nobody. A process counts as that server only when it works in that very directory: the
//! number in a stale lock file may by now be anybody's.

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

/// Ends a server that still runs in `pgdata` and removes a lock file that outlived its server.
pub async fn stop(pgdata: &Path, sockets: &Path, limit: Duration) -> Result<()> {
    let Some(pid) = recorded_pid(pgdata) else {
        return Ok(());
    };
    if works_in(pid, pgdata) {
        tracing::info!("stopping a PostgreSQL (pid {pid}) left behind by a killed process");
        for (signal, patience) in [
            (Signal::SIGINT, limit),
            (Signal::SIGQUIT, Duration::from_secs(5)),
            (Signal::SIGKILL, Duration::from_secs(5)),
        ] {
            if ended(pid, pgdata, signal, patience).await {
                break;
            }
        }
        if works_in(pid, pgdata) {
            bail!("A PostgreSQL (pid {pid}) still uses {} and does not stop.", pgdata.display());
        }
    }
    remove_stale_locks(pgdata, sockets)
}

/// Removes the server's lock files, of the data directory and of the socket, when no server
/// holds them. PostgreSQL itself gives up when another process of the same user has got the
/// number noted there, or when the killed server has not been reaped yet.
pub fn remove_stale_locks(pgdata: &Path, sockets: &Path) -> Result<()> {
    if recorded_pid(pgdata).is_some_and(|pid| works_in(pid, pgdata)) {
        return Ok(());
    }
    remove(&pgdata.join("postmaster.pid"))?;
    // The directory is this cluster's alone.
    for entry in fs::read_dir(sockets).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(".s.PGSQL.") {
            remove(&entry.path())?;
        }
    }
    Ok(())
}

fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
            Err(e).with_context(|| format!("removing {}", path.display()))
        }
        _ => Ok(()),
    }
}

fn recorded_pid(pgdata: &Path) -> Option<i32> {
    let text = fs::read_to_string(pgdata.join("postmaster.pid")).ok()?;
    text.lines().next()?.trim().parse().ok().filter(|pid| *pid > 1)
}

fn works_in(pid: i32, pgdata: &Path) -> bool {
    fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd == pgdata)
}

async fn ended(pid: i32, pgdata: &Path, signal: Signal, patience: Duration) -> bool {
    let deadline = Instant::now() + patience;
    kill(Pid::from_raw(pid), signal).ok();
    while works_in(pid, pgdata) {
        if Instant::now() > deadline {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    true
}
