//! Which service keys does the config declare?
//!
//! The entries of `serviceKeys.keys` (contract 5.2), validated. Secrets are named or inline
//! here and resolved by the proxy; this module never reads the environment.

use crate::config::{ConfigError, Problems};
use crate::datetime::Moment;
use ipnet::IpNet;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use std::collections::HashSet;
use std::net::IpAddr;

/// How far a key reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tier {
    /// Everything.
    Root,
    /// The scopes listed.
    Scoped,
}

/// What must hold when a key is used (contract 5.4).
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Constraints {
    /// When the key becomes invalid.
    #[serde(default, deserialize_with = "moment")]
    pub expires_at: Option<Moment>,
    /// Values of `ENVIRONMENT` under which it is valid.
    #[serde(default)]
    pub env: Option<Vec<String>>,
    /// Networks it may be used from.
    #[serde(default, deserialize_with = "networks")]
    pub ip_cidr: Option<Vec<IpNet>>,
    /// The one instance id it may be used on.
    #[serde(default)]
    pub tenant: Option<String>,
}

/// A time that is none would leave the key valid for ever.
fn moment<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Moment>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    text.map(|text| {
        Moment::parse(&text).ok_or_else(|| {
            D::Error::custom(format!(
                "'{text}' is no point in time; write it like '2027-01-01T00:00:00Z'"
            ))
        })
    })
    .transpose()
}

/// Networks in CIDR notation; an address alone is a network of one.
fn networks<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<IpNet>>, D::Error> {
    let network = |text: String| {
        text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from)).map_err(|_| {
            D::Error::custom(format!("'{text}' is no network; write it like '10.0.0.0/8'"))
        })
    };
    let list = Option::<Vec<String>>::deserialize(deserializer)?;
    list.map(|list| list.into_iter().map(network).collect()).transpose()
}

/// Where a key's text is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretSource {
    /// In the environment variable of this name.
    Variable(String),
    /// In the config itself.
    Inline(String),
}

