//! Is a user token genuine, and what do rules learn from it?
//!
//! The token's `iss` names one of the trusted issuers, and that issuer's entry says which keys,
//! algorithms and audience hold; what the token says of itself only selects among them. So
//! `none`, a public key used as a secret, or a key from the token's own header verify nothing.
//! The issuer of EdgeBase itself, `edgebase:user`, is there whenever `JWT_USER_SECRET` is
//! (contract 4.2).
//!
//! Claims of tokens that verified are remembered, by the token's hash and bounded in memory; the
//! verdict never is: times are compared on every request, and a change of the issuer's keys
//! makes the signature be verified again.

use super::claims;
use super::fetch;
use super::key_source::{KeySource, Lookup, MAX_BYTES};
use crate::error::{Error, Result};
use anyhow::Context as _;
use edgebase_blocks::issuer::{self, Claims, Issuer, Keys};
use jsonwebtoken::dangerous::insecure_decode_claims;
use jsonwebtoken::{Algorithm, DecodingKey, Header, Validation, decode, decode_header};
use moka::sync::Cache;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// The issuer of EdgeBase's own user tokens.
pub const ISSUER: &str = "edgebase:user";

/// The variable with the secret of [`ISSUER`].
pub const SECRET_VARIABLE: &str = "JWT_USER_SECRET";

/// Bytes of remembered tokens; some 20,000 of usual size.
const MEMORY: u64 = 32 << 20;

/// Verifies tokens of the trusted issuers.
pub struct TokenVerifier {
    issuers: HashMap<String, Trusted>,
    known: Cache<[u8; 32], Arc<Known>>,
}

struct Trusted {
    algorithms: Vec<Algorithm>,
    keys: TrustedKeys,
    /// Those one of whom has to be in `aud`; `None`: `aud` is not looked at.
    audience: Option<Vec<String>>,
    /// Whether a token without `exp` is refused.
    must_expire: bool,
    leeway: f64,
    claims: Claims,
}

enum TrustedKeys {
    Secret(DecodingKey),
    /// The variable that should hold the secret does not.
    Missing,
    Set(Arc<KeySource>),
}

/// A token whose signature verified.
struct Known {
    issuer: String,
    generation: u64,
    times: Times,
    auth: Arc<Value>,
    weight: u32,
}

impl TokenVerifier {
    /// The issuers of the config and EdgeBase's own. Key sources that `former` has already are
    /// taken over with what they hold; `folder` is where key files are looked for.
    ///
    /// # Errors
    /// When a key file cannot be read or is no key set, or an address is none.
    pub fn new(
        declared: &[Issuer],
        environment: &HashMap<String, String>,
        folder: &Path,
        former: Option<&Self>,
    ) -> anyhow::Result<Self> {
        let secret = |name: &str| {
            let value = environment.get(name).filter(|value| !value.is_empty());
            value.map(|value| DecodingKey::from_secret(value.as_bytes()))
        };
        let mut issuers = HashMap::new();
        if let Some(key) = secret(SECRET_VARIABLE) {
            issuers.insert(ISSUER.to_owned(), Trusted::edgebase(key));
        }
        for issuer in declared {
            let keys = match &issuer.keys {
                Keys::Secret(name) => secret(name).map_or_else(
                    || {
                        tracing::warn!(
                            "{name} is not set: tokens of {} will be refused",
                            issuer.name
                        );
                        TrustedKeys::Missing
                    },
                    TrustedKeys::Secret,
                ),
                Keys::File(name) => {
                    let source = from_file(folder.join(name))?;
                    let taken = former.and_then(|f| f.source(source.place()));
                    TrustedKeys::Set(taken.unwrap_or_else(|| Arc::new(source)))
                }
                Keys::Url(url) => TrustedKeys::Set(match former.and_then(|f| f.source(url)) {
                    Some(taken) => taken,
                    None => Arc::new(KeySource::new(url.clone(), fetch::from_url(url)?)),
                }),
            };
            issuers.insert(issuer.name.clone(), Trusted::declared(issuer, keys));
        }
        let known = Cache::builder()
            .max_capacity(MEMORY)
            .weigher(|_, known: &Arc<Known>| known.weight)
            .build();
        Ok(Self { issuers, known })
    }

