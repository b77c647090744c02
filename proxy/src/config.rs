//! Which config does the server run on?
//!
//! Joins what the loader read from the file with the validated model, so that an
//! [`AppConfig`] that exists is one that can be served. A mistake is reported with the file and
//! line where it stands.

pub mod applied;
mod condition;
mod functions;
mod grammar;
mod migration;
mod verify;

use anyhow::{Result, anyhow};
use edgebase_blocks::Config;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// A loaded and validated config.
#[derive(Clone, Debug)]
pub struct AppConfig {
    /// The model.
    pub config: Config,
    /// Its functions and files.
    pub loaded: edgebase_rules::Loaded,
    /// Where it stands; files that it names are looked for here.
    pub folder: PathBuf,
}

impl AppConfig {
    /// Reads `path` and everything it imports.
    ///
    /// # Errors
    /// A message with file and line of the first mistake.
    pub fn load(path: &Path, environment: &HashMap<String, String>) -> Result<Self> {
        let loaded = edgebase_rules::load(path, environment).map_err(|e| anyhow!("{e}"))?;
        let mut config = Config::from_json(loaded.json())
            .map_err(|e| anyhow!("{}", loaded.mistake(&e.path, e.to_string())))?;
        verify::verify(&config)
            .map_err(|e| anyhow!("{}", loaded.mistake(&e.path, e.to_string())))?;
        verify::functions(&config, &loaded).map_err(|e| anyhow!("{e}"))?;
        config.warnings.extend(verify::remarks(&config, &loaded));
        let folder = path.parent().unwrap_or(Path::new("")).to_owned();
        Ok(Self { config, loaded, folder })
    }
}
