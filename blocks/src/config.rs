//! What does the config as a whole say?
//!
//! Parses the JSON that the loader makes of a config file (functions stand in it as numbers).
//! Keys that belong to parts of EdgeBase outside the database surface are allowed at the top
//! level and ignored; inside `databases` an unknown key is an error, because a misspelt
//! `acess` would silently leave a table open.

mod error;
mod keys;

use crate::block::{Block, BlockSpec};
use crate::issuer::{self, Issuer, IssuerSpec};
use crate::name;
use crate::remarks;
use crate::rule::FunctionRef;
use crate::service_key::{ServiceKey, ServiceKeysSpec};
pub use error::ConfigError;
pub(crate) use error::Problems;
use indexmap::IndexMap;
use serde::Deserialize;
use serde_json::Value;

/// CORS settings (contract 18).
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Cors {
    /// Origins allowed; one or several.
    #[serde(default)]
    pub origin: Option<OneOrMany>,
    /// Methods announced.
    #[serde(default)]
    pub methods: Option<Vec<String>>,
    /// Whether credentials may be sent.
    #[serde(default)]
    pub credentials: Option<bool>,
    /// Seconds a preflight answer may be kept.
    #[serde(default)]
    pub max_age: Option<u64>,
}

/// A string or a list of strings.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum OneOrMany {
    /// One.
    One(String),
    /// Several.
    Many(Vec<String>),
}

/// A limit of requests per window (contract 19).
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RateLimit {
    /// How many; zero or less blocks everything.
    pub requests: i64,
    /// `'60s'`, `'5m'`, `'1h'` or seconds.
    pub window: Value,
}

/// Who may read `/api/schema` (contract 17).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SchemaEndpoint {
    /// Nobody; the route answers 404.
    #[default]
    Off,
    /// Everyone.
    Public,
    /// Callers with a valid token or service key.
    Authenticated,
}

impl<'de> Deserialize<'de> for SchemaEndpoint {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::Bool(false) => Ok(Self::Off),
            Value::Bool(true) => Ok(Self::Public),
            Value::String(s) if s == "authenticated" => Ok(Self::Authenticated),
            other => Err(serde::de::Error::custom(format!(
                "schemaEndpoint is {other}, but it is one of false, true, 'authenticated'"
            ))),
        }
    }
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ApiSpec {
    #[serde(default)]
    schema_endpoint: SchemaEndpoint,
    #[serde(flatten)]
    other: IndexMap<String, Value>,
}

#[derive(Clone, Debug, Default, Deserialize)]
struct AuthSpec {
    #[serde(default)]
    handlers: Option<AuthHandlers>,
    #[serde(default)]
    tokens: Vec<IssuerSpec>,
    /// Sign-in settings of EdgeBase, which are not ours.
    #[serde(flatten)]
    other: IndexMap<String, Value>,
}

#[derive(Clone, Debug, Default, Deserialize)]
struct AuthHandlers {
    #[serde(default)]
    hooks: Option<AuthHooks>,
}