    /// Reads the key sets that have not been read yet, so that the first user need not wait.
    pub async fn prepare(&self) {
        let sources = self.sources().filter(|source| source.generation().is_none());
        futures::future::join_all(sources.map(|source| Arc::clone(source).refresh())).await;
    }

    /// The auth context that rules see.
    ///
    /// # Errors
    /// Expired or invalid; not configured where there is nothing to verify with; unavailable where
    /// the issuer's keys are not at hand, which says nothing of the token.
    pub async fn verify(&self, token: &str) -> Result<Arc<Value>> {
        if self.issuers.is_empty() {
            return Err(Error::AuthNotConfigured);
        }
        let hash: [u8; 32] = Sha256::digest(token).into();
        if let Some(known) = self.known.get(&hash)
            && let Some(trusted) = self.issuers.get(&known.issuer)
            && trusted.generation() == Some(known.generation)
        {
            known.times.check(now(), trusted.leeway)?;
            return Ok(Arc::clone(&known.auth));
        }
        let known = self.decode(token).await?;
        let auth = Arc::clone(&known.auth);
        self.known.insert(hash, Arc::new(known));
        Ok(auth)
    }

    async fn decode(&self, token: &str) -> Result<Known> {
        let header = decode_header(token).map_err(|_| Error::TokenInvalid)?;
        // Nobody has verified this yet: it only says whose word would have to hold.
        let stated: Map<String, Value> =
            insecure_decode_claims(token).map_err(|_| Error::TokenInvalid)?;
        let (issuer, trusted) = stated
            .get("iss")
            .and_then(Value::as_str)
            .and_then(|name| self.issuers.get_key_value(name))
            .ok_or(Error::TokenInvalid)?;
        let (claims, generation) = trusted.signed_claims(token, &header).await?;
        // The same bytes as before, but from here on they are the issuer's.
        if claims.get("iss").and_then(Value::as_str) != Some(issuer)
            || claims.get("type").and_then(Value::as_str) == Some("refresh")
            || !trusted.is_for_us(claims.get("aud"))
        {
            return Err(Error::TokenInvalid);
        }
        let times = Times::read(&claims, trusted.must_expire).ok_or(Error::TokenInvalid)?;
        times.check(now(), trusted.leeway)?;
        let auth = claims::context(&claims, &trusted.claims).ok_or(Error::TokenInvalid)?;
        Ok(Known {
            issuer: issuer.clone(),
            generation,
            times,
            auth: Arc::new(auth),
            // The claims take about as much as the text, several times over as a tree.
            weight: u32::try_from(token.len() * 4 + 256).unwrap_or(u32::MAX),
        })
    }

    fn sources(&self) -> impl Iterator<Item = &Arc<KeySource>> {
        self.issuers.values().filter_map(|trusted| match &trusted.keys {
            TrustedKeys::Set(source) => Some(source),
            TrustedKeys::Secret(_) | TrustedKeys::Missing => None,
        })
    }

    fn source(&self, place: &str) -> Option<Arc<KeySource>> {
        self.sources().find(|source| source.place() == place).cloned()
    }
}

impl Trusted {
    /// Contract 4.2: no audience, no leeway, and a token may be valid for ever.
    fn edgebase(key: DecodingKey) -> Self {
        Self {
            algorithms: issuer::Algorithm::SYMMETRIC.map(algorithm).to_vec(),
            keys: TrustedKeys::Secret(key),
            audience: None,
            must_expire: false,
            leeway: 0.0,
            claims: Claims::default(),
        }
    }

    #[allow(clippy::cast_precision_loss)] // at most a few minutes
    fn declared(issuer: &Issuer, keys: TrustedKeys) -> Self {
        Self {
            algorithms: issuer.algorithms.iter().copied().map(algorithm).collect(),
            keys,
            audience: Some(issuer.audience.clone()),
            must_expire: true,
            leeway: issuer.leeway as f64,
            claims: issuer.claims.clone(),
        }
    }

