//! Which after-hooks are under way?
//!
//! No answer waits for an after-hook, so a server that stops has to: each holds a shared lock, which
//! [`AfterHooks::done`] waits to take for itself.

use std::sync::Arc;
use tokio::sync::{OwnedRwLockReadGuard, RwLock};

/// The after-hooks under way: each holds the lock with others.
#[derive(Debug, Default)]
pub struct AfterHooks(Arc<RwLock<()>>);

impl AfterHooks {
    /// Makes a stopping server wait for as long as the answer is held.
    pub(crate) fn hold(&self) -> Option<OwnedRwLockReadGuard<()>> {
        // It fails only where the server has stopped waiting.
        Arc::clone(&self.0).try_read_owned().ok()
    }

    /// Waits until none is under way.
    pub async fn done(&self) {
        drop(self.0.write().await);
    }
}
