//! Whose user tokens does the config trust?
//!
//! The entries of `auth.tokens`, validated. An entry names an issuer, where its keys are and
//! which claims say who the user is. Strict, because a misspelt `audience` would accept tokens
//! that were made for somebody else: an unknown key, a symmetric algorithm with public keys or a
//! key set over plain HTTP is an error. Nothing is read here: secrets and keys are the proxy's.

use crate::config::{ConfigError, OneOrMany, Problems};
use crate::identity::{Identity, IdentitySpec, Mapping};
use indexmap::IndexMap;
use serde::Deserialize;

/// The longest leeway that can be configured, in seconds.
pub const MAX_LEEWAY: u64 = 300;

/// A signature algorithm of RFC 7518 and RFC 8037.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[allow(missing_docs)] // the names say all
pub enum Algorithm {
    HS256,
    HS384,
    HS512,
    RS256,
    RS384,
    RS512,
    PS256,
    PS384,
    PS512,
    ES256,
    ES384,
    EdDSA,
}

impl Algorithm {
    /// Those with a shared secret.
    pub const SYMMETRIC: [Self; 3] = [Self::HS256, Self::HS384, Self::HS512];
    /// Those with a public key.
    pub const ASYMMETRIC: [Self; 9] = [
        Self::RS256,
        Self::RS384,
        Self::RS512,
        Self::PS256,
        Self::PS384,
        Self::PS512,
        Self::ES256,
        Self::ES384,
        Self::EdDSA,
    ];
}

/// Where the keys of an issuer are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Keys {
    /// A shared secret in the environment variable of this name.
    Secret(String),
    /// A JSON Web Key Set in this file, relative to the config's folder.
    File(String),
    /// A JSON Web Key Set at this address.
    Url(String),
}

/// Which claims become which part of `auth`. Paths are names joined by dots; a claim whose own
/// name has dots is found by that name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    /// `auth.id`
    pub id: Identity,
    /// `auth.email`
    pub email: String,
    /// `auth.role`
    pub role: String,
    /// `auth.isAnonymous`
    pub is_anonymous: String,
    /// `auth.custom`
    pub custom: Custom,
}

/// What becomes `auth.custom`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Custom {
    /// The object at this path.
    Whole(String),
    /// An object of these names, each with the claim at its path.
    Picked(IndexMap<String, String>),
}

impl Default for Claims {
    fn default() -> Self {
        Self {
            id: Identity { from: "sub".into(), mapping: Mapping::AsIs },
            email: "email".into(),
            role: "role".into(),
            is_anonymous: "isAnonymous".into(),
            custom: Custom::Whole("custom".into()),
        }
    }
}