#[derive(Clone, Debug, Default, Deserialize)]
struct AuthHooks {
    #[serde(default)]
    enrich: Option<FunctionRef>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ConfigSpec {
    #[serde(default)]
    release: bool,
    #[serde(default)]
    databases: IndexMap<String, BlockSpec>,
    #[serde(default)]
    service_keys: Option<ServiceKeysSpec>,
    #[serde(default)]
    cors: Option<Cors>,
    #[serde(default)]
    rate_limiting: IndexMap<String, RateLimit>,
    #[serde(default)]
    api: ApiSpec,
    #[serde(default)]
    trust_self_hosted_proxy: bool,
    #[serde(default)]
    auth: Option<AuthSpec>,
    #[serde(default)]
    captcha: Option<Value>,
    #[serde(flatten)]
    other: IndexMap<String, Value>,
}

/// A validated config.
#[derive(Clone, Debug)]
pub struct Config {
    /// Release mode: what no rule allows is denied (contract 8.1).
    pub release: bool,
    /// Blocks in config order.
    pub databases: IndexMap<String, Block>,
    /// Service keys; `None` when the config has no `serviceKeys` at all.
    pub service_keys: Option<Vec<ServiceKey>>,
    /// CORS settings.
    pub cors: Option<Cors>,
    /// Rate limits by group.
    pub rate_limiting: IndexMap<String, RateLimit>,
    /// Who may read the schema endpoint.
    pub schema_endpoint: SchemaEndpoint,
    /// Whether `X-Forwarded-For` is believed.
    pub trust_self_hosted_proxy: bool,
    /// `auth.handlers.hooks.enrich`.
    pub enrich: Option<FunctionRef>,
    /// `auth.tokens`: issuers of user tokens besides the default one.
    pub issuers: Vec<Issuer>,
    /// `captcha.siteKey`, as `/api/config` shows it.
    pub captcha_site_key: Option<String>,
    /// Remarks that do not stop the start.
    pub warnings: Vec<String>,
}

impl Config {
    /// Parses and validates.
    ///
    /// # Errors
    /// The first mistake, with its path.
    pub fn from_json(json: &Value) -> Result<Self, ConfigError> {
        keys::refuse_legacy(json)?;
        let spec: ConfigSpec = serde_path_to_error::deserialize(json).map_err(|e| {
            let path: Vec<String> = e
                .path()
                .iter()
                .map(ToString::to_string)
                .map(|s| s.trim_matches(['[', ']']).to_owned())
                .collect();
            ConfigError { path, message: e.into_inner().to_string() }
        })?;
        keys::refuse_misspelt(&[], &keys::OWN, &spec.other)?;
        let auth = spec.auth.unwrap_or_default();
        keys::refuse_misspelt(&["auth"], &["tokens"], &auth.other)?;
        keys::refuse_misspelt(&["api"], &["schemaEndpoint"], &spec.api.other)?;
        let mut warnings: Vec<String> = spec
            .other
            .keys()
            .filter(|k| !keys::FOREIGN.contains(&k.as_str()))
            .map(|k| format!("unknown top-level key '{k}' is ignored"))
            .collect();
        let mut databases = IndexMap::new();
        for (key, block) in spec.databases {
            let block = Block::build(&key, block)?;
            name::namespace(&block.namespace).map_err(|e| {
                ConfigError::new(
                    &["databases", &key],
                    format!("block name '{}' {e}", block.namespace),
                )
            })?;
            let namespace = block.namespace.clone();
            if databases.insert(namespace.clone(), block).is_some() {
                return Err(ConfigError::new(
                    &["databases", &key],
                    format!("block '{namespace}' is declared twice"),
                ));
            }
        }
        for block in databases.values() {
            remarks::of_block(block, spec.release, &mut warnings);
        }
        remarks::null_defaults(json, &mut warnings);
        remarks::of_rate_limits(&spec.rate_limiting, &mut warnings);
        warnings
            .extend(spec.api.other.keys().map(|key| format!("unknown key 'api.{key}' is ignored")));
        let service_keys = spec.service_keys.map(ServiceKeysSpec::build).transpose()?;
        for key in service_keys.iter().flatten() {
            remarks::of_service_key(key, &mut warnings);
        }
        Ok(Self {
            release: spec.release,
            databases,
            service_keys,
            cors: spec.cors,
            rate_limiting: spec.rate_limiting,
            schema_endpoint: spec.api.schema_endpoint,
            trust_self_hosted_proxy: spec.trust_self_hosted_proxy,
            enrich: auth.handlers.and_then(|h| h.hooks).and_then(|h| h.enrich),
            issuers: issuer::build(auth.tokens)?,
            captcha_site_key: spec
                .captcha
                .as_ref()
                .and_then(|c| c.get("siteKey"))
                .and_then(Value::as_str)
                .map(str::to_owned),
            warnings,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::BlockKind;
    use serde_json::json;

    fn error(v: &Value) -> String {
        Config::from_json(v).expect_err("must be refused").to_string()
    }

    #[test]
    fn both_spellings_of_blocks_and_fields_are_understood() {
        let config = Config::from_json(&json!({"databases": {
            "user": {"instance": true, "tables": {"notes": {"schema": {"title": "string"}}}},
            "team:{id}": {"tables": {"t": {"schema": {"n": {"type": "number", "required": true}}}}},
            "app": {"provider": "postgres", "tables": {"posts": {}}}
        }}))
        .unwrap();
        assert_eq!(config.databases["user"].kind, BlockKind::Dynamic);
        assert_eq!(config.databases["team"].kind, BlockKind::Dynamic);
        assert_eq!(config.databases["app"].kind, BlockKind::Single);
        assert!(config.databases["app"].tables["posts"].table.is_schemaless());
    }

    #[test]
    fn a_misspelt_key_is_refused_and_a_foreign_one_is_not() {
        assert!(error(&json!({"databasess": {}})).contains("did you mean 'databases'"));
        let config = Config::from_json(&json!({"storage": {}, "whatever": 1})).unwrap();
        assert_eq!(config.warnings.len(), 1);
    }

    #[test]
    fn mistakes_name_their_place() {
        let in_table = |t: Value| json!({"databases": {"app": {"tables": {"posts": t}}}});
        assert!(
            error(&in_table(json!({"schema": {"a": "strin"}})))
                .starts_with("databases.app.tables.posts.schema.a: unknown variant")
        );
        assert!(error(&in_table(json!({"acess": {}}))).starts_with("databases.app.tables.posts"));
        assert!(
            error(&in_table(json!({"schema": {"id": "string"}})))
                .contains("cannot be type-overridden")
        );
        assert!(error(&in_table(json!({"rules": {}}))).contains("legacy"));
        assert!(
            error(&in_table(json!({"schema": {"a": {"type": "string", "references": "nope"}}})))
                .contains("no table 'nope'")
        );
        assert!(
            error(&in_table(json!({"migrations": [{"version": 1, "description": "", "up": "x"}]})))
                .contains("description is required")
        );
        assert!(
            error(&json!({"databases": {"a:b": {"tables": {}}}})).contains("must not contain ':'")
        );
        assert!(
            error(&json!({"databases": {"a": {"provider": "mysql", "tables": {}}}}))
                .contains("invalid provider 'mysql'. Must be one of: do, d1, neon, postgres")
        );
    }
}
