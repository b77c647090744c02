//! What can be asked of the `edgebase` command?
//!
//! One subcommand is one file: its arguments with their help, and a `run`. This file holds what
//! several of them take.

mod apply;
mod check;
mod dev;
mod instances;
pub mod log;
mod migrate;
mod progress;
mod repair;
mod reset;
mod rules;
mod serve;
mod signals;
mod token;
mod verify;
mod watch;

use anyhow::{Context, Result, bail};
use clap::{Args, Parser, Subcommand};
use edgebase_proxy::cluster::Attachment;
use edgebase_proxy::connections::Bounds;
use std::collections::HashMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Every tenant its own database, on PostgreSQL.
///
/// EdgeBase keeps each instance of a database block (one per user, workspace, device, ...) in a
/// schema of its own that nothing else can reach, and serves it over HTTP under the rules of
/// your edgebase.config.ts.
#[derive(Parser)]
#[command(name = "edgebase", version, after_help = EXAMPLES, propagate_version = true)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,

    #[command(flatten)]
    pub log: log::Arguments,
}

const EXAMPLES: &str = "\
Examples:
  edgebase dev                                  start everything for development
  edgebase token --sub alice                    mint a token for the user alice
  edgebase check --config edgebase.config.ts    look for mistakes in a config
  edgebase rules test --op read --db app --table posts --row post.json
                                                what a rule decides, and why
  edgebase instances list                       which instances exist
  edgebase migrate --all                        bring every instance to its block's shape
  edgebase verify                               what is not as it should be in the database

Run `edgebase <COMMAND> --help` for more about one of them.";

#[derive(Subcommand)]
pub enum Command {
    Dev(dev::Arguments),
    Serve(serve::Arguments),
    Check(check::Arguments),
    Rules(rules::Arguments),
    Token(token::Arguments),
    Apply(apply::Arguments),
    Migrate(migrate::Arguments),
    Instances(instances::Arguments),
    Verify(verify::Arguments),
    Repair(repair::Arguments),
}

impl Command {
    /// Whether it serves requests, as opposed to doing one thing and ending.
    pub fn is_serving(&self) -> bool {
        matches!(self, Self::Dev(_) | Self::Serve(_))
    }
}

/// Does what the command line asks for.
///
/// # Errors
/// When it could not be done.
pub fn run(command: Command) -> Result<ExitCode> {
    let runtime = tokio::runtime::Runtime::new().context("starting the async runtime")?;
    let outcome = runtime.block_on(async {
        match command {
            // Its exit status tells a denial from a mistake.
            Command::Rules(arguments) => {
                return Ok(Box::pin(rules::run(arguments)).await.unwrap_or_else(|e| {
                    log::report(&e);
                    ExitCode::from(2)
                }));
            }
            Command::Dev(arguments) => Box::pin(dev::run(arguments)).await,
            Command::Serve(arguments) => Box::pin(serve::run(arguments)).await,
            Command::Check(arguments) => check::run(&arguments),
            Command::Token(arguments) => token::run(&arguments),
            Command::Apply(arguments) => Box::pin(apply::run(arguments)).await,
            Command::Migrate(arguments) => Box::pin(migrate::run(arguments)).await,
            Command::Instances(arguments) => Box::pin(instances::run(arguments)).await,
            Command::Verify(arguments) => Box::pin(verify::run(arguments)).await,
            Command::Repair(arguments) => Box::pin(repair::run(arguments)).await,
        }
        .map(|()| ExitCode::SUCCESS)
    });
    // A rule's thread that is stuck must not hold up the exit.
    runtime.shutdown_background();
    outcome
}

/// Which config file.
#[derive(Args)]
pub struct ConfigArgument {
    /// Config file (TypeScript, JavaScript or JSON). Without it: ./edgebase.config.ts, .js, .mjs
    /// or .json.
    #[arg(long, short, value_name = "PATH")]
    config: Option<PathBuf>,
}

impl ConfigArgument {
    /// The file meant.
    pub fn resolve(&self) -> Result<PathBuf> {
        if let Some(path) = &self.config {
            if !path.is_file() {
                bail!("There is no config file {}.", path.display());
            }
            return Ok(path.clone());
        }
        ["ts", "js", "mjs", "json"]
            .iter()
            .map(|ending| Path::new("edgebase.config").with_extension(format!("config.{ending}")))
            .find(|path| path.is_file())
            .context(
                "There is no edgebase.config.ts (.js, .mjs, .json) in this directory. Name one \
                 with --config PATH.",
            )
    }
}

/// How many clients.
#[derive(Args)]
pub struct ConnectionsArgument {
    /// Connections of clients at a time. At the bound the longest quiet one gives way to a new
    /// one. Fewer, with a warning, where the process may not open as many files.
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..))]
    max_connections: u32,

    /// Those of one address or IPv6 /64 network; 0 for no bound. Without it: a tenth of all, and
    /// no bound where the config has trustSelfHostedProxy.
    #[arg(long, value_name = "N")]
    max_connections_per_address: Option<usize>,
}

impl ConnectionsArgument {
    /// What is said so.
    pub fn bounds(&self) -> Bounds {
        Bounds { max: self.max_connections as usize, per_address: self.max_connections_per_address }
    }
}

/// Which development directory.
#[derive(Args)]
pub struct DataDirArgument {
    /// Directory of the development cluster and its secrets.
    #[arg(long, value_name = "DIR", default_value = ".edgebase")]
    pub data_dir: PathBuf,
}

/// Which database, as administrator.
#[derive(Args)]
pub struct DatabaseArgument {
    /// Address of the database, for a role that is a member of edgebase_admin. Without it: the
    /// running `edgebase dev`.
    #[arg(long, value_name = "URL", env = "EDGEBASE_ADMIN_URL", hide_env_values = true)]
    database_url: Option<String>,

    #[command(flatten)]
    dir: DataDirArgument,
}

impl DatabaseArgument {
    /// A connection to it.
    pub async fn connect(&self) -> Result<tokio_postgres::Client> {
        if let Some(url) = &self.database_url {
            return edgebase_proxy::admin::connect(url).await;
        }
        let dir = &self.dir.data_dir;
        let Some(cluster) = Attachment::find(dir)? else {
            bail!(
                "Which database? Give --database-url or EDGEBASE_ADMIN_URL, or start \
                 `edgebase dev` (there is no development cluster in {}).",
                dir.display()
            );
        };
        edgebase_proxy::admin::connect(&cluster.admin_url).await.with_context(|| {
            format!(
                "The development cluster in {} does not answer. Start it with `edgebase dev`, or \
                 name another database with --database-url",
                dir.display()
            )
        })
    }
}

/// The process's environment, as the config and the server see it.
pub fn environment() -> HashMap<String, String> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

/// `1 change`, `2 changes`.
pub fn counted(number: usize, thing: &str) -> String {
    let ending = if number == 1 { "" } else { "s" };
    format!("{number} {thing}{ending}")
}

/// Writes a line of what was asked for to standard output.
pub fn print(text: impl std::fmt::Display) -> Result<()> {
    let mut out = std::io::stdout().lock();
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        // The reader has seen enough, e.g. `head`.
        Err(e) if e.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        written => written.context("writing to standard output"),
    }
}
