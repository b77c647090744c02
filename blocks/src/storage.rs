//! What does the database keep of a block?
//!
//! The normalised form that `edgebase.apply_config` stores: lists instead of maps, so that
//! `jsonb`, which sorts keys, cannot lose the order of fields. A block's version is the SHA-256
//! of that form without what is only for analysts ([`StoredBlock::shape`]): two configs with the
//! same consequence for instances have the same version.

use crate::analytics;
use crate::block::BlockKind;
use crate::config::{Config, ConfigError, Problems};
use crate::ddl;
use crate::field::{FieldType, is_false};
use crate::limits::MAX_COLUMNS;
use crate::table::Table;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::HashSet;

/// A table as stored; the storage part of the config's table.
pub type StoredTable = Table;

/// A block as stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StoredBlock {
    /// Its name.
    pub namespace: String,
    /// Single-instance or dynamic.
    pub kind: BlockKind,
    /// In config order.
    pub tables: Vec<Table>,
    /// `analytics: false`: analysts do not see any of it. Has no consequence for instances.
    #[serde(default, skip_serializing_if = "is_false")]
    pub hidden: bool,
}

impl StoredBlock {
    /// The blocks in what `apply_config` was given: the normalised form (`{"blocks": [...]}`) or
    /// a config as written by hand (`{"databases": {...}}`).
    ///
    /// # Errors
    /// The first mistake, with its path.
    pub fn all_from_json(json: &Value) -> Result<Vec<Self>, ConfigError> {
        let Some(blocks) = json.get("blocks") else {
            return Config::from_json(json)
                .map(|c| c.databases.values().map(super::Block::storage).collect());
        };
        let mut blocks: Vec<Self> = serde_path_to_error::deserialize(blocks).map_err(|e| {
            ConfigError::new(&["blocks", &e.path().to_string()], e.into_inner().to_string())
        })?;
        for block in &mut blocks {
            block.tables.iter_mut().for_each(Table::settle);
            crate::name::namespace(&block.namespace).map_err(|e| {
                ConfigError::new(&["blocks"], format!("block name '{}' {e}", block.namespace))
            })?;
            for table in &block.tables {
                table.validate(&["blocks", &block.namespace, "tables", &table.name])?;
            }
            block.validate(&["blocks", &block.namespace])?;
        }
        Ok(blocks)
    }

    /// The normalised form of several blocks, as `apply_config` takes it.
    #[must_use]
    pub fn to_json(blocks: &[Self]) -> Value {
        json!({ "blocks": blocks })
    }

    /// What instances are made from: the block with nothing hidden, because hiding a field from
    /// analysts must not make every instance migrate.
    #[must_use]
    pub fn shape(&self) -> Self {
        let mut shape = Self { hidden: false, ..self.clone() };
        for table in &mut shape.tables {
            table.hidden = false;
            table.fields.iter_mut().flatten().for_each(|f| f.hidden = false);
        }
        shape
    }

    /// Hex SHA-256 of the [shape](Self::shape).
    ///
    /// # Panics
    /// Never: the model has no value that JSON cannot hold.
    #[must_use]
    #[allow(clippy::missing_panics_doc)]
    pub fn version(&self) -> String {
        let mut shape = self.shape();
        for field in shape.tables.iter_mut().filter_map(|t| t.fields.as_mut()).flatten() {
            field.default = field.default.take().map(jsonb_order);
        }
        let text = serde_json::to_string(&shape).unwrap_or_default();
        Sha256::digest(text.as_bytes()).iter().map(|b| format!("{b:02x}")).collect()
    }

    /// The table of that name.
    #[must_use]
    pub fn table(&self, name: &str) -> Option<&Table> {
        self.tables.iter().find(|t| t.name == name)
    }

