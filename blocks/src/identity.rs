//! What id has a user, and what is made of it so that it may name an instance?
//!
//! Providers issue ids with `:`, which no instance has. Whichever mapping a config chooses, no two
//! ids become the same one: two users of one instance would be a breach.

use serde::Deserialize;
use sha2::{Digest as _, Sha256};

/// Which claim becomes `auth.id`, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The claim's path.
    pub from: String,
    /// What is made of it, so that it may name an instance.
    pub mapping: Mapping,
}

/// What is made of a user's id. Whichever it is, no two ids become the same one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mapping {
    /// Nothing.
    AsIs,
    /// A character stands for every occurrence of a text; an id that has the character already
    /// has no mapping.
    Replace(String, char),
    /// Its SHA-256, in 64 hexadecimal digits.
    Sha256,
}

impl Mapping {
    /// The id that stands for this one, if there is one.
    #[must_use]
    pub fn apply(&self, id: &str) -> Option<String> {
        match self {
            Self::AsIs => Some(id.to_owned()),
            Self::Replace(_, with) if id.contains(*with) => None,
            Self::Replace(text, with) => Some(id.replace(text, with.encode_utf8(&mut [0; 4]))),
            Self::Sha256 => {
                Some(Sha256::digest(id).iter().map(|byte| format!("{byte:02x}")).collect())
            }
        }
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum IdentitySpec {
    Path(String),
    Mapped(MappedSpec),
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MappedSpec {
    #[serde(default)]
    from: Option<String>,
    #[serde(default)]
    replace: Option<(String, String)>,
    #[serde(default)]
    hash: Option<String>,
}

impl IdentitySpec {
    /// The claim's path, if it is stated, and the mapping.
    pub(crate) fn parts(self) -> Result<(Option<String>, Mapping), String> {
        match self {
            Self::Path(from) => Ok((Some(from), Mapping::AsIs)),
            Self::Mapped(spec) => Ok((spec.from.clone(), spec.mapping()?)),
        }
    }
}

impl MappedSpec {
    fn mapping(&self) -> Result<Mapping, String> {
        match (&self.replace, self.hash.as_deref()) {
            (None, None) => Ok(Mapping::AsIs),
            (None, Some("sha256")) => Ok(Mapping::Sha256),
            (Some((text, with)), None) => {
                let mut characters = with.chars();
                let wanted = "replace is [text, character]: the text is not empty and does not contain the character, which is neither ':' nor a control character";
                match (characters.next(), characters.next()) {
                    (Some(with), None)
                        if with != ':'
                            && !with.is_control()
                            && !text.is_empty()
                            && !text.contains(with) =>
                    {
                        Ok(Mapping::Replace(text.clone(), with))
                    }
                    _ => Err(wanted.into()),
                }
            }
            (None, Some(_)) => Err("hash is 'sha256'".into()),
            (Some(_), Some(_)) => Err("an id is mapped by replace or by hash, not by both".into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::Config;
    use serde_json::{Value, json};

    #[test]
    fn ids_of_providers_become_ids_of_instances_and_no_two_the_same() {
        let mapping = |id: Value| {
            let entry = json!({"issuer": "i", "jwks": "k", "claims": {"id": id}});
            Config::from_json(&json!({"auth": {"tokens": [entry]}}))
                .map(|config| config.issuers[0].claims.id.clone())
                .map_err(|error| error.to_string())
        };
        let replaced = mapping(json!({"from": "uid", "replace": [":", "~"]})).unwrap();
        assert_eq!(replaced.from, "uid");
        assert_eq!(replaced.mapping.apply("f:1:ann").as_deref(), Some("f~1~ann"));
        assert_eq!(replaced.mapping.apply("f~1:ann"), None);
        let hashed = mapping(json!({"hash": "sha256"})).unwrap();
        assert_eq!(hashed.from, "sub");
        assert_eq!(
            hashed.mapping.apply("abc").as_deref(),
            Some("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
        );
        let as_is = mapping(json!({"from": "uid"})).unwrap();
        assert_eq!(as_is.mapping.apply("a:b").as_deref(), Some("a:b"));
        // Texts made of what a careless mapping would mix up.
        let texts: Vec<String> = (0..729)
            .map(|n| (0..6).map(|at| [":", "~", "a"][n / 3_usize.pow(at) % 3]).collect())
            .collect();
        for mapping in [&replaced.mapping, &hashed.mapping] {
            let mut seen = std::collections::HashSet::new();
            let mapped = texts.iter().filter_map(|text| mapping.apply(text));
            for id in mapped {
                assert!(crate::name::instance_id(&id).is_ok() && seen.insert(id));
            }
        }
        for bad in [
            json!({"replace": [":", ""]}),
            json!({"replace": [":", ".."]}),
            json!({"replace": ["", "."]}),
            json!({"replace": ["a.b", "."]}),
            json!({"replace": ["|", ":"]}),
            json!({"replace": [":", "\n"]}),
            json!({"replace": [":"]}),
            json!({"replace": ":"}),
            json!({"hash": "md5"}),
            json!({"hash": true}),
            json!({"hash": "sha256", "replace": [":", "."]}),
            json!({"from": ""}),
            json!({"form": "sub"}),
            json!(5),
        ] {
            let error = mapping(bad.clone()).expect_err(&bad.to_string());
            assert!(error.contains("auth.tokens"), "{bad}: {error}");
        }
    }
}
