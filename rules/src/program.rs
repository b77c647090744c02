//! What does a worker need to evaluate a config again?
//!
//! The modules as the loader prepared them and what it found out about each function. A worker
//! reads no file, so that all of them evaluate the same text.

use crate::error::{LoadError, Location};
use crate::fast;
use crate::syntax::{Mention, Origins};
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// CPU time the evaluation of a config may take.
pub(crate) const EVALUATION: Duration = Duration::from_secs(5);
/// Bytes that the evaluation of a config may take.
pub(crate) const EVALUATION_MEMORY: usize = 128 << 20;
/// After this the loading thread is given up: it hangs in a built-in function.
pub(crate) const GIVE_UP: Duration = Duration::from_secs(20);

/// A module ready to be evaluated.
pub(crate) struct PreparedModule {
    /// Its name in the engine: the file's path, or a built-in's specifier.
    pub name: PathBuf,
    pub text: String,
    pub json: bool,
    /// Specifier to index of the module it names.
    pub edges: HashMap<String, usize>,
}

/// Everything that is evaluated; the first module is the config.
pub(crate) struct Program {
    pub modules: Vec<PreparedModule>,
    pub environment: BTreeMap<String, String>,
    /// The files' own texts.
    pub texts: HashMap<PathBuf, Arc<str>>,
    /// From places of the texts that are run to places of the files.
    pub origins: HashMap<PathBuf, Origins>,
}

impl Program {
    /// The text of a file.
    pub fn text(&self, file: &Path) -> &str {
        self.texts.get(file).map_or("", |text| text)
    }

    /// The place in the files of a line and a column of a module as it is run.
    pub fn place(&self, module: &Path, line: u32, column: u32) -> Option<Location> {
        let offset = self.origins.get(module)?.of(line, column)?;
        Some(Location::of(module, self.text(module), offset))
    }
}

/// A function of the config.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionInfo {
    /// Its place in the config, e.g. `databases.app.tables.posts.access.read`.
    pub path: String,
    /// The file it is written in.
    pub file: PathBuf,
    /// The line it starts at.
    pub line: u32,
}

impl FunctionInfo {
    /// File and line.
    #[must_use]
    pub fn place(&self) -> String {
        format!("{}:{}", self.file.display(), self.line)
    }
}

/// What is known about a function of the config beside its place.
#[derive(Clone)]
pub(crate) struct Facts {
    pub mentions: Vec<Mention>,
    pub fast: Result<Arc<fast::Program>, String>,
    /// Why it cannot be a rule or hook.
    pub mistake: Option<LoadError>,
}
