//! What does a user carry?
//!
//! Tokens as the reference's own sign-in would issue them: HS256, issuer `edgebase:user`.
//! [`sign`] makes any other, good or bad.

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};
use std::time::{SystemTime, UNIX_EPOCH};

/// Signs `claims` as they are.
#[must_use]
pub fn sign(secret: &str, algorithm: Algorithm, claims: &Value) -> String {
    let key = EncodingKey::from_secret(secret.as_bytes());
    encode(&Header::new(algorithm), claims, &key).expect("claims can be signed")
}

/// Seconds since 1970.
#[must_use]
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970").as_secs()
}

/// A token valid for an hour; `more` claims are added to subject, issuer and expiry.
#[must_use]
pub fn user(secret: &str, sub: &str, more: &Value) -> String {
    let mut claims = json!({"sub": sub, "iss": "edgebase:user", "exp": now() + 3600});
    if let (Some(all), Some(more)) = (claims.as_object_mut(), more.as_object()) {
        all.extend(more.clone());
    }
    sign(secret, Algorithm::HS256, &claims)
}
