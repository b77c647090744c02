//! What does a user carry?
//!
//! Tokens as the reference's own sign-in would issue them: HS256, issuer `edgebase:user`.
//! [`sign`] makes any other, good or bad, and [`sign_public`] those of issuers with public keys.

use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};
use std::time::{SystemTime, UNIX_EPOCH};

/// Signs `claims` as they are.
#[must_use]
pub fn sign(secret: &str, algorithm: Algorithm, claims: &Value) -> String {
    let key = EncodingKey::from_secret(secret.as_bytes());
    encode(&Header::new(algorithm), claims, &key).expect("claims can be signed")
}

/// The private key of the fixtures that signs with `algorithm`.
///
/// # Panics
/// When the fixtures are missing.
#[must_use]
pub fn private(algorithm: Algorithm) -> EncodingKey {
    let read = |name: &str| std::fs::read(crate::fixture("keys").join(name)).expect("a key");
    match algorithm {
        Algorithm::ES256 => EncodingKey::from_ec_der(&read("p256.der")),
        Algorithm::ES384 => EncodingKey::from_ec_der(&read("p384.der")),
        Algorithm::EdDSA => EncodingKey::from_ed_der(&read("ed25519.der")),
        _ => EncodingKey::from_rsa_der(&read("rsa.der")),
    }
}

/// The public half of [`private`] as a JWK named `id`, for any algorithm of its type.
///
/// # Panics
/// When the fixtures are missing.
#[must_use]
pub fn public(algorithm: Algorithm, id: &str) -> Value {
    let jwk = Jwk::from_encoding_key(&private(algorithm), algorithm).expect("a public key");
    let mut jwk = serde_json::to_value(jwk).expect("a JWK is JSON");
    jwk["kid"] = json!(id);
    jwk["use"] = json!("sig");
    jwk.as_object_mut().expect("a JWK is an object").remove("alg");
    jwk
}

/// Signs `claims` with the key of the fixtures, under a header that names the key `id`.
///
/// # Panics
/// When the fixtures are missing.
#[must_use]
pub fn sign_public(algorithm: Algorithm, id: Option<&str>, claims: &Value) -> String {
    let header = Header { kid: id.map(str::to_owned), ..Header::new(algorithm) };
    encode(&header, claims, &private(algorithm)).expect("claims can be signed")
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
