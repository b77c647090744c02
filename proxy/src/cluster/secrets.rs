//! Which passwords and keys belong to a development cluster?
//!
//! Generated once by the operating system's random source and kept in one file beside the
//! cluster that only its owner can read. Values are plain letters and digits, so they go into
//! URLs, headers and SQL without escaping.

use anyhow::{Context, Result};
use rand::distr::{Alphanumeric, SampleString};
use serde::{Deserialize, Serialize};
use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

const FILE: &str = "secrets.json";

/// The secrets of one data directory.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Secrets {
    /// Password of the database superuser.
    pub superuser_password: String,
    /// Password of the proxy's login role.
    pub proxy_password: String,
    /// Development service key.
    pub service_key: String,
    /// Secret that user tokens are signed with.
    pub jwt_secret: String,
    /// Whether the server has been given the superuser's password. It has not when this file was
    /// lost and made again.
    #[serde(default)]
    pub(super) in_force: bool,
}

/// So that no log line can show them.
impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str("Secrets")
    }
}

impl Secrets {
    /// The secrets of `data_dir`, generated when there are none.
    pub(super) fn load_or_create(data_dir: &Path) -> Result<Self> {
        if let Some(secrets) = Self::load(data_dir)? {
            return Ok(secrets);
        }
        let random = || Alphanumeric.sample_string(&mut rand::rng(), 43);
        let secrets = Self {
            superuser_password: random(),
            proxy_password: random(),
            service_key: random(),
            jwt_secret: random(),
            in_force: false,
        };
        secrets.save(data_dir)?;
        Ok(secrets)
    }

    /// Notes that the server has the superuser's password.
    pub(super) fn now_in_force(&mut self, data_dir: &Path) -> Result<()> {
        if !self.in_force {
            self.in_force = true;
            self.save(data_dir)?;
        }
        Ok(())
    }

    fn save(&self, data_dir: &Path) -> Result<()> {
        write_private(&data_dir.join(FILE), &serde_json::to_vec_pretty(self)?)
    }

    /// The secrets of `data_dir`, if it has any.
    ///
    /// # Errors
    /// When the file cannot be read or understood.
    pub fn load(data_dir: &Path) -> Result<Option<Self>> {
        let path = data_dir.join(FILE);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(e).with_context(|| format!("reading {}", path.display())),
        };
        serde_json::from_slice(&text).map(Some).with_context(|| {
            format!("{} is damaged; delete it, and new secrets are made", path.display())
        })
    }
}

/// Writes a file that only we can read, whole or not at all.
pub fn write_private(path: &Path, content: &[u8]) -> Result<()> {
    let mut draft = path.as_os_str().to_owned();
    draft.push(".draft");
    let write = || -> std::io::Result<()> {
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&draft)?;
        file.write_all(content)?;
        file.write_all(b"\n")?;
        file.sync_all()?;
        fs::rename(&draft, path)
    };
    write().with_context(|| format!("writing {}", path.display()))
}
