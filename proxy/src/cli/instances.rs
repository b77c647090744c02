//! Which instances exist, and how is one made or removed by hand?
//!
//! Thin over the extension's functions. Deleting asks first when a person is there to ask, and
//! otherwise wants to be told `--yes`.

use super::{DatabaseArgument, print};
use anyhow::{Context, Result, bail};
use clap::Subcommand;
use edgebase_proxy::admin;
use serde_json::Value;
use std::io::{BufRead, IsTerminal, Write};

/// List, create or delete instances.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  edgebase instances list
  edgebase instances list workspace --json
  edgebase instances create workspace:acme
  edgebase instances delete workspace:acme

An instance is named like in the config: user:alice, workspace:acme; app for a block that has
only one.")]
pub struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// List the instances of all blocks, or of one.
    List {
        /// Only this block's.
        namespace: Option<String>,
        /// One JSON object per line, with all that is known.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        database: DatabaseArgument,
    },
    /// Create an instance; nothing happens when it exists.
    Create {
        /// The instance, as namespace:id.
        #[arg(value_name = "NAMESPACE[:ID]")]
        key: Key,
        #[command(flatten)]
        database: DatabaseArgument,
    },
    /// Delete an instance with all its data, and print the receipt.
    Delete {
        /// The instance, as namespace:id.
        #[arg(value_name = "NAMESPACE[:ID]")]
        key: Key,
        /// Do not ask.
        #[arg(long, short)]
        yes: bool,
        #[command(flatten)]
        database: DatabaseArgument,
    },
}

/// `namespace:id`, or `namespace` alone. An id holds no colon, so the first one separates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    pub namespace: String,
    pub id: Option<String>,
}

impl std::str::FromStr for Key {
    type Err = edgebase_blocks::name::NameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (namespace, id) = match text.split_once(':') {
            Some((namespace, id)) => (namespace, Some(id)),
            None => (text, None),
        };
        edgebase_blocks::InstanceKey::new(namespace, id)?;
        Ok(Self { namespace: namespace.to_owned(), id: id.map(str::to_owned) })
    }
}

impl std::fmt::Display for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str(&self.namespace)?;
        self.id.iter().try_for_each(|id| write!(f, ":{id}"))
    }
}

pub async fn run(arguments: Arguments) -> Result<()> {
    match arguments.action {
        Action::List { namespace, json, database } => {
            let client = database.connect().await?;
            let instances = admin::instances(&client, namespace.as_deref()).await?;
            if json {
                return instances.iter().try_for_each(print);
            }
            table(&instances)
        }
        Action::Create { key, database } => {
            let client = database.connect().await?;
            print(admin::create_instance(&client, &key.namespace, key.id.as_deref()).await?)
        }
        Action::Delete { key, yes, database } => {
            let client = database.connect().await?;
            if !yes {
                confirm(&key)?;
            }
            print(admin::drop_instance(&client, &key.namespace, key.id.as_deref()).await?)
        }
    }
}

/// Asks to repeat the name; anything else is a no.
fn confirm(key: &Key) -> Result<()> {
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        bail!("Nobody is here to confirm the deletion of {key}: repeat it with --yes.");
    }
    let mut err = std::io::stderr();
    write!(err, "All data of {key} will be lost. Type its name to go on: ")?;
    err.flush()?;
    let mut answer = String::new();
    stdin.lock().read_line(&mut answer).context("reading the answer")?;
    if answer.trim() != key.to_string() {
        bail!("{key} was not deleted.");
    }
    Ok(())
}

/// The columns that fit a terminal; `--json` has the rest.
fn table(instances: &[Value]) -> Result<()> {
    const COLUMNS: [&str; 5] = ["key", "state", "rows", "size", "created_at"];
    if instances.is_empty() {
        return print("There are no instances yet. The first write to one creates it.");
    }
    let cell = |row: &Value, column: &str| match row.get(column) {
        None | Some(Value::Null) => "-".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    };
    let mut lines: Vec<Vec<String>> = vec![COLUMNS.iter().map(|c| c.to_uppercase()).collect()];
    lines.extend(instances.iter().map(|row| COLUMNS.iter().map(|c| cell(row, c)).collect()));
    let widths: Vec<usize> = (0..COLUMNS.len())
        .map(|i| lines.iter().map(|l| l[i].chars().count()).max().unwrap_or(0))
        .collect();
    for line in lines {
        let padded: Vec<String> =
            line.iter().zip(&widths).map(|(text, width)| format!("{text:<width$}")).collect();
        print(padded.join("  ").trim_end())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_split_at_its_first_colon() {
        let key: Key = "workspace:acme".parse().unwrap();
        assert_eq!((key.namespace.as_str(), key.id.as_deref()), ("workspace", Some("acme")));
        assert_eq!(key.to_string(), "workspace:acme");
        assert_eq!("app".parse::<Key>().unwrap().id, None);
        assert!("app:a:b".parse::<Key>().is_err());
        assert!("app: ".parse::<Key>().is_err());
    }
}
