//! When has the config changed on disk?
//!
//! Watches the directories of the config and of everything it imports (editors replace files
//! rather than write them, which a watch on the file itself would miss), and reports one change
//! once they have been quiet for a moment.

use anyhow::{Context, Result};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::sync::mpsc;

/// How long files must be quiet before a change is reported.
const QUIET: Duration = Duration::from_millis(120);

/// File endings that a config can consist of.
const SOURCES: [&str; 7] = ["ts", "mts", "cts", "js", "mjs", "cjs", "json"];

/// A watch on a set of files.
pub struct Watch {
    watcher: RecommendedWatcher,
    directories: BTreeSet<PathBuf>,
    changes: mpsc::UnboundedReceiver<()>,
}

impl Watch {
    /// Watches `files`.
    pub fn on(files: &[PathBuf]) -> Result<Self> {
        let (sender, changes) = mpsc::unbounded_channel();
        let watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
            let relevant = match event {
                Ok(event) => is_write(event.kind) && event.paths.iter().any(|p| is_source(p)),
                // Events were lost, so there may have been a relevant one.
                Err(_) => true,
            };
            if relevant {
                // A closed channel means that nobody watches any more.
                let _ = sender.send(());
            }
        })
        .context("watching the config for changes")?;
        let mut watch = Self { watcher, directories: BTreeSet::new(), changes };
        watch.also(files)?;
        Ok(watch)
    }

    /// Watches these files besides those watched already.
    pub fn also(&mut self, files: &[PathBuf]) -> Result<()> {
        for file in files {
            let Some(directory) = file.parent() else { continue };
            let directory =
                if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
            if self.directories.insert(directory.to_owned()) {
                self.watcher
                    .watch(directory, RecursiveMode::NonRecursive)
                    .with_context(|| format!("watching {}", directory.display()))?;
            }
        }
        Ok(())
    }

    /// Waits for the next change.
    pub async fn changed(&mut self) {
        if self.changes.recv().await.is_none() {
            std::future::pending::<()>().await;
        }
        while tokio::time::timeout(QUIET, self.changes.recv()).await.is_ok_and(|c| c.is_some()) {}
    }
}

const fn is_write(kind: EventKind) -> bool {
    matches!(kind, EventKind::Create(_) | EventKind::Modify(_) | EventKind::Remove(_))
}

fn is_source(path: &Path) -> bool {
    path.extension().is_some_and(|e| SOURCES.iter().any(|s| e == *s))
}
