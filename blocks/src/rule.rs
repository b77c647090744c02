//! What can stand where the config expects an access rule?
//!
//! A boolean, one of the five string rules that JSON configs may use (contract 8.3), or a
//! function. Functions live in the rules engine; here they are a number. Nothing else is a
//! rule, so nothing else can be mistaken for permission.

use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// The number under which the rules engine knows a function of the config.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FunctionId(pub u32);

/// The key under which the loader leaves a function's number in the config's JSON.
pub const FUNCTION_MARKER: &str = "$function";

/// An access rule as the config states it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rule {
    /// `true`, `false`, `'true'`, `'false'`.
    Always(bool),
    /// `'auth != null'`.
    SignedIn,
    /// `'auth == null'`.
    SignedOut,
    /// `'auth.id == resource.X'`: the row's field X equals the caller's id.
    Owner(String),
    /// A function of the config.
    Function(FunctionId),
}

impl Rule {
    fn from_text(text: &str) -> Option<Self> {
        let compact: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
        match compact.as_str() {
            "true" => Some(Self::Always(true)),
            "false" => Some(Self::Always(false)),
            "auth != null" => Some(Self::SignedIn),
            "auth == null" => Some(Self::SignedOut),
            other => other
                .strip_prefix("auth.id == resource.")
                .filter(|f| !f.is_empty() && f.chars().all(|c| c.is_alphanumeric() || c == '_'))
                .map(|f| Self::Owner(f.to_owned())),
        }
    }

    /// How `edgebase check` prints it.
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            Self::Always(b) => b.to_string(),
            Self::SignedIn => "'auth != null'".into(),
            Self::SignedOut => "'auth == null'".into(),
            Self::Owner(field) => format!("'auth.id == resource.{field}'"),
            Self::Function(_) => "function".into(),
        }
    }
}

impl<'de> Deserialize<'de> for Rule {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct RuleVisitor;
        impl<'de> Visitor<'de> for RuleVisitor {
            type Value = Rule;

            fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
                f.write_str(
                    "a function, a boolean, or one of 'true', 'false', 'auth != null', \
                     'auth == null', 'auth.id == resource.<field>'",
                )
            }

            fn visit_bool<E: de::Error>(self, value: bool) -> Result<Rule, E> {
                Ok(Rule::Always(value))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Rule, E> {
                Rule::from_text(text)
                    .ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Rule, A::Error> {
                FunctionRef::deserialize(de::value::MapAccessDeserializer::new(map))
                    .map(|f| Rule::Function(f.id()))
                    .map_err(|_| de::Error::invalid_type(de::Unexpected::Map, &self))
            }
        }
        deserializer.deserialize_any(RuleVisitor)
    }
}

/// A function where only a function may stand: hooks.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct FunctionRef {
    #[serde(rename = "$function")]
    number: u32,
}

impl FunctionRef {
    /// The engine's number for it.
    #[must_use]
    pub fn id(self) -> FunctionId {
        FunctionId(self.number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn rule(v: serde_json::Value) -> Result<Rule, serde_json::Error> {
        serde_json::from_value(v)
    }

    #[test]
    fn only_the_known_spellings_are_rules() {
        assert_eq!(rule(json!(false)).unwrap(), Rule::Always(false));
        assert_eq!(rule(json!("auth != null")).unwrap(), Rule::SignedIn);
        assert_eq!(
            rule(json!("auth.id == resource.ownerId")).unwrap(),
            Rule::Owner("ownerId".into())
        );
        assert_eq!(rule(json!({"$function": 3})).unwrap(), Rule::Function(FunctionId(3)));
        for bad in [json!("auth.id"), json!("true || true"), json!(1), json!(null), json!({})] {
            assert!(rule(bad.clone()).is_err(), "{bad} must not be a rule");
        }
    }
}