    /// Checks what tables say of each other.
    pub(crate) fn validate(&self, at: &[&str]) -> Result<(), ConfigError> {
        let problems = Problems::new(at);
        for table in &self.tables {
            for field in table.fields.iter().flatten() {
                let Some(reference) = field.references.as_ref().filter(|r| !r.is_logical()) else {
                    continue;
                };
                let here = ["tables", &table.name, "schema", &field.name, "references"];
                let Some(target) = self.table(&reference.table) else {
                    return Err(problems.at(
                        &here,
                        format!(
                            "no table '{}' in this block (a foreign key cannot leave its block)",
                            reference.table
                        ),
                    ));
                };
                let column = match reference.column.as_str() {
                    "id" => Some(FieldType::String),
                    name => target.field(name).filter(|f| f.unique).map(|f| f.kind),
                };
                let Some(kind) = column else {
                    return Err(problems.at(
                        &here,
                        format!("'{}.{}' is not a unique field", reference.table, reference.column),
                    ));
                };
                if kind.sql() != field.kind.sql() {
                    return Err(problems.at(
                        &here,
                        format!(
                            "a {} cannot refer to '{}.{}', which is a {}",
                            field.kind.name(),
                            reference.table,
                            reference.column,
                            kind.name()
                        ),
                    ));
                }
            }
        }
        self.validate_names(&problems)?;
        for relation in analytics::relations(self) {
            let columns = relation.columns.len() + 1;
            if columns > MAX_COLUMNS {
                let message = format!(
                    "with instance_id, analysts would see {columns} columns; PostgreSQL allows {MAX_COLUMNS}. Hide a field from them by analytics: false"
                );
                return Err(problems.at(&["tables", &relation.name], message));
            }
        }
        Ok(())
    }

    /// Tables and indexes share one space of names in a schema.
    fn validate_names(&self, problems: &Problems) -> Result<(), ConfigError> {
        let tables: HashSet<&str> = self.tables.iter().map(|t| t.name.as_str()).collect();
        for table in &self.tables {
            let unique = table.fields.iter().flatten().filter(|f| f.unique);
            let indexes = std::iter::once(ddl::primary_key_name(&table.name))
                .chain(unique.map(|f| ddl::unique_name(&table.name, &f.name)))
                .chain(ddl::indexes(table).into_iter().map(|index| index.name));
            if let Some(name) = indexes.into_iter().find(|name| tables.contains(name.as_str())) {
                let message = format!(
                    "an index of table '{}' is called '{name}', so no table can be",
                    table.name
                );
                return Err(problems.at(&["tables", &name], message));
            }
        }
        Ok(())
    }
}