/// A declared key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceKey {
    /// Its name, unique.
    pub kid: String,
    /// Root or scoped.
    pub tier: Tier,
    /// Scopes of a scoped key.
    pub scopes: Vec<String>,
    /// Conditions of use.
    pub constraints: Constraints,
    /// Where its text is.
    pub secret: SecretSource,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ServiceKeysSpec {
    #[serde(default, rename = "policyVersion")]
    _policy_version: Option<Value>,
    #[serde(default)]
    keys: Vec<KeySpec>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct KeySpec {
    #[serde(default)]
    kid: Option<String>,
    #[serde(default = "scoped")]
    tier: Tier,
    #[serde(default)]
    scopes: Vec<String>,
    #[serde(default)]
    constraints: Option<Constraints>,
    #[serde(default)]
    secret_source: Option<Source>,
    #[serde(default)]
    secret_ref: Option<String>,
    #[serde(default)]
    inline_secret: Option<String>,
    #[serde(default)]
    secret: Option<String>,
    #[serde(default)]
    enabled: Option<bool>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Source {
    Dashboard,
    Inline,
}

/// A key that does not say how far it reaches does not reach everywhere.
fn scoped() -> Tier {
    Tier::Scoped
}

impl ServiceKeysSpec {
    pub(crate) fn build(self) -> Result<Vec<ServiceKey>, ConfigError> {
        let mut keys: Vec<ServiceKey> = Vec::new();
        let mut kids = HashSet::new();
        for (i, spec) in self.keys.into_iter().enumerate() {
            let place = i.to_string();
            let base = ["serviceKeys", "keys", &place];
            let problems = Problems::new(&base);
            let kid = spec.kid.ok_or_else(|| problems.at(&[], "kid is required".into()))?;
            if kid.is_empty() || !kid.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
                return Err(problems.at(&["kid"], format!("kid '{kid}' must match [A-Za-z0-9-]+")));
            }
            if !kids.insert(kid.clone()) {
                return Err(problems.at(&["kid"], format!("kid '{kid}' stands twice")));
            }
            let secret = match (
                spec.secret_source,
                spec.secret_ref,
                spec.inline_secret,
                spec.secret,
            ) {
                (Some(Source::Dashboard), Some(name), ..) | (None, Some(name), None, None) => {
                    SecretSource::Variable(name)
                }
                (Some(Source::Dashboard), None, ..) => {
                    return Err(problems.at(&[], format!("service key '{kid}' needs secretRef, the name of an environment variable")));
                }
                (Some(Source::Inline), _, Some(text), _)
                | (None, _, Some(text), _)
                | (_, _, _, Some(text)) => SecretSource::Inline(text),
                _ => {
                    return Err(problems
                        .at(&[], format!("service key '{kid}' needs inlineSecret or secretRef")));
                }
            };
            if spec.enabled == Some(false) {
                continue;
            }
            keys.push(ServiceKey {
                kid,
                tier: spec.tier,
                scopes: spec.scopes,
                constraints: spec.constraints.unwrap_or_default(),
                secret,
            });
        }
        Ok(keys)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Config;
    use serde_json::json;

    fn parse(keys: &Value) -> Result<Vec<ServiceKey>, String> {
        Config::from_json(&json!({"serviceKeys": {"policyVersion": 1, "keys": keys}}))
            .map(|config| config.service_keys.unwrap())
            .map_err(|e| e.to_string())
    }

    #[test]
    fn secrets_are_inline_or_named_and_disabled_keys_are_gone() {
        let keys = parse(&json!([
            {"kid": "a", "tier": "root", "secretSource": "dashboard", "secretRef": "A"},
            {"kid": "b", "tier": "root", "secretSource": "inline", "inlineSecret": "b"},
            {"kid": "c-1", "tier": "scoped", "scopes": ["*"], "secret": "jb_c-1_x"},
            {"kid": "d", "tier": "root", "secret": "d", "enabled": false},
            {"kid": "e", "secret": "jb_e_x"},
        ]))
        .unwrap();
        let secrets: Vec<_> = keys.iter().map(|key| key.secret.clone()).collect();
        assert_eq!(
            secrets,
            [
                SecretSource::Variable("A".into()),
                SecretSource::Inline("b".into()),
                SecretSource::Inline("jb_c-1_x".into()),
                SecretSource::Inline("jb_e_x".into()),
            ]
        );
        assert_eq!(keys[3].tier, Tier::Scoped, "what is not said to be root is not");
    }

    fn constrained(constraints: Value) -> Value {
        json!([{"kid": "a", "tier": "root", "secret": "x", "enabled": false,
            "constraints": constraints}])
    }

    #[test]
    fn a_key_without_name_or_secret_and_one_named_twice_are_refused() {
        for (keys, words) in [
            (json!([{"tier": "root", "secret": "x"}]), "kid is required"),
            (json!([{"kid": "", "tier": "root", "secret": "x"}]), "must match"),
            (json!([{"kid": "a_b", "tier": "root", "secret": "x"}]), "must match"),
            (json!([{"kid": "ä", "tier": "root", "secret": "x"}]), "must match"),
            (json!([{"kid": "a", "tier": "root", "secretSource": "dashboard"}]), "secretRef"),
            (json!([{"kid": "a", "tier": "root", "secretSource": "inline"}]), "inlineSecret"),
            (json!([{"kid": "a", "tier": "root"}]), "inlineSecret or secretRef"),
            (json!([{"kid": "a", "tier": "admin", "secret": "x"}]), "unknown variant `admin`"),
            (json!([{"kid": "a", "teir": "scoped", "secret": "x"}]), "unknown field `teir`"),
            (
                json!([{"kid": "a", "tier": "root", "secret": "x", "enabled": false},
                       {"kid": "a", "tier": "root", "secret": "y"}]),
                "stands twice",
            ),
            (
                json!([{"kid": "a", "tier": "root", "secret": "x", "constraints": {"ipCdir": []}}]),
                "unknown field `ipCdir`",
            ),
            (constrained(json!({"expiresAt": "soon"})), "'soon' is no point in time"),
            (constrained(json!({"expiresAt": "2027-02-30"})), "is no point in time"),
            (constrained(json!({"expiresAt": 5})), "invalid type"),
            (constrained(json!({"ipCidr": ["10.0.0.0/33"]})), "'10.0.0.0/33' is no network"),
            (constrained(json!({"ipCidr": ["::1", "10.0.0"]})), "'10.0.0' is no network"),
            (constrained(json!({"ipCidr": "10.0.0.0/8"})), "invalid type"),
        ] {
            let error = parse(&keys).expect_err(&keys.to_string());
            assert!(error.starts_with("serviceKeys") && error.contains(words), "{keys}: {error}");
        }
    }
}
