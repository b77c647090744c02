//! What is a database block?
//!
//! A single-instance block is one database for all users, a dynamic one a database for every
//! id (contract 1.3, 6.2). A block is dynamic when it says `instance: true`, when its key is
//! written `name:{id}`, or when it has a `canCreate` or `access` rule.

use crate::config::ConfigError;
use crate::field::yes;
use crate::rule::{FunctionRef, Rule};
use crate::storage::StoredBlock;
use crate::table::{Index, Migration, SchemaSpec, Table, TableSpec};
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Whether a block has one instance or one per id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BlockKind {
    /// One database for all.
    Single,
    /// One database per id.
    Dynamic,
}

/// Where the original would keep a block; here all are schemas, so it only has to be a known word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Provider {
    /// Durable Object.
    Do,
    /// Cloudflare D1.
    D1,
    /// PostgreSQL, possibly another database (`connectionString`).
    Postgres,
    /// PostgreSQL at Neon.
    Neon,
}

impl<'de> Deserialize<'de> for Provider {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match String::deserialize(deserializer)?.as_str() {
            "do" => Ok(Self::Do),
            "d1" => Ok(Self::D1),
            "postgres" => Ok(Self::Postgres),
            "neon" => Ok(Self::Neon),
            // The contract's words (6.4).
            other => Err(serde::de::Error::custom(format!(
                "invalid provider '{other}'. Must be one of: do, d1, neon, postgres"
            ))),
        }
    }
}

/// The rules about a whole instance (contract 8.2).
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BlockAccess {
    /// `(auth, id)`; absent denies.
    #[serde(default)]
    pub can_create: Option<Rule>,
    /// `(auth, id, ctx)`; absent leaves the decision to the tables' rules.
    #[serde(default)]
    pub access: Option<Rule>,
    /// `(auth, id)`; absent denies.
    #[serde(default)]
    pub delete: Option<Rule>,
}

/// The rules about a table's rows (contract 8.3).
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TableAccess {
    /// `(auth, row)`
    #[serde(default)]
    pub read: Option<Rule>,
    /// `(auth)`
    #[serde(default)]
    pub insert: Option<Rule>,
    /// `(auth, row)`
    #[serde(default)]
    pub update: Option<Rule>,
    /// `(auth, row)`
    #[serde(default)]
    pub delete: Option<Rule>,
}

impl TableAccess {
    /// Refuses what never allows: a rule about a field that no row has.
    fn validate(&self, table: &Table, at: &[&str]) -> Result<(), ConfigError> {
        if let Some(Rule::Owner(_)) = &self.insert {
            return Err(no_row(at, "insert", "there is none before an insert"));
        }
        for (name, rule) in
            [("read", &self.read), ("update", &self.update), ("delete", &self.delete)]
        {
            if let Some(Rule::Owner(field)) = rule
                && !table.is_schemaless()
                && table.column_type(field).is_none()
            {
                let message = format!("the rule never allows: the table has no field '{field}'");
                return Err(ConfigError::new(&[at, &["access", name]].concat(), message));
            }
        }
        Ok(())
    }
}

/// A rule that compares with a row where none is given.
fn no_row(at: &[&str], name: &str, why: &str) -> ConfigError {
    let message = format!(
        "the rule never allows: it compares with a field of a row, and {why}. Use 'auth != null', or a function of auth"
    );
    ConfigError::new(&[at, &["access", name]].concat(), message)
}

