//! What does a config say?
//!
//! Loads and validates it exactly as the server would, and prints blocks, tables and rules. A
//! rule that is absent is shown with what its absence means, because that is what gets
//! overlooked.

use super::{ConfigArgument, environment, print};
use anyhow::Result;
use edgebase_blocks::block::TableConfig;
use edgebase_blocks::{Block, BlockKind, Config, Rule};
use edgebase_proxy::config::AppConfig;
use std::fmt::Write as _;

/// Validate a config and print its blocks, tables and rules.
///
/// Exits with 1 and names file and line when there is a mistake.
#[derive(clap::Args)]
#[command(after_help = "Example:\n  edgebase check --config edgebase.config.ts")]
pub struct Arguments {
    #[command(flatten)]
    config: ConfigArgument,
}

pub fn run(arguments: &Arguments) -> Result<()> {
    let path = arguments.config.resolve()?;
    let app = AppConfig::load(&path, &environment())?;
    for warning in &app.config.warnings {
        tracing::warn!("{warning}");
    }
    print(format!("{} is valid.\n\n{}", path.display(), describe(&app.config)).trim_end())
}

fn describe(config: &Config) -> String {
    let mut text = String::new();
    let mode = if config.release {
        "release mode: what no rule allows is denied"
    } else {
        "development mode (release: false): a table without a rule is open"
    };
    // Writing into a String cannot fail.
    let _ = writeln!(text, "{mode}\n");
    for block in config.databases.values() {
        describe_block(&mut text, block, config.release);
        text.push('\n');
    }
    if let Some(keys) = &config.service_keys {
        let names: Vec<&str> = keys.iter().map(|k| k.kid.as_str()).collect();
        let _ = writeln!(text, "service keys: {}", names.join(", "));
    }
    text
}

fn describe_block(text: &mut String, block: &Block, release: bool) {
    let kind = match block.kind {
        BlockKind::Single => "one instance",
        BlockKind::Dynamic => "one instance per id",
    };
    let _ = writeln!(text, "block {} ({kind})", block.namespace);
    if block.kind == BlockKind::Dynamic {
        let access = &block.access;
        let _ = writeln!(text, "  canCreate  {}", rule(access.can_create.as_ref(), "denied"));
        let _ = writeln!(text, "  access     {}", rule(access.access.as_ref(), "left to the tables"));
        let _ = writeln!(text, "  delete     {}", rule(access.delete.as_ref(), "denied"));
    }
    for (name, table) in &block.tables {
        describe_table(text, name, table, release);
    }
}

fn describe_table(text: &mut String, name: &str, table: &TableConfig, release: bool) {
    let fields = match &table.table.fields {
        None => "any fields".to_owned(),
        Some(fields) => {
            let names: Vec<&str> = fields.iter().map(|f| f.name.as_str()).collect();
            names.join(", ")
        }
    };
    let _ = writeln!(text, "  table {name}: {fields}");
    let absent = if release { "denied" } else { "open" };
    let access = table.access.as_ref();
    let rules = [
        ("read", access.and_then(|a| a.read.as_ref())),
        ("insert", access.and_then(|a| a.insert.as_ref())),
        ("update", access.and_then(|a| a.update.as_ref())),
        ("delete", access.and_then(|a| a.delete.as_ref())),
    ];
    for (operation, found) in rules {
        let _ = writeln!(text, "    {operation:<8} {}", rule(found, absent));
    }
}

fn rule(rule: Option<&Rule>, absent: &str) -> String {
    rule.map_or_else(|| format!("no rule: {absent}"), Rule::describe)
}
