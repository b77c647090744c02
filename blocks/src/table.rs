//! What is a table of a block?
//!
//! Its fields, indexes, search fields and migrations (contract 6.3, 7.1, 7.2), parsed from the
//! config and checked: after [`Table::validate`] every name is a legal identifier, every
//! reference points into the same block and every index at a field that exists.

use crate::config::{ConfigError, Problems};
use crate::field::{Field, FieldSpelling, FieldType, is_false};
use crate::name;
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

/// Which of the fields that every table has are kept (contract 7.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AutoFields {
    /// The key. Switched off, it is still stored (a table has a key) but never shown.
    pub id: bool,
    /// When the row was inserted.
    pub created_at: bool,
    /// When it was last written.
    pub updated_at: bool,
}

impl Default for AutoFields {
    fn default() -> Self {
        Self { id: true, created_at: true, updated_at: true }
    }
}

/// The names of the auto fields, in the order in which records show them.
pub const AUTO_FIELDS: [&str; 3] = ["id", "createdAt", "updatedAt"];

/// An index over fields.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Index {
    /// In index order.
    pub fields: Vec<String>,
    /// Whether it forbids equal rows.
    #[serde(default)]
    pub unique: bool,
    /// Whether it keeps nulls where a list sorts them ([`Table::sorts_nulls_first`]). Not of a
    /// config's choosing: it tells the indexes that version 0.1 made, whose stored form has not got
    /// it, from those made since, so that instances of that time get theirs made anew.
    #[serde(default, skip_serializing_if = "is_false")]
    pub nulls_first: bool,
}

/// A hand-written step between two shapes of a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Migration {
    /// Ascending within the table.
    pub version: u32,
    /// Why it is there.
    pub description: String,
    /// SQL for any backend.
    pub up: String,
    /// SQL for PostgreSQL, used instead of `up` when present.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub up_pg: Option<String>,
}

impl Migration {
    /// What PostgreSQL is given.
    #[must_use]
    pub fn sql(&self) -> &str {
        self.up_pg.as_deref().unwrap_or(&self.up)
    }
}

/// A table as it is stored: everything that has a consequence in the database.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Table {
    /// Letter for letter as in the config.
    pub name: String,
    /// Auto fields kept.
    #[serde(default)]
    pub auto: AutoFields,
    /// User fields in config order; `None` for a schemaless table (one `jsonb` column).
    pub fields: Option<Vec<Field>>,
    /// Indexes beyond key and unique fields.
    #[serde(default)]
    pub indexes: Vec<Index>,
    /// Fields of the full-text index.
    #[serde(default)]
    pub fts: Vec<String>,
    /// In ascending version order.
    #[serde(default)]
    pub migrations: Vec<Migration>,
    /// `analytics: false`: analysts do not see it. Has no consequence for instances.
    #[serde(default, skip_serializing_if = "is_false")]
    pub hidden: bool,
}

/// The storage part of a table as the config spells it.
#[derive(Clone, Debug, Default)]
pub(crate) struct TableSpec {
    pub(crate) schema: Option<SchemaSpec>,
    pub(crate) indexes: Vec<Index>,
    pub(crate) fts: Vec<String>,
    pub(crate) migrations: Vec<Migration>,
    pub(crate) hidden: bool,
}

/// The `schema` map of a table.
#[derive(Clone, Debug, Deserialize)]
#[serde(transparent)]
pub(crate) struct SchemaSpec(IndexMap<String, FieldSpelling>);

impl Table {
    pub(crate) fn build(name: &str, spec: TableSpec, at: &[&str]) -> Result<Self, ConfigError> {
        let mut auto = AutoFields::default();
        let fields = match spec.schema {
            None => None,
            Some(SchemaSpec(map)) => {
                let mut fields = Vec::with_capacity(map.len());
                for (field, spelling) in map {
                    let path = [at, &["schema", &field]].concat();
                    let is_auto = AUTO_FIELDS.contains(&field.as_str());
                    match (is_auto, spelling.into_field(field.clone())) {
                        (true, None) => match field.as_str() {
                            "id" => auto.id = false,
                            "createdAt" => auto.created_at = false,
                            _ => auto.updated_at = false,
                        },
                        (true, Some(_)) => {
                            return Err(ConfigError::new(
                                &path,
                                format!(
                                    "auto-field '{field}' cannot be type-overridden. Use '{field}: false' to disable it, or omit it"
                                ),
                            ));
                        }
                        (false, None) => {
                            return Err(ConfigError::new(
                                &path,
                                format!(
                                    "field '{field}' is false, but only id, createdAt and updatedAt can be switched off"
                                ),
                            ));
                        }
                        (false, Some(f)) => fields.push(f),
                    }
                }
                Some(fields)
            }
        };
        let mut table = Self {
            name: name.to_owned(),
            auto,
            fields,
            indexes: spec.indexes,
            fts: spec.fts,
            migrations: spec.migrations,
            hidden: spec.hidden,
        };
        table.settle();
        // Before they are sorted: a mistake is told at the place where it is written.
        table.validate(at)?;
        table.migrations.sort_by_key(|m| m.version);
        Ok(table)
    }