    /// The claims, if the signature is the issuer's, and the generation of its keys.
    async fn signed_claims(
        &self,
        token: &str,
        header: &Header,
    ) -> Result<(Map<String, Value>, u64)> {
        // A header that says it must be understood is not (RFC 7515, 4.1.11).
        if header.crit.is_some() || !self.algorithms.contains(&header.alg) {
            return Err(Error::TokenInvalid);
        }
        let mut validation = Validation::new(header.alg);
        validation.required_spec_claims.clear();
        validation.validate_exp = false;
        validation.validate_aud = false;
        let verified = |key| match decode(token, key, &validation) {
            Ok(verified) => Ok(verified.claims),
            Err(_) => Err(Error::TokenInvalid),
        };
        match &self.keys {
            TrustedKeys::Missing => Err(Error::AuthNotConfigured),
            TrustedKeys::Secret(key) => Ok((verified(key)?, 0)),
            TrustedKeys::Set(source) => match source.key(header.kid.as_deref(), header.alg).await {
                Lookup::Found(key, generation) => Ok((verified(&key.decoding)?, generation)),
                Lookup::Unknown => Err(Error::TokenInvalid),
                Lookup::Unavailable => Err(Error::unavailable(
                    "The keys of the token's issuer cannot be read at present. Try again.",
                    format!("the keys at {} cannot be read", source.place()),
                )),
            },
        }
    }

    fn generation(&self) -> Option<u64> {
        match &self.keys {
            TrustedKeys::Secret(_) => Some(0),
            TrustedKeys::Missing => None,
            TrustedKeys::Set(source) => source.generation(),
        }
    }

    /// RFC 7519, 4.1.3: a token that names an audience is for that audience only.
    fn is_for_us(&self, stated: Option<&Value>) -> bool {
        let Some(audience) = &self.audience else { return true };
        let is_ours =
            |one: &Value| one.as_str().is_some_and(|one| audience.iter().any(|a| a == one));
        match stated {
            None => audience.is_empty(),
            Some(Value::Array(several)) => several.iter().any(is_ours),
            Some(one) => is_ours(one),
        }
    }
}

/// When a token is valid, in seconds since 1970.
#[derive(Clone, Copy)]
struct Times {
    until: Option<f64>,
    from: Option<f64>,
}

impl Times {
    fn read(claims: &Map<String, Value>, must_expire: bool) -> Option<Self> {
        let time = |name| match claims.get(name) {
            None => Some(None),
            Some(value) => value.as_f64().map(Some),
        };
        let times = Self { until: time("exp")?, from: time("nbf")? };
        (times.until.is_some() || !must_expire).then_some(times)
    }

    fn check(self, now: f64, leeway: f64) -> Result<()> {
        if self.until.is_some_and(|until| until + leeway <= now) {
            return Err(Error::TokenExpired);
        }
        if self.from.is_some_and(|from| from - leeway > now) {
            return Err(Error::TokenInvalid);
        }
        Ok(())
    }
}

/// Whole seconds, as tokens count them.
#[allow(clippy::cast_precision_loss)] // exact for some hundred million years
fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs() as f64)
}

fn algorithm(name: issuer::Algorithm) -> Algorithm {
    match name {
        issuer::Algorithm::HS256 => Algorithm::HS256,
        issuer::Algorithm::HS384 => Algorithm::HS384,
        issuer::Algorithm::HS512 => Algorithm::HS512,
        issuer::Algorithm::RS256 => Algorithm::RS256,
        issuer::Algorithm::RS384 => Algorithm::RS384,
        issuer::Algorithm::RS512 => Algorithm::RS512,
        issuer::Algorithm::PS256 => Algorithm::PS256,
        issuer::Algorithm::PS384 => Algorithm::PS384,
        issuer::Algorithm::PS512 => Algorithm::PS512,
        issuer::Algorithm::ES256 => Algorithm::ES256,
        issuer::Algorithm::ES384 => Algorithm::ES384,
        issuer::Algorithm::EdDSA => Algorithm::EdDSA,
    }
}

/// A key file that is missing or broken stops the start, not the first user.
fn from_file(path: PathBuf) -> anyhow::Result<KeySource> {
    let place = path.display().to_string();
    let text = std::fs::read(&path).with_context(|| format!("the key set {place}"))?;
    anyhow::ensure!(text.len() <= MAX_BYTES, "{place} is larger than a key set");
    let source = KeySource::new(place.clone(), fetch::from_file(path));
    source.holding(text.into()).map_err(|e| anyhow::anyhow!("{place}: {e}"))
}

#[cfg(test)]
mod tests;
