//! Which tables does a partially created instance have?
//!
//! A table is made at its first write, and with it those that its foreign keys refer to: so what
//! an instance has is closed under foreign keys, at all times. Names are a table's own; those that
//! a block does not have count for nothing.

use crate::storage::StoredBlock;
use crate::table::Table;
use std::collections::BTreeSet;

/// Names of tables.
pub type Names = BTreeSet<String>;

impl Table {
    /// The tables that its foreign keys refer to.
    pub fn targets(&self) -> impl Iterator<Item = &str> {
        let references = self.fields.iter().flatten().filter_map(|f| f.references.as_ref());
        references.filter(|r| !r.is_logical()).map(|r| r.table.as_str())
    }
}

impl StoredBlock {
    /// The names of its tables.
    #[must_use]
    pub fn names(&self) -> Names {
        self.tables.iter().map(|t| t.name.clone()).collect()
    }

    /// Those of `names` that it has, and every table that a foreign key of one of them refers to,
    /// and so on.
    #[must_use]
    pub fn closure(&self, names: &Names) -> Names {
        let mut all = Names::new();
        let mut left: Vec<&str> = names.iter().map(String::as_str).collect();
        while let Some(name) = left.pop() {
            let Some(table) = self.table(name) else { continue };
            if all.insert(table.name.clone()) {
                left.extend(table.targets());
            }
        }
        all
    }

    /// The block with those of its tables only.
    #[must_use]
    pub fn part(&self, names: &Names) -> Self {
        let tables = self.tables.iter().filter(|t| names.contains(&t.name)).cloned().collect();
        Self { namespace: self.namespace.clone(), kind: self.kind, hidden: self.hidden, tables }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn names(list: &[&str]) -> Names {
        list.iter().map(|n| (*n).to_owned()).collect()
    }

    fn refers(table: &str) -> serde_json::Value {
        json!({"schema": {"to": {"type": "string", "references": table}}})
    }

    #[test]
    fn a_table_brings_what_it_refers_to_and_nothing_that_refers_to_it() {
        let config = json!({"databases": {"app": {"tables": {
            "a": refers("b"), "b": refers("c"), "c": {"schema": {"n": "number"}}, "d": refers("a"),
            "self": refers("self"), "ring": refers("gnir"), "gnir": refers("ring"),
            "logical": refers("users"), "loose": {}
        }}}});
        let block = StoredBlock::all_from_json(&config).unwrap().remove(0);
        for (asked, all) in [
            (&["a"][..], &["a", "b", "c"][..]),
            (&["d", "loose"], &["a", "b", "c", "d", "loose"]),
            (&["self"], &["self"]),
            (&["gnir"], &["gnir", "ring"]),
            // Users are of another system: nothing is enforced.
            (&["logical"], &["logical"]),
            (&["unknown", "c"], &["c"]),
            (&[], &[]),
        ] {
            assert_eq!(block.closure(&names(asked)), names(all), "{asked:?}");
        }
        let part = block.part(&names(&["loose", "b", "c", "unknown"]));
        let kept: Vec<&str> = part.tables.iter().map(|t| t.name.as_str()).collect();
        assert_eq!(kept, ["b", "c", "loose"], "in config order");
        assert_eq!((part.namespace, part.kind), (block.namespace, block.kind));
    }
}
