//! How do a config's blocks get into a database?
//!
//! Through the extension's `apply_config`, which compares, decides and says what it did; this
//! only shows it.

use super::{ConfigArgument, DatabaseArgument, environment, print};
use anyhow::Result;
use edgebase_proxy::admin::{self, Change};
use edgebase_proxy::config::AppConfig;

/// Register the config's blocks in a database, and show what that changes.
///
/// New tables, fields, indexes and constraints are applied; what would lose data is refused
/// unless the config's migrations cover it.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  edgebase apply --dry-run
  edgebase apply --config edgebase.config.ts --database-url postgres://admin:secret@db/app")]
pub struct Arguments {
    #[command(flatten)]
    config: ConfigArgument,

    #[command(flatten)]
    database: DatabaseArgument,

    /// Only show what would change.
    #[arg(long)]
    dry_run: bool,
}

pub async fn run(arguments: Arguments) -> Result<()> {
    let app = AppConfig::load(&arguments.config.resolve()?, &environment())?;
    let client = arguments.database.connect().await?;
    let changes = admin::apply_config(&client, &app.config, arguments.dry_run).await?;
    for change in &changes {
        print(line(change))?;
    }
    let count = super::counted(changes.iter().filter(|c| c.is_effective()).count(), "change");
    print(match arguments.dry_run {
        true => format!("{count}; nothing was done (--dry-run)."),
        false => format!("{count} applied."),
    })
}

/// One change as one line, with its statement below when there is one.
fn line(change: &Change) -> String {
    let mark = match (change.destructive, change.is_effective()) {
        (true, _) => '!',
        (false, true) => '+',
        (false, false) => ' ',
    };
    let place = match &change.table {
        Some(table) => format!("{}.{table}", change.namespace),
        None => change.namespace.clone(),
    };
    let statement = change.statement.iter().map(|s| format!("\n    {}", s.replace('\n', "\n    ")));
    format!("{mark} {place}: {}{}", change.change, statement.collect::<String>())
}
