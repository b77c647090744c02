//! What in the database is not as it should be?
//!
//! Thin over `edgebase.verify()`. The exit status says whether there is anything, for a nightly run.

use super::{DatabaseArgument, counted, print};
use anyhow::{Result, bail};
use edgebase_proxy::admin;

/// Say what is not as it should be in the database, and what to do about it.
///
/// Looks at roles, memberships, owners, privileges, schemas and sequences, and changes nothing.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  edgebase verify
  edgebase verify --json

Exits with 1 when there is anything.")]
pub struct Arguments {
    /// One JSON object per line.
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    database: DatabaseArgument,
}

pub async fn run(arguments: Arguments) -> Result<()> {
    let client = arguments.database.connect().await?;
    let findings = admin::verify(&client).await?;
    for finding in &findings {
        if arguments.json {
            print(finding)?;
            continue;
        }
        let text = |member: &str| finding[member].as_str().unwrap_or_default();
        print(format!("{}: {} ({})", text("object"), text("problem"), text("remedy")))?;
    }
    match findings.len() {
        0 if arguments.json => Ok(()),
        0 => print("Everything is as it should be."),
        n => bail!("{} to see to.", counted(n, "thing")),
    }
}