/// Functions around writes and reads of a table (contract 14.1).
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TableHooks {
    /// Before an insert.
    #[serde(default)]
    pub before_insert: Option<FunctionRef>,
    /// After its commit.
    #[serde(default)]
    pub after_insert: Option<FunctionRef>,
    /// Before an update.
    #[serde(default)]
    pub before_update: Option<FunctionRef>,
    /// After its commit.
    #[serde(default)]
    pub after_update: Option<FunctionRef>,
    /// Before a delete.
    #[serde(default)]
    pub before_delete: Option<FunctionRef>,
    /// After its commit.
    #[serde(default)]
    pub after_delete: Option<FunctionRef>,
    /// On every record read.
    #[serde(default)]
    pub on_enrich: Option<FunctionRef>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct TableHandlers {
    #[serde(default)]
    hooks: TableHooks,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TableConfigSpec {
    #[serde(default)]
    schema: Option<SchemaSpec>,
    #[serde(default)]
    access: Option<TableAccess>,
    #[serde(default)]
    handlers: TableHandlers,
    #[serde(default)]
    indexes: Vec<Index>,
    #[serde(default)]
    fts: Vec<String>,
    #[serde(default)]
    migrations: Vec<Migration>,
    #[serde(default = "yes")]
    analytics: bool,
}

/// A block as the config spells it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct BlockSpec {
    #[serde(default)]
    provider: Option<Provider>,
    #[serde(default)]
    instance: bool,
    #[serde(default)]
    connection_string: Option<String>,
    #[serde(default)]
    access: Option<BlockAccess>,
    #[serde(default)]
    tables: IndexMap<String, TableConfigSpec>,
    #[serde(default = "yes")]
    analytics: bool,
    /// Used by the original's dashboard only.
    #[serde(default, rename = "admin")]
    _admin: Option<Value>,
}

/// A table with its rules and hooks.
#[derive(Clone, Debug)]
pub struct TableConfig {
    /// What the database sees of it.
    pub table: Table,
    /// Its rules; `None` when the config has no `access` at all (contract 8.1 tells the two apart).
    pub access: Option<TableAccess>,
    /// Its hooks.
    pub hooks: TableHooks,
}

/// A validated block.
#[derive(Clone, Debug)]
pub struct Block {
    /// Its name, without the `:{id}` of the key.
    pub namespace: String,
    /// Single-instance or dynamic.
    pub kind: BlockKind,
    /// As stated in the config.
    pub provider: Option<Provider>,
    /// Name of the variable that holds another database's address.
    pub connection_string: Option<String>,
    /// Rules about whole instances.
    pub access: BlockAccess,
    /// Tables in config order.
    pub tables: IndexMap<String, TableConfig>,
    /// `analytics: false`: analysts do not see any of it.
    pub hidden: bool,
}

impl Block {
    pub(crate) fn build(key: &str, spec: BlockSpec) -> Result<Self, ConfigError> {
        let at = ["databases", key];
        let fail = |message: String| Err(ConfigError::new(&at, message));
        let (namespace, templated) = match key.strip_suffix(":{id}") {
            Some(name) => (name, true),
            None => (key, false),
        };
        let access = spec.access.unwrap_or_default();
        for (name, rule) in [
            ("canCreate", &access.can_create),
            ("access", &access.access),
            ("delete", &access.delete),
        ] {
            if let Some(Rule::Owner(_)) = rule {
                return Err(no_row(&at, name, "a rule about an instance is given none"));
            }
        }
        let dynamic =
            templated || spec.instance || access.can_create.is_some() || access.access.is_some();
        match (spec.provider, dynamic) {
            (Some(p @ (Provider::D1 | Provider::Postgres | Provider::Neon)), true)
                if spec.connection_string.is_some() =>
            {
                return fail(format!(
                    "DB '{namespace}': connectionString is for single-instance blocks with provider 'postgres' or 'neon', and this {p:?} block is dynamic"
                ));
            }
            (Some(Provider::Postgres | Provider::Neon), false) => {}
            (p, _) if spec.connection_string.is_some() => {
                let p = p.map_or_else(|| "none".to_owned(), |p| format!("{p:?}").to_lowercase());
                return fail(format!(
                    "DB '{namespace}': connectionString is not used with provider '{p}'. Use provider 'postgres' or remove it"
                ));
            }
            _ => {}
        }
        let mut tables = IndexMap::new();
        for (name, spec) in spec.tables {
            let here = ["databases", key, "tables", &name];
            let table = Table::build(
                &name,
                TableSpec {
                    schema: spec.schema,
                    indexes: spec.indexes,
                    fts: spec.fts,
                    migrations: spec.migrations,
                    hidden: !spec.analytics,
                },
                &here,
            )?;
            if let Some(access) = &spec.access {
                access.validate(&table, &here)?;
            }
            tables.insert(
                name,
                TableConfig { table, access: spec.access, hooks: spec.handlers.hooks },
            );
        }
        let block = Self {
            namespace: namespace.to_owned(),
            kind: if dynamic { BlockKind::Dynamic } else { BlockKind::Single },
            provider: spec.provider,
            connection_string: spec.connection_string,
            access,
            tables,
            hidden: !spec.analytics,
        };
        block.storage().validate(&at)?;
        Ok(block)
    }

    /// The part of the block that the database keeps.
    #[must_use]
    pub fn storage(&self) -> StoredBlock {
        StoredBlock {
            namespace: self.namespace.clone(),
            kind: self.kind,
            tables: self.tables.values().map(|t| t.table.clone()).collect(),
            hidden: self.hidden,
        }
    }
}