/// The value with the keys of objects in the order in which `jsonb` keeps them, and so in which
/// the database sees a default that was written in any other.
fn jsonb_order(value: Value) -> Value {
    match value {
        Value::Array(items) => items.into_iter().map(jsonb_order).collect(),
        Value::Object(map) => {
            let mut entries: Vec<_> = map.into_iter().collect();
            entries.sort_by(|(a, _), (b, _)| (a.len(), a).cmp(&(b.len(), b)));
            entries.into_iter().map(|(key, value)| (key, jsonb_order(value))).collect()
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_of_a_former_version_is_stored_as_it_was_and_applied_as_it_is_made_now() {
        let config = json!({"databases": {"app": {"tables": {"t": {
            "schema": {"a": "string", "b": {"type": "string", "required": true, "unique": true}},
            "indexes": [{"fields": ["a"]}, {"fields": ["b"]}]}}}}});
        let now = StoredBlock::all_from_json(&config).unwrap();
        let mut former = serde_json::to_value(&now[0]).unwrap();
        let indexes = former["tables"][0]["indexes"].as_array_mut().unwrap();
        assert_eq!(indexes[1].as_object_mut().unwrap().remove("nullsFirst"), None, "as before");
        assert_eq!(indexes[0].as_object_mut().unwrap().remove("nullsFirst"), Some(json!(true)));
        let stored: StoredBlock = serde_json::from_value(former.clone()).unwrap();
        assert_eq!(serde_json::to_value(&stored).unwrap(), former);
        assert_ne!(stored.version(), now[0].version());
        assert_eq!(StoredBlock::all_from_json(&json!({"blocks": [former]})).unwrap(), now);
    }

    #[test]
    fn the_order_of_keys_in_a_default_is_no_version() {
        let version = |default: &str| {
            let default: Value = serde_json::from_str(default).unwrap();
            let config = json!({"databases": {"app": {"tables": {"t": {
                "schema": {"a": {"type": "json", "default": default}}}}}}});
            StoredBlock::all_from_json(&config).unwrap()[0].version()
        };
        assert_eq!(version(r#"[{"bb": 1, "a": 2}]"#), version(r#"[{"a": 2, "bb": 1}]"#));
        assert_ne!(version(r#"{"a": 1}"#), version(r#"{"a": 2}"#));
    }

    #[test]
    fn the_normalised_form_reads_back_to_the_same_version() {
        let config = json!({"databases": {"app": {"tables": {"posts": {
            "schema": {"z": "string", "a": {"type": "number", "default": 1, "min": 0}, "updatedAt": false},
            "indexes": [{"fields": ["z", "a"]}]
        }}}}});
        let blocks = StoredBlock::all_from_json(&config).unwrap();
        let again = StoredBlock::all_from_json(&StoredBlock::to_json(&blocks)).unwrap();
        assert_eq!(blocks, again);
        assert_eq!(blocks[0].version(), again[0].version());
        let names: Vec<_> = blocks[0].tables[0].columns().map(|(n, _)| n).collect();
        assert_eq!(names, ["id", "createdAt", "z", "a"]);
    }

    fn refused(tables: Value, words: &str) {
        let config = json!({"databases": {"app": {"tables": tables}}});
        let error = StoredBlock::all_from_json(&config).expect_err(words).to_string();
        assert!(error.starts_with("databases.app.tables.") && error.contains(words), "{error}");
    }

    #[test]
    fn a_reference_has_the_type_of_what_it_refers_to() {
        let to = |kind: &str, column: &str, target: &str| {
            json!({
                "a": {"schema": {"r": {"type": kind, "references": {"table": "b", "column": column}}}},
                "b": {"schema": {"k": {"type": target, "unique": true}}}
            })
        };
        refused(to("number", "id", "string"), "a number cannot refer to 'b.id', which is a string");
        refused(to("string", "k", "number"), "a string cannot refer to 'b.k', which is a number");
        refused(to("json", "k", "boolean"), "a json cannot refer to");
        refused(to("string", "createdAt", "string"), "is not a unique field");
        for (kind, column, target) in [
            ("text", "id", "string"),
            ("string", "k", "text"),
            ("number", "k", "number"),
            ("datetime", "k", "datetime"),
            ("json", "k", "json"),
        ] {
            let config = json!({"databases": {"app": {"tables": to(kind, column, target)}}});
            assert!(StoredBlock::all_from_json(&config).is_ok(), "{kind} {column} {target}");
        }
        // References to users are notes only, so nothing has to fit.
        let note = json!({"a": {"schema": {"r": {"type": "number", "references": "users"}}}});
        let config = json!({"databases": {"app": {"tables": note}}});
        assert!(StoredBlock::all_from_json(&config).is_ok());
    }

    #[test]
    fn no_table_has_the_name_of_an_index() {
        let title = json!({"schema": {"title": {"type": "string", "unique": true}},
            "indexes": [{"fields": ["title"]}], "fts": ["title"]});
        for name in ["posts.pkey", "posts.title.key", "posts.title.idx", "posts.fts"] {
            refused(json!({"posts": title, name: {}}), name);
        }
        let apart = json!({"posts": title, "posts.title.uidx": {}, "posts.key": {}});
        let config = json!({"databases": {"app": {"tables": apart}}});
        assert!(StoredBlock::all_from_json(&config).is_ok());
    }

    #[test]
    fn migrations_are_numbered_from_1_each_once_and_told_where_they_stand() {
        let with = |versions: &[i64]| {
            let list = versions
                .iter()
                .map(|version| json!({"version": version, "description": "d", "up": "SELECT 1"}));
            json!({"t": {"migrations": list.collect::<Vec<_>>()}})
        };
        refused(with(&[0]), "t.migrations.0: versions begin with 1");
        refused(with(&[3, 1, 3]), "t.migrations.2: version 3 stands twice");
        refused(with(&[-1]), "migrations");
        let config = json!({"databases": {"app": {"tables": with(&[3, 1])}}});
        let block = StoredBlock::all_from_json(&config).unwrap().remove(0);
        assert!(block.tables[0].migrations.iter().map(|m| m.version).eq([1, 3]));
    }

    #[test]
    fn hiding_from_analysts_is_kept_and_changes_no_version() {
        let of = |block: Value| {
            let config = json!({"databases": {"app": block}});
            StoredBlock::all_from_json(&config).unwrap().remove(0)
        };
        let open = of(json!({"tables": {"t": {"schema": {"a": "string"}}}}));
        let closed = of(json!({"analytics": false, "tables": {"t": {"analytics": false,
            "schema": {"a": {"type": "string", "analytics": false}}}}}));
        assert_ne!(open, closed);
        assert_eq!(open, closed.shape());
        assert_eq!(open.version(), closed.version());
        let again =
            StoredBlock::all_from_json(&StoredBlock::to_json(std::slice::from_ref(&closed)))
                .unwrap();
        assert_eq!(again, [closed]);
    }
}
