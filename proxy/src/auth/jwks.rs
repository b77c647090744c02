//! Which keys does a JSON Web Key Set hold, and which one verifies a token?
//!
//! A key says itself which algorithms it may be used with, by its type, curve, `alg`, `use` and
//! `key_ops`; the token only asks. A set never holds a shared secret, so a public key cannot be
//! taken for one, and a key that is of no use (another type, too short, malformed) is left out
//! rather than failing the set.

use base64::Engine as _;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use jsonwebtoken::jwk::{
    AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse,
};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use serde_json::Value;
use std::sync::Arc;

/// Keys of one set; more is no key set of one issuer.
const MAX_KEYS: usize = 100;
/// Sizes of RSA keys: shorter ones are broken, longer ones are not verified by the library.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2_048..=4_096;

/// The usable keys of a set.
pub struct KeySet {
    keys: Vec<Arc<Key>>,
}

/// One public key.
pub struct Key {
    id: Option<String>,
    algorithms: Vec<Algorithm>,
    /// What verifies signatures.
    pub decoding: DecodingKey,
}

#[derive(Deserialize)]
struct Document {
    keys: Vec<Value>,
}

impl KeySet {
    /// Reads a set. One without usable keys is a set, too: an issuer may have withdrawn them all.
    ///
    /// # Errors
    /// When the text is no key set.
    pub fn parse(text: &[u8]) -> Result<Self, String> {
        let document: Document = serde_json::from_slice(text)
            .map_err(|e| format!("that is no JSON Web Key Set: {e}"))?;
        if document.keys.len() > MAX_KEYS {
            return Err(format!("that key set has more than {MAX_KEYS} keys"));
        }
        let keys = document
            .keys
            .into_iter()
            .filter_map(|value| match Key::read(value) {
                Ok(key) => Some(Arc::new(key)),
                Err(reason) => {
                    tracing::debug!(reason, "a key of a key set is left out");
                    None
                }
            })
            .collect();
        Ok(Self { keys })
    }

    /// The one key that may verify such a token. A token without a key id is understood where
    /// only one key fits; two keys that both fit are none.
    #[must_use]
    pub fn find(&self, id: Option<&str>, algorithm: Algorithm) -> Option<&Arc<Key>> {
        let mut fitting = self.keys.iter().filter(|key| {
            (id.is_none() || key.id.as_deref() == id) && key.algorithms.contains(&algorithm)
        });
        match (fitting.next(), fitting.next()) {
            (Some(key), None) => Some(key),
            _ => None,
        }
    }

    /// How many keys are usable.
    #[must_use]
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether no key is usable.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }
}

impl Key {
    fn read(value: Value) -> Result<Self, &'static str> {
        let jwk: Jwk = serde_json::from_value(value).map_err(|_| "it is malformed")?;
        let common = &jwk.common;
        if common.public_key_use.as_ref().is_some_and(|u| *u != PublicKeyUse::Signature) {
            return Err("its use is not sig");
        }
        if common.key_operations.as_ref().is_some_and(|o| !o.contains(&KeyOperations::Verify)) {
            return Err("its key_ops have no verify");
        }
        let possible = possible(&jwk.algorithm)?;
        let algorithms = match common.key_algorithm {
            None => possible.to_vec(),
            Some(stated) => possible
                .iter()
                .copied()
                .filter(|algorithm| KeyAlgorithm::from(*algorithm) == stated)
                .collect(),
        };
        let decoding = DecodingKey::from_jwk(&jwk).map_err(|_| "it is malformed")?;
        let Some(first) = algorithms.first() else {
            return Err("its alg does not go with its type");
        };
        // Builds the verifier, which says whether the numbers are a key.
        jsonwebtoken::crypto::verify("", b"", &decoding, *first).map_err(|_| "it is malformed")?;
        Ok(Self { id: jwk.common.key_id, algorithms, decoding })
    }
}

/// What a key of this type can verify.
fn possible(key: &AlgorithmParameters) -> Result<&'static [Algorithm], &'static str> {
    use Algorithm::{ES256, ES384, EdDSA, PS256, PS384, PS512, RS256, RS384, RS512};
    match key {
        AlgorithmParameters::RSA(rsa) => {
            let modulus = bytes(&rsa.n)?;
            let bits =
                modulus.iter().skip_while(|b| **b == 0).enumerate().fold(0, |bits, (i, b)| {
                    if i == 0 { 8 - b.leading_zeros() as usize } else { bits + 8 }
                });
            if RSA_BITS.contains(&bits) {
                Ok(&[RS256, RS384, RS512, PS256, PS384, PS512])
            } else {
                Err("it is an RSA key of fewer than 2048 or more than 4096 bits")
            }
        }
        AlgorithmParameters::EllipticCurve(ec) => match ec.curve {
            EllipticCurve::P256 => Ok(&[ES256]),
            EllipticCurve::P384 => Ok(&[ES384]),
            _ => Err("its curve is not supported"),
        },
        // The library indexes into the bytes without looking at their number.
        AlgorithmParameters::OctetKeyPair(okp) => match okp.curve {
            EllipticCurve::Ed25519 if bytes(&okp.x)?.len() == 32 => Ok(&[EdDSA]),
            _ => Err("its curve is not supported"),
        },
        AlgorithmParameters::OctetKey(_) => Err("a shared secret has no place in a key set"),
        _ => Err("its type is not supported"),
    }
}

