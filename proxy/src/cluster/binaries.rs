//! Which installed PostgreSQL runs the cluster?
//!
//! A cluster belongs to one major version for life, so an existing one decides. For a new one
//! the newest installation that has our extension wins.

use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The oldest major version that the extension is built for.
const OLDEST: u32 = 15;

/// An installation of the PostgreSQL server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binaries {
    /// Directory with `postgres` and `initdb`.
    pub dir: PathBuf,
    /// Major version.
    pub major: u32,
}

impl Binaries {
    /// The installation for a cluster of version `existing`, or for a new one.
    pub fn find(chosen: Option<&Path>, existing: Option<u32>, extension: bool) -> Result<Self> {
        let named = chosen.map(Path::to_owned).or_else(|| {
            std::env::var_os("EDGEBASE_PG_BIN").filter(|v| !v.is_empty()).map(PathBuf::from)
        });
        let mut found = if let Some(dir) = named {
            vec![Self::inspect(&dir).with_context(|| {
                format!("{} has no PostgreSQL server (postgres, initdb)", dir.display())
            })?]
        } else {
            installed()
        };
        found.sort_by_key(|b| std::cmp::Reverse(b.major));
        found.dedup();
        let versions = found.iter().map(|b| b.major.to_string()).collect::<Vec<_>>().join(", ");
        if found.is_empty() {
            bail!(
                "No PostgreSQL server was found. Install one (apt-get install postgresql), or name \
                 its directory with EDGEBASE_PG_BIN."
            );
        }
        if let Some(version) = existing {
            let Some(same) = found.into_iter().find(|b| b.major == version) else {
                bail!(
                    "The data directory was made by PostgreSQL {version}, but only {versions} is \
                     installed. Install PostgreSQL {version}, or choose another --data-dir."
                );
            };
            return same.with_extension(extension);
        }
        found.retain(|b| b.major >= OLDEST);
        let Some(newest) = found.first().cloned() else {
            bail!("PostgreSQL {OLDEST} or newer is needed, and only {versions} is installed.");
        };
        let best = found.into_iter().find(Self::has_extension).unwrap_or(newest);
        best.with_extension(extension)
    }

    /// Path of one of the installation's programs.
    pub fn program(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    fn with_extension(self, wanted: bool) -> Result<Self> {
        if wanted && !self.has_extension() {
            bail!(
                "The edgebase extension is not installed in PostgreSQL {} ({}).\n\
                 Run `make extension` in the repository, or name another installation with \
                 EDGEBASE_PG_BIN.",
                self.major,
                self.dir.display()
            );
        }
        Ok(self)
    }

    fn has_extension(&self) -> bool {
        let share = output(&self.program("pg_config"), "--sharedir")
            .unwrap_or_else(|| format!("/usr/share/postgresql/{}", self.major));
        Path::new(&share).join("extension/edgebase.control").is_file()
    }

    fn inspect(dir: &Path) -> Option<Self> {
        if !dir.join("initdb").is_file() {
            return None;
        }
        // "postgres (PostgreSQL) 15.20 (Debian 15.20-0+deb12u1)"; a beta says "19beta1".
        let text = output(&dir.join("postgres"), "--version")?;
        let version = text.split_whitespace().nth(2)?;
        let digits: String = version.chars().take_while(char::is_ascii_digit).collect();
        Some(Self { dir: dir.to_owned(), major: digits.parse().ok()? })
    }
}

fn output(program: &Path, argument: &str) -> Option<String> {
    let output = Command::new(program).arg(argument).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}

fn installed() -> Vec<Binaries> {
    let mut dirs: Vec<PathBuf> =
        output(Path::new("pg_config"), "--bindir").map(PathBuf::from).into_iter().collect();
    for parent in ["/usr/lib/postgresql", "/usr/local", "/opt"] {
        for entry in std::fs::read_dir(parent).into_iter().flatten().flatten() {
            dirs.push(entry.path().join("bin"));
        }
    }
    for dir in std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()) {
        // Debian's /usr/bin has wrappers only; a server's own directory has initdb.
        dirs.push(dir);
    }
    dirs.sort();
    dirs.dedup();
    dirs.iter().filter_map(|d| Binaries::inspect(d)).collect()
}
