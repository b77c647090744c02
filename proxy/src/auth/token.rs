//! Is a user token genuine, and what do rules learn from it?
//!
//! HMAC tokens of the issuer `edgebase:user` (contract 4.2). The algorithm list is fixed here
//! and never taken from the token, so neither `none` nor a key confusion can pass; expiry is
//! exact, without leeway.

use crate::error::{Error, Result};
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use serde_json::{Map, Value, json};

/// The issuer of user tokens.
pub const ISSUER: &str = "edgebase:user";

/// Verifies tokens against one secret.
pub struct TokenVerifier {
    key: DecodingKey,
    validation: Validation,
}

impl TokenVerifier {
    /// A verifier for `secret`.
    #[must_use]
    pub fn new(secret: &str) -> Self {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.algorithms = vec![Algorithm::HS256, Algorithm::HS384, Algorithm::HS512];
        validation.set_issuer(&[ISSUER]);
        // A token without `exp` is accepted (contract 4.2); one that has it is held to it.
        validation.set_required_spec_claims(&["iss"]);
        validation.validate_exp = true;
        validation.validate_nbf = true;
        validation.validate_aud = false;
        validation.leeway = 0;
        Self { key: DecodingKey::from_secret(secret.as_bytes()), validation }
    }

    /// The auth context that rules see.
    ///
    /// # Errors
    /// Expired or invalid.
    pub fn verify(&self, token: &str) -> Result<Value> {
        let claims = decode::<Map<String, Value>>(token, &self.key, &self.validation)
            .map_err(|e| match e.kind() {
                ErrorKind::ExpiredSignature => Error::TokenExpired,
                _ => Error::TokenInvalid,
            })?
            .claims;
        if claims.get("type").and_then(Value::as_str) == Some("refresh") {
            return Err(Error::TokenInvalid);
        }
        context(&claims).ok_or(Error::TokenInvalid)
    }
}

/// Contract 4.2. A token without a subject names nobody, so it is refused: a rule that compares
/// `auth.id` with a field could otherwise match on undefined.
fn context(claims: &Map<String, Value>) -> Option<Value> {
    let id = claims.get("sub").filter(|v| v.as_str().is_some_and(|s| !s.is_empty()))?;
    let mut auth = Map::new();
    auth.insert("id".into(), id.clone());
    if let Some(email) = claims.get("email").filter(|v| v.is_string()) {
        auth.insert("email".into(), email.clone());
    }
    let role = claims.get("role").filter(|v| !v.is_null()).cloned();
    auth.insert("role".into(), role.unwrap_or_else(|| json!("user")));
    let anonymous = claims.get("isAnonymous").filter(|v| !v.is_null()).cloned();
    auth.insert("isAnonymous".into(), anonymous.unwrap_or(Value::Bool(false)));
    if let Some(custom) = claims.get("custom").filter(|v| v.is_object()) {
        auth.insert("custom".into(), custom.clone());
    }
    if let Some(memberships) = claims.get("memberships").filter(|v| v.is_array()) {
        auth.insert("memberships".into(), memberships.clone());
    }
    auth.insert("meta".into(), json!({}));
    Some(Value::Object(auth))
}

#[cfg(test)]
mod tests {
    use super::*;
    use jsonwebtoken::{EncodingKey, Header, encode};

    fn token(claims: Value, algorithm: Algorithm, secret: &str) -> String {
        encode(&Header::new(algorithm), &claims, &EncodingKey::from_secret(secret.as_bytes()))
            .unwrap()
    }

    #[test]
    fn only_fresh_tokens_of_the_issuer_signed_with_the_secret_pass() {
        let verifier = TokenVerifier::new("secret");
        let good = json!({"sub": "u1", "iss": ISSUER, "exp": 4_000_000_000_u64, "custom": {"plan": "pro"}});
        for algorithm in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
            let auth = verifier.verify(&token(good.clone(), algorithm, "secret")).unwrap();
            assert_eq!(
                auth,
                json!({"id": "u1", "role": "user", "isAnonymous": false, "custom": {"plan": "pro"}, "meta": {}})
            );
        }
        let bad = |claims: Value, secret| {
            verifier.verify(&token(claims, Algorithm::HS256, secret)).unwrap_err().word()
        };
        assert_eq!(bad(good.clone(), "other"), Some("TOKEN_INVALID"));
        assert_eq!(
            bad(json!({"sub": "u1", "iss": ISSUER, "exp": 1}), "secret"),
            Some("TOKEN_EXPIRED")
        );
        assert_eq!(bad(json!({"sub": "u1", "iss": "other"}), "secret"), Some("TOKEN_INVALID"));
        assert_eq!(bad(json!({"sub": "u1"}), "secret"), Some("TOKEN_INVALID"));
        assert_eq!(bad(json!({"iss": ISSUER}), "secret"), Some("TOKEN_INVALID"));
        assert_eq!(
            bad(json!({"sub": "u1", "iss": ISSUER, "type": "refresh"}), "secret"),
            Some("TOKEN_INVALID")
        );
        assert_eq!(
            bad(json!({"sub": "u1", "iss": ISSUER, "nbf": 4_000_000_000_u64}), "secret"),
            Some("TOKEN_INVALID")
        );
        assert!(
            verifier
                .verify(&token(json!({"sub": "u1", "iss": ISSUER}), Algorithm::HS256, "secret"))
                .is_ok()
        );
        for junk in [
            "",
            "abc",
            "a.b.c",
            "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ1MSIsImlzcyI6ImVkZ2ViYXNlOnVzZXIifQ.",
        ] {
            assert_eq!(verifier.verify(junk).unwrap_err().word(), Some("TOKEN_INVALID"), "{junk}");
        }
    }
}