/// A trusted issuer of user tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issuer {
    /// What the token's `iss` has to be, letter for letter.
    pub name: String,
    /// One of these has to be in `aud`; when empty, a token with `aud` is not for us.
    pub audience: Vec<String>,
    /// Where its keys are.
    pub keys: Keys,
    /// Algorithms accepted; never a mix of symmetric and asymmetric ones.
    pub algorithms: Vec<Algorithm>,
    /// Seconds that `exp` and `nbf` may be off.
    pub leeway: u64,
    /// Who the user is.
    pub claims: Claims,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct IssuerSpec {
    issuer: String,
    #[serde(default)]
    audience: Option<OneOrMany>,
    #[serde(default)]
    jwks: Option<String>,
    #[serde(default)]
    secret: Option<String>,
    #[serde(default)]
    algorithms: Option<Vec<Algorithm>>,
    #[serde(default)]
    leeway: u64,
    #[serde(default)]
    claims: ClaimsSpec,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ClaimsSpec {
    #[serde(default)]
    id: Option<IdentitySpec>,
    #[serde(default)]
    email: Option<String>,
    #[serde(default)]
    role: Option<String>,
    #[serde(default)]
    is_anonymous: Option<String>,
    #[serde(default)]
    custom: Option<CustomSpec>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum CustomSpec {
    Whole(String),
    Picked(IndexMap<String, String>),
}

/// Validates the entries of `auth.tokens`.
pub(crate) fn build(specs: Vec<IssuerSpec>) -> Result<Vec<Issuer>, ConfigError> {
    let mut issuers: Vec<Issuer> = Vec::new();
    for (i, spec) in specs.into_iter().enumerate() {
        let place = i.to_string();
        let base = ["auth", "tokens", &place];
        let issuer = spec.build(&Problems::new(&base))?;
        if issuers.iter().any(|other| other.name == issuer.name) {
            let message = format!("issuer '{}' stands twice", issuer.name);
            return Err(Problems::new(&base).at(&["issuer"], message));
        }
        issuers.push(issuer);
    }
    Ok(issuers)
}

impl IssuerSpec {
    fn build(self, problems: &Problems) -> Result<Issuer, ConfigError> {
        if self.issuer.is_empty() {
            return Err(problems.at(&["issuer"], "issuer must not be empty".into()));
        }
        let audience = match self.audience {
            None => Vec::new(),
            Some(OneOrMany::One(one)) => vec![one],
            Some(OneOrMany::Many(many)) => many,
        };
        if audience.iter().any(String::is_empty) {
            return Err(problems.at(&["audience"], "an audience must not be empty".into()));
        }
        if self.leeway > MAX_LEEWAY {
            let message = format!("leeway is in seconds, at most {MAX_LEEWAY}");
            return Err(problems.at(&["leeway"], message));
        }
        let keys = match (self.jwks, self.secret) {
            (Some(place), None) => location(place).map_err(|e| problems.at(&["jwks"], e))?,
            (None, Some(name)) if !name.is_empty() => Keys::Secret(name),
            _ => {
                return Err(problems.at(
                    &[],
                    format!(
                        "issuer '{}' needs either jwks, the address or file of its public keys, or secret, the name of an environment variable",
                        self.issuer
                    ),
                ));
            }
        };
        let possible: &[Algorithm] = match keys {
            Keys::Secret(_) => &Algorithm::SYMMETRIC,
            Keys::File(_) | Keys::Url(_) => &Algorithm::ASYMMETRIC,
        };
        let algorithms = self.algorithms.unwrap_or_else(|| possible.to_vec());
        if algorithms.is_empty() || algorithms.iter().any(|a| !possible.contains(a)) {
            let message = format!("with these keys algorithms is a list of some of {possible:?}");
            return Err(problems.at(&["algorithms"], message));
        }
        let claims = self.claims.build(problems)?;
        Ok(Issuer { name: self.issuer, audience, keys, algorithms, leeway: self.leeway, claims })
    }
}

impl ClaimsSpec {
    fn build(self, problems: &Problems) -> Result<Claims, ConfigError> {
        let path = |key: &str, stated: Option<String>, default: String| match stated {
            Some(path) if path.is_empty() => {
                Err(problems.at(&["claims", key], format!("{key} must name a claim")))
            }
            stated => Ok(stated.unwrap_or(default)),
        };
        let default = Claims::default();
        let custom = match self.custom {
            None => default.custom,
            Some(CustomSpec::Whole(whole)) => {
                Custom::Whole(path("custom", Some(whole), String::new())?)
            }
            Some(CustomSpec::Picked(picked)) => {
                for at in picked.values() {
                    path("custom", Some(at.clone()), String::new())?;
                }
                Custom::Picked(picked)
            }
        };
        let (from, mapping) = match self.id {
            None => (None, Mapping::AsIs),
            Some(spec) => spec.parts().map_err(|e| problems.at(&["claims", "id"], e))?,
        };
        Ok(Claims {
            id: Identity { from: path("id", from, default.id.from)?, mapping },
            email: path("email", self.email, default.email)?,
            role: path("role", self.role, default.role)?,
            is_anonymous: path("isAnonymous", self.is_anonymous, default.is_anonymous)?,
            custom,
        })
    }
}

/// An address or a file. Keys decide who is who, so they come over TLS; plain HTTP is for a key
/// server on the same machine.
fn location(place: String) -> Result<Keys, String> {
    let wanted = "jwks is an https:// address, an http:// address of this machine, or a file";
    let Some((scheme, rest)) = place.split_once("://") else {
        return if place.is_empty() { Err(wanted.into()) } else { Ok(Keys::File(place)) };
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains('@') {
        return Err("jwks must not hold a user name or password".into());
    }
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    let local = host == "localhost"
        || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
    match scheme {
        "https" if !host.is_empty() => Ok(Keys::Url(place)),
        "http" if local => Ok(Keys::Url(place)),
        _ => Err(wanted.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Config;
    use serde_json::{Value, json};

    fn parse(entry: &Value) -> Result<Vec<Issuer>, String> {
        Config::from_json(&json!({"auth": {"tokens": [entry]}}))
            .map(|c| c.issuers)
            .map_err(|e| e.to_string())
    }

    #[test]
    fn an_issuer_has_keys_and_the_algorithms_that_fit_them() {
        let [public] =
            &parse(&json!({"issuer": "https://id", "jwks": "https://id/keys"})).unwrap()[..]
        else {
            panic!("one issuer")
        };
        assert_eq!(public.keys, Keys::Url("https://id/keys".into()));
        assert_eq!(public.algorithms, Algorithm::ASYMMETRIC);
        assert_eq!((public.leeway, public.claims.clone()), (0, Claims::default()));
        let secret = parse(&json!({"issuer": "i", "secret": "NAME", "leeway": 5})).unwrap();
        assert_eq!(secret[0].algorithms, Algorithm::SYMMETRIC);
        let mapped = parse(&json!({"issuer": "i", "jwks": "./keys.json", "audience": ["a", "b"],
            "algorithms": ["ES256"], "claims": {"id": "uid", "custom": {"plan": "app.plan"}}}))
        .unwrap();
        assert_eq!(mapped[0].keys, Keys::File("./keys.json".into()));
        assert_eq!(mapped[0].claims.id.from, "uid");
    }

    #[test]
    fn what_would_trust_too_much_is_refused_with_its_place() {
        for (entry, words) in [
            (json!({"issuer": "i"}), "needs either jwks"),
            (json!({"issuer": "i", "jwks": "k", "secret": "S"}), "needs either jwks"),
            (json!({"issuer": "", "jwks": "k"}), "auth.tokens.0.issuer"),
            (json!({"jwks": "k"}), "missing field `issuer`"),
            (
                json!({"issuer": "i", "jwks": "k", "algorithms": ["HS256"]}),
                "auth.tokens.0.algorithms",
            ),
            (
                json!({"issuer": "i", "secret": "S", "algorithms": ["RS256"]}),
                "auth.tokens.0.algorithms",
            ),
            (json!({"issuer": "i", "jwks": "k", "algorithms": ["none"]}), "unknown variant `none`"),
            (json!({"issuer": "i", "jwks": "k", "algorithms": []}), "auth.tokens.0.algorithms"),
            (json!({"issuer": "i", "jwks": "k", "audiance": "a"}), "unknown field `audiance`"),
            (json!({"issuer": "i", "jwks": "k", "claims": {"uid": "sub"}}), "unknown field `uid`"),
            (json!({"issuer": "i", "jwks": "k", "audience": ""}), "auth.tokens.0.audience"),
            (json!({"issuer": "i", "jwks": "k", "leeway": 301}), "at most 300"),
            (json!({"issuer": "i", "jwks": "k", "leeway": -1}), "auth.tokens"),
            (json!({"issuer": "i", "jwks": "http://id.example.com/keys"}), "auth.tokens.0.jwks"),
            (json!({"issuer": "i", "jwks": "http://localhost.example.com/"}), "auth.tokens.0.jwks"),
            (json!({"issuer": "i", "jwks": "http://localhost@example.com/"}), "user name"),
            (json!({"issuer": "i", "jwks": "file:///etc/keys"}), "auth.tokens.0.jwks"),
        ] {
            let error = parse(&entry).expect_err(&entry.to_string());
            assert!(error.contains(words), "{entry}: {error}");
        }
        for local in ["http://localhost:1/k", "http://127.0.0.1/k", "http://[::1]:1/k"] {
            assert!(parse(&json!({"issuer": "i", "jwks": local})).is_ok(), "{local}");
        }
        let twice = json!({"auth": {"tokens": [{"issuer": "i", "jwks": "k"}, {"issuer": "i", "secret": "S"}]}});
        assert!(Config::from_json(&twice).unwrap_err().to_string().contains("stands twice"));
        let misspelt = json!({"auth": {"token": [{"issuer": "i", "jwks": "k"}]}});
        assert!(Config::from_json(&misspelt).unwrap_err().to_string().contains("'tokens'"));
        assert!(Config::from_json(&json!({"auth": {"emailAuth": true, "session": {}}})).is_ok());
    }
}
