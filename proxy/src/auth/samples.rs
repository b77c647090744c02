//! Keys and tokens for tests. The keys are those of the tests from outside.

use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};

/// The private key that signs with `algorithm`.
pub fn private(algorithm: Algorithm) -> EncodingKey {
    match algorithm {
        Algorithm::ES256 => EncodingKey::from_ec_der(KEYS[0]),
        Algorithm::ES384 => EncodingKey::from_ec_der(KEYS[1]),
        Algorithm::EdDSA => EncodingKey::from_ed_der(KEYS[2]),
        _ => EncodingKey::from_rsa_der(KEYS[3]),
    }
}

const KEYS: [&[u8]; 4] = [
    include_bytes!("../../../tests/fixtures/keys/p256.der"),
    include_bytes!("../../../tests/fixtures/keys/p384.der"),
    include_bytes!("../../../tests/fixtures/keys/ed25519.der"),
    include_bytes!("../../../tests/fixtures/keys/rsa.der"),
];

/// Its public half as a JWK with `alg` and without `kid`.
pub fn public(algorithm: Algorithm) -> Value {
    json!(Jwk::from_encoding_key(&private(algorithm), algorithm).unwrap())
}

/// Signs `claims` under a header with this key id.
pub fn token(algorithm: Algorithm, id: Option<&str>, claims: &Value) -> String {
    let header = Header { kid: id.map(str::to_owned), ..Header::new(algorithm) };
    encode(&header, claims, &private(algorithm)).unwrap()
}
