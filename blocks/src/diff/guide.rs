//! What is the author to write, when a step would lose data?
//!
//! For every such step the very entry of `migrations` that covers it, with SQL that can be used as
//! it stands, and the entry for the other thing that the author may have meant: a rename.

use super::step::{Change, Step};
use crate::ddl::{Column, columns};
use crate::field::FieldType;
use crate::quote::ident;
use crate::storage::StoredBlock;
use crate::table::{Migration, Table};
use crate::timestamp::common_sql;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::{HashMap, HashSet};
use std::fmt;

/// The migration that covers a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Guide {
    /// The table whose `migrations` it goes into.
    pub table: String,
    /// The entry, if the data may go or is to be converted.
    pub migration: Migration,
    /// The entry to write instead, if what is missing has only been given another name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rename: Option<Migration>,
}

impl fmt::Display for Guide {
    /// As a person would write it into the config.
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let entry = |m: &Migration| {
            let text = |t: &str| json!(t).to_string();
            let (about, up) = (text(&m.description), text(&m.up));
            format!("{{ version: {}, description: {about}, up: {up} }}", m.version)
        };
        write!(f, "in 'migrations' of table '{}': {}", self.table, entry(&self.migration))?;
        match &self.rename {
            Some(rename) => write!(f, "\n  or, if it was renamed: {}", entry(rename)),
            None => Ok(()),
        }
    }
}

/// Gives every step that loses data uncovered the migration to write, each its own version.
pub(super) fn add(steps: &mut [Step], old: &StoredBlock, new: &StoredBlock) {
    let mut next: HashMap<String, u32> = HashMap::new();
    // No two columns can have become the same one.
    let mut heirs: HashSet<(String, String)> = HashSet::new();
    for step in steps.iter_mut().filter(|s| s.destructive && !s.covered) {
        let Some(draft) = draft(step, old, new, &mut heirs) else { continue };
        let version = next.entry(draft.table.clone()).or_insert_with(|| {
            let versions = |b: &StoredBlock| {
                b.table(&draft.table).and_then(|t| t.migrations.iter().map(|m| m.version).max())
            };
            versions(old).max(versions(new)).unwrap_or(0)
        });
        *version = version.saturating_add(1);
        let entry =
            |(description, up)| Migration { version: *version, description, up, up_pg: None };
        step.guide = Some(Guide {
            migration: entry(draft.migration),
            rename: draft.rename.map(entry),
            table: draft.table,
        });
    }
}

/// Description and SQL.
type Draft = (String, String);

struct Drafts {
    table: String,
    migration: Draft,
    rename: Option<Draft>,
}

fn draft(
    step: &Step,
    old: &StoredBlock,
    new: &StoredBlock,
    heirs: &mut HashSet<(String, String)>,
) -> Option<Drafts> {
    let table = &step.table;
    if step.change == Change::DropTable {
        // A migration runs only where its table was before.
        let host = new.tables.iter().find(|t| old.table(&t.name).is_some())?;
        let up = format!("DROP TABLE {} CASCADE", ident(table));
        return Some(Drafts {
            table: host.name.clone(),
            migration: (format!("drop table {table}"), up),
            rename: None,
        });
    }
    let (before, after) = (old.table(table)?, new.table(table)?);
    let subject = step.subject.as_deref()?;
    let (name, column) = (ident(table), ident(subject));
    if step.change == Change::ChangeType {
        let (from, to) = (before.column_type(subject)?, after.column_type(subject)?);
        let up = format!(
            "ALTER TABLE {name} ALTER COLUMN {column} DROP DEFAULT, \
             ALTER COLUMN {column} TYPE {} USING {}",
            to.sql(),
            conversion(&column, from, to)
        );
        let about = format!("make {subject} a {}", to.name());
        return Some(Drafts { table: table.clone(), migration: (about, up), rename: None });
    }
    let heir = successors(before, after, subject)
        .into_iter()
        .find(|heir| heirs.insert((table.clone(), heir.clone())));
    let rename = heir.map(|heir| {
        let up = format!("ALTER TABLE {name} RENAME COLUMN {column} TO {}", ident(&heir));
        (format!("rename {subject} to {heir}"), up)
    });
    let up = format!("ALTER TABLE {name} DROP COLUMN {column}");
    Some(Drafts { table: table.clone(), migration: (format!("drop {subject}"), up), rename })
}

/// The new columns of the same type, which a lost one may have become.
fn successors(old: &Table, new: &Table, lost: &str) -> Vec<String> {
    let before = columns(old);
    let Some(lost) = before.iter().find(|c| c.name == lost) else { return Vec::new() };
    let fresh = |c: &&Column| {
        c.sql_type == lost.sql_type
            && new.field(&c.name).is_some()
            && before.iter().all(|b| b.name != c.name)
    };
    columns(new).iter().filter(fresh).map(|c| c.name.clone()).collect()
}

/// A column's values as another type: what a reader of either would take for the same value. A
/// value that has no counterpart fails there, or becomes null where none ever has one.
fn conversion(column: &str, from: FieldType, to: FieldType) -> String {
    use FieldType::{Boolean, Datetime, Json, Number, String, Text};
    match (from, to) {
        (Datetime, String | Text) => common_sql(column),
        (Datetime, Json) => format!("pg_catalog.to_jsonb({})", common_sql(column)),
        (Datetime, Number) => format!("extract(epoch FROM {column}) * 1000"),
        (Number, Datetime) => format!("pg_catalog.to_timestamp({column} / 1000)"),
        (Number, Boolean) => format!("{column} <> 0"),
        (Boolean, Number) => format!("{column}::integer"),
        (Boolean, Datetime) | (Datetime, Boolean) => "NULL".to_owned(),
        (_, Json) => format!("pg_catalog.to_jsonb({column})"),
        (Json, _) => format!("({column} #>> '{{}}')::{}", to.sql_name()),
        _ => format!("{column}::{}", to.sql_name()),
    }
}
