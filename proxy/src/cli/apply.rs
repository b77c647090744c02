//! How do a config's blocks get into a database?
//!
//! Through the extension's `apply_config`, which compares, decides and says what it did; this
//! only shows it.

use super::{ConfigArgument, DatabaseArgument, environment, print};
use anyhow::{Context, Result};
use edgebase_proxy::admin::{self, Change};
use edgebase_proxy::config::AppConfig;
use edgebase_proxy::db::source::text_of;
use edgebase_proxy::placement::{BlockPlacement, Login};
use indexmap::{IndexMap, IndexSet};
use std::collections::HashMap;

/// Register the config's blocks in a database, and show what that changes.
///
/// New tables, fields, indexes and constraints are applied; what would lose data is refused
/// unless the config's migrations cover it, and the migration to write is shown. Instances of
/// dynamic blocks follow when they are next used, or with `edgebase migrate --all`.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  edgebase apply --dry-run
  edgebase apply --dry-run --json
  edgebase apply --config edgebase.config.ts --database-url postgres://admin:secret@db/app

Marks: + is added or changed, ! loses data and is covered by a migration, X loses data and is
refused. In brackets: the lock on a table's rows, and whether all of them are read (scan) or
written (rewrite), which takes time by their number.

A block with connectionString: 'NAME' is registered in the database that the variable NAME_ADMIN
names, for a role that is a member of edgebase_admin there.")]
pub struct Arguments {
    #[command(flatten)]
    config: ConfigArgument,

    #[command(flatten)]
    database: DatabaseArgument,

    /// Only show what would change.
    #[arg(long)]
    dry_run: bool,

    /// One JSON object per line instead of text.
    #[arg(long)]
    json: bool,
}

pub async fn run(arguments: Arguments) -> Result<()> {
    let environment = environment();
    let app = AppConfig::load(&arguments.config.resolve()?, &environment)?;
    let placement = BlockPlacement::of(&app.config, &environment, Login::Admin, false)?;
    let client = arguments.database.connect().await?;
    let mut changes = admin::apply_config(&client, &placement.own, arguments.dry_run).await?;
    changes.extend(elsewhere(&placement, &environment, arguments.dry_run).await?);
    if arguments.json {
        return changes.iter().try_for_each(|c| print(serde_json::to_string(c)?));
    }
    for change in &changes {
        print(line(change))?;
    }
    if let Some(guide) = guide(&changes) {
        print(guide)?;
    }
    let count = super::counted(changes.iter().filter(|c| c.is_effective()).count(), "change");
    print(match arguments.dry_run {
        true => format!("{count}; nothing was done (--dry-run)."),
        false => format!("{count} applied."),
    })
}

/// Registers the blocks that are in other databases, each in its own.
pub async fn elsewhere(
    placement: &BlockPlacement<'_>,
    environment: &HashMap<String, String>,
    dry_run: bool,
) -> Result<Vec<Change>> {
    let mut changes = Vec::new();
    for (variable, blocks) in &placement.remote {
        let place = || format!("in the database that {variable} names");
        let url = text_of(environment, variable).with_context(place)?;
        let client = admin::connect(&url).await.with_context(place)?;
        changes.extend(admin::apply_config(&client, blocks, dry_run).await.with_context(place)?);
    }
    Ok(changes)
}

/// One change as one line, with its statement below when there is one.
fn line(change: &Change) -> String {
    let mark = match (change.destructive, change.covered, change.is_effective()) {
        (true, false, _) => 'X',
        (true, true, _) => '!',
        (false, _, true) => '+',
        (false, _, false) => ' ',
    };
    let place = match &change.table {
        Some(table) => format!("{}.{table}", change.namespace),
        None => change.namespace.clone(),
    };
    let work = Some(change.work.as_str()).filter(|w| *w != "none");
    let cost: Vec<&str> = change.lock.as_deref().into_iter().chain(work).collect();
    let cost = if cost.is_empty() { String::new() } else { format!(" [{}]", cost.join(", ")) };
    let statement = change.statement.iter().map(|s| format!("\n    {}", s.replace('\n', "\n    ")));
    format!("{mark} {place}: {}{cost}{}", change.change, statement.collect::<String>())
}

/// What to write so that the config is accepted, when it is not.
pub fn guide(changes: &[Change]) -> Option<String> {
    let refused: Vec<&Change> = changes.iter().filter(|c| c.destructive && !c.covered).collect();
    if refused.is_empty() {
        return None;
    }
    let mut blocks: IndexMap<&str, IndexSet<String>> = IndexMap::new();
    for change in refused {
        let line = match &change.guide {
            Some(guide) => guide.to_string(),
            None => format!(
                "(nothing covers table '{}': no other table of the block stays; keep it)",
                change.table.as_deref().unwrap_or_default()
            ),
        };
        blocks.entry(&change.namespace).or_default().insert(line);
    }
    let mut text =
        "Refused, because data would be lost. If it may be, add to the config:".to_owned();
    for (block, lines) in blocks {
        text.push_str(&format!("\n  in block '{block}':"));
        for line in lines {
            text.push_str(&format!("\n    {}", line.replace('\n', "\n    ")));
        }
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn change(destructive: bool, covered: bool) -> Change {
        let guide = json!({"table": "t", "migration": {"version": 2, "description": "drop a", "up": "ALTER TABLE \"t\" DROP COLUMN \"a\""}});
        Change {
            namespace: "app".into(),
            table: Some("t".into()),
            change: "drop_column".into(),
            destructive,
            covered,
            lock: Some("ACCESS EXCLUSIVE".into()),
            work: "scan".into(),
            statement: Some("ALTER TABLE\nx".into()),
            guide: (!covered).then(|| serde_json::from_value(guide).unwrap()),
        }
    }

    #[test]
    fn a_line_says_what_is_locked_and_whether_it_is_refused() {
        assert_eq!(
            line(&change(true, false)),
            "X app.t: drop_column [ACCESS EXCLUSIVE, scan]\n    ALTER TABLE\n    x"
        );
        assert!(line(&change(true, true)).starts_with('!'));
        let quiet =
            Change { lock: None, work: "none".into(), statement: None, ..change(false, true) };
        assert_eq!(line(&quiet), "+ app.t: drop_column");
    }

    #[test]
    fn the_guide_is_the_entry_to_write() {
        assert_eq!(guide(&[change(true, true), change(false, true)]), None);
        let text = guide(&[change(true, false)]).unwrap();
        assert!(text.contains("\n  in block 'app':\n    in 'migrations' of table 't'"), "{text}");
        let other = Change { namespace: "space".into(), ..change(true, false) };
        let both = guide(&[change(true, false), other, change(true, false)]).unwrap();
        assert_eq!(both.matches("in 'migrations'").count(), 2, "{both}");
        assert!(both.contains("\n  in block 'space':\n    in 'migrations' of table 't'"), "{both}");
        assert!(text.ends_with(
            r#"in 'migrations' of table 't': { version: 2, description: "drop a", up: "ALTER TABLE \"t\" DROP COLUMN \"a\"" }"#
        ));
    }
}
