//! What does the table of an instance that missed some shapes still have in common with the present
//! one?
//!
//! A name alone says little: a shape between may have dropped a field that the present one has
//! again, and a migration may have given a field's name to another. What the instance has under the
//! name is then something else than what the config says of it, and perhaps what it hid. Where a
//! migration that is still to run renames tables, no shape says what the present one will hold.

use super::{has_word, new_migrations, predecessor};
use crate::ddl;
use crate::sparse::Names;
use crate::storage::StoredBlock;
use crate::table::AUTO_FIELDS;
use std::rc::Rc;

/// What a table of an instance that missed some shapes is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Past {
    /// The present one, with these columns.
    Same(Rc<Lasting>),
    /// Another one that goes, if any: the present one will be empty.
    Other,
    /// What a migration that is still to run, and renames tables, makes of it.
    Unknown,
}

/// The columns of a table that it has had all the way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lasting {
    /// What they hold is what they will hold.
    pub same: Names,
    /// A migration that is still to run is about them: what they will hold is not known.
    pub touched: Names,
}

/// What a table is in the first of the shapes, the instance's own, seen from the last, the present
/// one: which columns it has in each of them.
#[must_use]
pub fn past(shapes: &[StoredBlock], table: &str) -> Past {
    let scripts: Vec<String> = shapes.windows(2).flat_map(|w| scripts(&w[0], &w[1])).collect();
    let name = table.to_lowercase();
    let about = |text: &String| has_word(text, &name) || puts_together(text);
    if scripts.iter().any(|text| about(text) && has_phrase(text, "rename to")) {
        return Past::Unknown;
    }
    let mut columns: Option<Names> = None;
    for shape in shapes {
        let Some(table) = shape.table(table) else { return Past::Other };
        let here: Names = ddl::columns(table).into_iter().map(|column| column.name).collect();
        columns = Some(columns.map_or_else(|| here.clone(), |before| &before & &here));
    }
    let empties =
        |text: &&String| ["delete", "truncate", "drop table"].iter().any(|w| has_phrase(text, w));
    let all_touched = scripts.iter().filter(empties).any(about);
    let is_touched = |column: &String| {
        let mentions =
            |text: &String| has_word(text, &column.to_lowercase()) || puts_together(text);
        !AUTO_FIELDS.contains(&column.as_str()) && (all_touched || scripts.iter().any(mentions))
    };
    let (touched, same) = columns.unwrap_or_default().into_iter().partition(is_touched);
    Past::Same(Rc::new(Lasting { same, touched }))
}

/// The migrations between two shapes, in lower case.
fn scripts(old: &StoredBlock, new: &StoredBlock) -> Vec<String> {
    let of = |table| new_migrations(predecessor(old, new, table), table);
    new.tables.iter().flat_map(of).map(|m| m.sql().to_lowercase()).collect()
}

/// Whether a script puts names together when it runs.
fn puts_together(text: &str) -> bool {
    has_word(text, "execute") || text.contains("u&\"")
}

fn has_phrase(text: &str, phrase: &str) -> bool {
    let text: Vec<&str> = text.split_whitespace().collect();
    has_word(&text.join(" "), phrase)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn shape(fields: &Value, migrations: &[&str]) -> StoredBlock {
        let migration =
            |(n, up): (usize, &&str)| json!({"version": n + 1, "description": "d", "up": up});
        let migrations: Vec<Value> = migrations.iter().enumerate().map(migration).collect();
        let table = json!({"schema": fields, "migrations": migrations});
        let config = json!({"databases": {"w": {"instance": true, "tables": {"t": table}}}});
        StoredBlock::all_from_json(&config).unwrap().remove(0)
    }

    /// The fields that are the same, those that are touched.
    fn found(shapes: &[StoredBlock]) -> (String, String) {
        let Past::Same(all) = past(shapes, "t") else { panic!("{:?}", past(shapes, "t")) };
        let own = |names: &Names| {
            let own: Vec<&str> =
                names.iter().map(String::as_str).filter(|n| !AUTO_FIELDS.contains(n)).collect();
            own.join(" ")
        };
        (own(&all.same), own(&all.touched))
    }

    #[test]
    fn a_field_that_was_gone_in_between_is_another_one() {
        let (with, without) = (json!({"a": "string", "pin": "string"}), json!({"a": "string"}));
        let dropped = ["ALTER TABLE t DROP COLUMN pin"];
        let shapes = [shape(&with, &[]), shape(&without, &dropped), shape(&with, &dropped)];
        assert_eq!(found(&shapes), ("a".into(), String::new()));
        // Also where the migration has been taken out of the config again.
        let shapes = [shape(&with, &[]), shape(&without, &[]), shape(&with, &[])];
        assert_eq!(found(&shapes), ("a".into(), String::new()));
        let none = StoredBlock { tables: Vec::new(), ..shape(&with, &[]) };
        let again = [shape(&with, &[]), none.clone(), shape(&with, &[])];
        assert_eq!(past(&again, "t"), Past::Other);
        assert_eq!(past(&[none, shape(&with, &[])], "t"), Past::Other);
    }

    #[test]
    fn what_a_migration_to_come_is_about_is_not_known() {
        let fields = json!({"a": "string", "pin": "string"});
        for (up, same, touched) in [
            ("UPDATE t SET PIN = NULL", "a", "pin"),
            ("ALTER TABLE t RENAME COLUMN pin TO x; ALTER TABLE t RENAME a TO pin", "", "a pin"),
            ("UPDATE t SET spinning = 1", "a pin", ""),
            ("DELETE FROM t", "", "a pin"),
            ("DO $$ BEGIN EXECUTE 'UPDATE t SET p' || 'in = 1'; END $$", "", "a pin"),
            ("SELECT 1", "a pin", ""),
        ] {
            let shapes = [shape(&fields, &[]), shape(&fields, &[up])];
            assert_eq!(found(&shapes), (same.into(), touched.into()), "{up}");
        }
        let swapped = ["ALTER TABLE t RENAME TO o;\nALTER TABLE s RENAME\n TO t"];
        assert_eq!(past(&[shape(&fields, &[]), shape(&fields, &swapped)], "t"), Past::Unknown);
        let named = ["ALTER TABLE o RENAME TO t"];
        let mut other = shape(&fields, &[]);
        other.tables[0].name = "o".into();
        assert_eq!(past(&[other, shape(&fields, &named)], "t"), Past::Unknown);
        assert_eq!(found(&[shape(&fields, &[]), shape(&fields, &[])]).0, "a pin");
    }
}
