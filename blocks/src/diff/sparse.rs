//! Which tables must a partially created instance have while it migrates?
//!
//! A complete instance stays complete. Any other one takes the steps of the tables that it has and
//! skips those of the others, which will be created in the newest shape, as those of a new instance
//! are. Two things make it have more: a foreign key that a table of its comes to have, and
//! a hand-written migration, which may name any table. A migration that is of a table that is there,
//! or names one, finds every table that it names; one that is all about tables that are not there
//! does not run, as it does not for a table that is new.

use super::{has_word, new_migrations, predecessor};
use crate::sparse::Names;
use crate::storage::StoredBlock;

/// The tables that an instance has to have all the way through `shapes` (see [`path`](super::path))
/// that has `there` of the first one's. Those of the first shape that it lacks are made before the
/// first step; each shape is then its [`part`](StoredBlock::part) of these.
#[must_use]
pub fn kept(shapes: &[StoredBlock], there: &Names) -> Names {
    let all: Names = shapes.iter().flat_map(StoredBlock::names).collect();
    if shapes.first().is_none_or(|first| first.names().is_subset(there)) {
        return all;
    }
    let migrations: Vec<Names> =
        shapes.windows(2).flat_map(|w| concerns(&w[0], &w[1], &all)).collect();
    let mut kept = there.clone();
    loop {
        let before = kept.len();
        for names in &migrations {
            if !names.is_disjoint(&kept) {
                kept = &kept | names;
            }
        }
        for shape in shapes {
            kept = &kept | &shape.closure(&kept);
        }
        if kept.len() == before {
            return kept;
        }
    }
}

/// The tables that each migration between two shapes is about: its own, before and after, and
/// those that its SQL may name.
fn concerns(old: &StoredBlock, new: &StoredBlock, all: &Names) -> Vec<Names> {
    let mut concerns = Vec::new();
    for table in &new.tables {
        let before = predecessor(old, new, table);
        for migration in new_migrations(before, table) {
            let mut names = named(migration.sql(), all);
            names.insert(table.name.clone());
            names.extend(before.map(|b| b.name.clone()));
            concerns.push(names);
        }
    }
    concerns
}

/// Every table whose name stands in the text, in any case, since unquoted names have none; all
/// where the text puts names together when it runs.
fn named(sql: &str, all: &Names) -> Names {
    let text = sql.to_lowercase();
    if has_word(&text, "execute") || text.contains("u&\"") {
        return all.clone();
    }
    all.iter().filter(|name| has_word(&text, &name.to_lowercase())).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn block(tables: &Value) -> StoredBlock {
        let config = json!({"databases": {"w": {"instance": true, "tables": tables}}});
        StoredBlock::all_from_json(&config).unwrap().remove(0)
    }

    fn names(list: &[&str]) -> Names {
        list.iter().map(|n| (*n).to_owned()).collect()
    }

    /// What `there` of three tables and a log becomes when `b` brings that migration.
    fn with(up: &str, there: &[&str]) -> Vec<String> {
        let mut tables = json!({"a": {"schema": {"n": "number"}}, "b": {"schema": {"n": "number"}},
            "Log": {"schema": {"n": "number"}}});
        let old = block(&tables);
        tables["b"]["migrations"] = json!([{"version": 1, "description": "d", "up": up}]);
        tables["new"] = json!({"schema": {"n": "number"}});
        kept(&[old, block(&tables)], &names(there)).into_iter().collect()
    }

    #[test]
    fn a_migration_finds_what_it_names_and_does_not_run_where_nothing_of_it_is_there() {
        for (up, there, kept) in [
            ("UPDATE b SET n = 1", &["a"][..], &["a"][..]),
            ("UPDATE b SET n = 1", &["b"], &["b"]),
            ("INSERT INTO A SELECT * FROM b", &["b"], &["a", "b"]),
            ("INSERT INTO A SELECT * FROM b", &["a"], &["a", "b"]),
            ("INSERT INTO new SELECT * FROM a", &["a"], &["a", "b", "new"]),
            ("SELECT FROM \"Log\", LOG", &["b"], &["Log", "b"]),
            (
                "DO $$ BEGIN EXECUTE 'DELETE FROM ' || 'a'; END $$",
                &["a"],
                &["Log", "a", "b", "new"],
            ),
            // Whole before, whole afterwards.
            ("SELECT 1", &["Log", "a", "b"], &["Log", "a", "b", "new"]),
            ("SELECT 1", &[], &[]),
        ] {
            assert_eq!(with(up, there), kept, "{up} where {there:?} is there");
        }
    }

    #[test]
    fn a_foreign_key_that_comes_brings_its_target_and_a_rename_is_followed() {
        let old = block(&json!({"a": {"schema": {"b": "string"}}, "b": {}, "c": {}}));
        let new = block(&json!({"a": {"schema": {"b": {"type": "string", "references": "b"}}},
            "b": {}, "c": {}}));
        assert_eq!(kept(&[old.clone(), new], &names(&["a"])), names(&["a", "b"]));
        let renamed = json!({"a": {"schema": {"b": "string"}}, "b": {}, "d": {"migrations": [
            {"version": 1, "description": "rename c to d", "up": "ALTER TABLE c RENAME TO d"}]}});
        let shapes = [old, block(&renamed)];
        assert_eq!(kept(&shapes, &names(&["c"])), names(&["c", "d"]));
        assert_eq!(kept(&shapes, &names(&["a"])), names(&["a"]));
    }
}
