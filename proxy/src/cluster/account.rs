//! As which operating-system user does PostgreSQL run?
//!
//! As ourselves, unless we are root: PostgreSQL refuses root, so it then runs as `postgres` or,
//! on a machine without that user, as `nobody`. Every process of the cluster is started through
//! [`Account::command`], so none can be started with our own rights by oversight.

use anyhow::{Context, Result, bail};
use nix::unistd::{User, geteuid};
use std::ffi::OsStr;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

/// The user that owns the cluster's files and processes.
#[derive(Clone, Debug)]
pub struct Account {
    name: String,
    /// Present when it is another user than ourselves.
    ids: Option<(u32, u32)>,
}

impl Account {
    /// The user to run as: whoever owns the data already, when there is any.
    pub fn choose(existing: Option<&Path>) -> Result<Self> {
        if !geteuid().is_root() {
            let name = User::from_uid(geteuid()).ok().flatten().map(|u| u.name);
            return Ok(Self { name: name.unwrap_or_else(|| geteuid().to_string()), ids: None });
        }
        if let Some(owner) = existing.and_then(|d| std::fs::metadata(d).ok())
            && owner.uid() != 0
        {
            let name = User::from_uid(owner.uid().into()).ok().flatten().map(|u| u.name);
            return Ok(Self {
                name: name.unwrap_or_else(|| owner.uid().to_string()),
                ids: Some((owner.uid(), owner.gid())),
            });
        }
        for name in ["postgres", "nobody"] {
            if let Some(user) = User::from_name(name).context("reading the user database")? {
                return Ok(Self {
                    name: user.name,
                    ids: Some((user.uid.as_raw(), user.gid.as_raw())),
                });
            }
        }
        bail!(
            "PostgreSQL does not run as root, and there is no user 'postgres' or 'nobody'.\n\
             Create one (useradd --system postgres) or run this command as another user."
        )
    }

    /// Its name, for messages.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it is another user than ourselves.
    pub const fn is_other(&self) -> bool {
        self.ids.is_some()
    }

    /// A command that runs as this user, in a process group of its own (so that Ctrl-C in a
    /// terminal reaches us alone) and with none of our `PG*` variables.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir("/").process_group(0).stdin(Stdio::null());
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("PG") {
                command.env_remove(name);
            }
        }
        if let Some((uid, gid)) = self.ids {
            // The standard library drops our supplementary groups along with the user.
            command.uid(uid).gid(gid).env("HOME", "/").env("USER", &self.name);
        }
        command
    }

    /// Gives `path` to this user.
    pub fn own(&self, path: &Path) -> Result<()> {
        if let Some((uid, gid)) = self.ids {
            std::os::unix::fs::chown(path, Some(uid), Some(gid))
                .with_context(|| format!("giving {} to user {}", path.display(), self.name))?;
        }
        Ok(())
    }

    /// The user id its files must have.
    pub fn uid(&self) -> u32 {
        self.ids.map_or_else(|| geteuid().as_raw(), |(uid, _)| uid)
    }

    /// Whether this user can work in `dir`, which needs every directory above it to let it pass.
    pub fn can_enter(&self, dir: &Path) -> bool {
        self.ids.is_none()
            || self
                .command("sh")
                .args(["-c", "cd \"$0\""])
                .arg(dir)
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status()
                .is_ok_and(|s| s.success())
    }
}
