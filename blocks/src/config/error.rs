//! What is wrong in a config, and where?
//!
//! Every mistake carries the keys that lead to it, so that whoever wrote the config finds it.

use std::fmt;

/// A mistake in a config, with the path of keys that leads to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// Keys from the top, e.g. `["databases", "app", "tables"]`.
    pub path: Vec<String>,
    /// What is wrong and what would be right.
    pub message: String,
}

impl ConfigError {
    /// A mistake at `path`.
    #[must_use]
    pub fn new(path: &[&str], message: String) -> Self {
        Self { path: path.iter().map(|s| (*s).to_owned()).collect(), message }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path.join("."))?;
        }
        f.write_str(&self.message)
    }
}

impl std::error::Error for ConfigError {}

/// Makes [`ConfigError`]s under one common path.
pub(crate) struct Problems<'a> {
    base: &'a [&'a str],
}

impl<'a> Problems<'a> {
    pub(crate) fn new(base: &'a [&'a str]) -> Self {
        Self { base }
    }

    pub(crate) fn at(&self, more: &[&str], message: String) -> ConfigError {
        ConfigError::new(&[self.base, more].concat(), message)
    }
}
