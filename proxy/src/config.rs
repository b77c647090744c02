//! Which config does the server run on?
//!
//! Joins what the loader read from the file with the validated model, so that an
//! [`AppConfig`] that exists is one that can be served. A mistake is reported with the file and
//! line where it stands.

use crate::pattern::Pattern;
use anyhow::{Result, anyhow};
use edgebase_blocks::Config;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// A loaded and validated config.
#[derive(Clone)]
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
        let config = Config::from_json(loaded.json())
            .map_err(|e| anyhow!("{}", loaded.mistake(&e.path, e.to_string())))?;
        for (ns, block) in &config.databases {
            for (name, table) in &block.tables {
                for field in table.table.fields.iter().flatten() {
                    if let Some(pattern) = &field.pattern
                        && let Err(e) = Pattern::get(pattern)
                    {
                        let path = ["databases", ns, "tables", name, "schema", &field.name]
                            .map(str::to_owned);
                        let message =
                            format!("{}: the pattern cannot be used: {e}", path.join("."));
                        return Err(anyhow!("{}", loaded.mistake(&path, message)));
                    }
                }
            }
        }
        let folder = path.parent().unwrap_or(Path::new("")).to_owned();
        Ok(Self { config, loaded, folder })
    }
}