    /// Sets what a config does not choose as this version makes it.
    pub(crate) fn settle(&mut self) {
        let mut indexes = std::mem::take(&mut self.indexes);
        for index in &mut indexes {
            index.nulls_first = index.fields.iter().any(|f| self.sorts_nulls_first(f));
        }
        self.indexes = indexes;
    }

    /// The user field of that name.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().flatten().find(|f| f.name == name)
    }

    /// Whether the table keeps its user fields in one `jsonb` column.
    #[must_use]
    pub fn is_schemaless(&self) -> bool {
        self.fields.is_none()
    }

    /// The type of any column that records show, auto fields included.
    #[must_use]
    pub fn column_type(&self, name: &str) -> Option<FieldType> {
        match name {
            "id" if self.auto.id => Some(FieldType::String),
            "createdAt" if self.auto.created_at => Some(FieldType::Datetime),
            "updatedAt" if self.auto.updated_at => Some(FieldType::Datetime),
            _ => self.field(name).map(|f| f.kind),
        }
    }

    /// Whether a sort by this column puts null before every value when ascending, and behind
    /// when descending, as the original's SQLite does. Indexes are made in the same order, or
    /// they would not serve it; a column that is never null keeps PostgreSQL's own order, which
    /// is that of the indexes behind keys and unique fields.
    #[must_use]
    pub fn sorts_nulls_first(&self, name: &str) -> bool {
        let never_null = |f: &Field| f.unique && f.required;
        !AUTO_FIELDS.contains(&name) && !self.field(name).is_some_and(never_null)
    }

    /// Columns in the order in which records show them.
    pub fn columns(&self) -> impl Iterator<Item = (&str, FieldType)> {
        AUTO_FIELDS
            .iter()
            .filter_map(|n| self.column_type(n).map(|t| (*n, t)))
            .chain(self.fields.iter().flatten().map(|f| (f.name.as_str(), f.kind)))
    }

    /// Checks names, options and what refers to what inside the table.
    ///
    /// # Errors
    /// The first mistake, with its place under `at`.
    pub fn validate(&self, at: &[&str]) -> Result<(), ConfigError> {
        let problems = Problems::new(at);
        name::identifier(&self.name)
            .map_err(|e| problems.at(&[], format!("table name '{}' {e}", self.name)))?;
        for field in self.fields.iter().flatten() {
            field.validate(&problems)?;
        }
        crate::limits::check(self, &problems)?;
        let known = |f: &String| self.column_type(f).is_some();
        for (i, index) in self.indexes.iter().enumerate() {
            let here = ["indexes", &i.to_string()];
            if index.fields.is_empty() {
                return Err(problems.at(&here, "an index needs at least one field".into()));
            }
            if let Some(bad) = index.fields.iter().find(|f| !self.is_schemaless() && !known(f)) {
                return Err(problems.at(&here, format!("no field '{bad}' in this table")));
            }
        }
        if let Some(bad) = self.fts.iter().find(|f| !self.is_schemaless() && !known(f)) {
            return Err(problems.at(&["fts"], format!("no field '{bad}' in this table")));
        }
        if self.is_schemaless() && !(self.indexes.is_empty() && self.fts.is_empty()) {
            return Err(
                problems.at(&[], "indexes and fts need a schema that declares their fields".into())
            );
        }
        for (i, m) in self.migrations.iter().enumerate() {
            let here = ["migrations", &i.to_string()];
            if m.version == 0 {
                return Err(problems.at(&here, "versions begin with 1".into()));
            }
            if self.migrations[..i].iter().any(|other| other.version == m.version) {
                return Err(problems.at(&here, format!("version {} stands twice", m.version)));
            }
            if m.description.trim().is_empty() {
                let message = format!("migrations[{i}].description is required");
                return Err(problems.at(&here, message));
            }
        }
        Ok(())
    }
}
