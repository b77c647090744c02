//! Which signals does a running server obey?
//!
//! SIGINT and SIGTERM stop it. SIGHUP reloads the config of a production server; for one that
//! runs in a terminal it means that the terminal was closed.

use anyhow::{Context, Result};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// What was asked for by a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// Stop in an orderly way.
    Stop,
    /// Read the config again.
    Reload,
}

/// The signals listened to.
pub struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl Signals {
    /// Starts listening; from now on these signals do not end the process by themselves.
    pub fn listen() -> Result<Self> {
        let on = |kind| signal(kind).context("listening for signals");
        Ok(Self {
            interrupt: on(SignalKind::interrupt())?,
            terminate: on(SignalKind::terminate())?,
            hangup: on(SignalKind::hangup())?,
        })
    }

    /// Waits for the next one.
    pub async fn next(&mut self) -> Request {
        tokio::select! {
            _ = self.interrupt.recv() => Request::Stop,
            _ = self.terminate.recv() => Request::Stop,
            _ = self.hangup.recv() => Request::Reload,
        }
    }

    /// Waits for any of them.
    pub async fn any(&mut self) {
        self.next().await;
    }
}