fn bytes(text: &str) -> Result<Vec<u8>, &'static str> {
    const ENGINE: GeneralPurpose = GeneralPurpose::new(
        &base64::alphabet::URL_SAFE,
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
    );
    ENGINE.decode(text).map_err(|_| "it is malformed")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::samples::public;
    use serde_json::json;

    fn set(keys: &[Value]) -> KeySet {
        KeySet::parse(json!({"keys": keys}).to_string().as_bytes()).unwrap()
    }

    fn with(mut key: Value, name: &str, value: &str) -> Value {
        key[name] = value.into();
        key
    }

    #[test]
    fn a_key_verifies_what_its_type_and_alg_say_and_nothing_else() {
        for (algorithm, others) in [
            (Algorithm::RS256, vec![Algorithm::PS512]),
            (Algorithm::ES256, vec![]),
            (Algorithm::ES384, vec![]),
            (Algorithm::EdDSA, vec![]),
        ] {
            let key = with(public(algorithm), "kid", "a");
            let (stated, mut bare) = (key.clone(), key);
            bare.as_object_mut().unwrap().remove("alg");
            for all in [Algorithm::HS256, Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA] {
                let fits = set(std::slice::from_ref(&stated)).find(Some("a"), all).is_some();
                assert_eq!(fits, all == algorithm, "{algorithm:?} {all:?}");
            }
            for other in others {
                assert!(set(&[bare.clone()]).find(Some("a"), other).is_some());
                assert!(set(std::slice::from_ref(&stated)).find(Some("a"), other).is_none());
            }
        }
    }

    #[test]
    fn the_key_id_decides_and_ambiguity_is_no_key() {
        let (a, b) = (
            with(public(Algorithm::ES256), "kid", "a"),
            with(public(Algorithm::ES256), "kid", "b"),
        );
        let both = set(&[a.clone(), b]);
        assert!(both.find(Some("a"), Algorithm::ES256).is_some());
        for id in [None, Some("c"), Some(""), Some("../a"), Some("A")] {
            assert!(both.find(id, Algorithm::ES256).is_none(), "{id:?}");
        }
        assert!(set(std::slice::from_ref(&a)).find(None, Algorithm::ES256).is_some());
        assert!(set(&[a.clone(), a]).find(Some("a"), Algorithm::ES256).is_none());
        assert!(set(&[public(Algorithm::ES256)]).find(Some("a"), Algorithm::ES256).is_none());
    }

    #[test]
    fn keys_that_are_of_no_use_are_left_out() {
        let rsa = public(Algorithm::RS256);
        for bad in [
            json!({"kty": "oct", "k": "c2VjcmV0", "alg": "HS256"}),
            json!({"kty": "oct", "k": "c2VjcmV0"}),
            json!({"kty": "OKP", "crv": "Ed25519", "x": "AAAA"}),
            json!({"kty": "OKP", "crv": "Ed448", "x": "AAAA"}),
            json!({"kty": "EC", "crv": "P-256", "x": "AAAA", "y": "AAAA"}),
            json!({"kty": "EC", "crv": "P-521", "x": "AAAA", "y": "AAAA"}),
            json!({"kty": "RSA", "n": "AQAB", "e": "AQAB"}),
            json!({"kty": "RSA", "n": "!", "e": "AQAB"}),
            json!({"kty": "RSA"}),
            with(rsa.clone(), "use", "enc"),
            with(rsa.clone(), "alg", "RSA-OAEP"),
            with(rsa.clone(), "alg", "HS256"),
            with(rsa.clone(), "alg", "ES256"),
            json!({"kty": "nonsense"}),
            json!("text"),
            json!(null),
        ] {
            let keys = set(&[bad.clone(), rsa.clone()]);
            assert_eq!(keys.len(), 1, "{bad}");
        }
        let mut signs = rsa;
        signs["key_ops"] = json!(["sign"]);
        assert!(set(&[signs]).is_empty());
        assert!(set(&[]).is_empty());
    }

    #[test]
    fn what_is_no_key_set_is_refused() {
        let many = json!({"keys": vec![json!({}); 101]}).to_string();
        for text in ["", "<html>", "{}", "[]", "{\"keys\":{}}", "null", &many] {
            assert!(KeySet::parse(text.as_bytes()).is_err(), "{text}");
        }
    }
}
