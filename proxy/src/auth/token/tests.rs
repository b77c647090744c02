use super::*;
use crate::auth::samples::{public, token};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use edgebase_blocks::Config;
use jsonwebtoken::{EncodingKey, encode};
use serde_json::json;

const FAR: u64 = 4_000_000_000;

fn verifier(tokens: &Value, secret: &str, folder: &Path) -> TokenVerifier {
    let config = Config::from_json(&json!({"auth": {"tokens": tokens}})).unwrap();
    let environment = HashMap::from([
        (SECRET_VARIABLE.to_owned(), secret.to_owned()),
        ("PARTNER".to_owned(), "partner secret".to_owned()),
    ]);
    TokenVerifier::new(&config.issuers, &environment, folder, None).unwrap()
}

/// A folder with a key set of every kind of key, each named by its algorithm.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let keys: Vec<Value> = [Algorithm::RS256, Algorithm::ES256, Algorithm::ES384, Algorithm::EdDSA]
        .into_iter()
        .map(|algorithm| {
            let mut key = public(algorithm);
            key["kid"] = json!(format!("{algorithm:?}"));
            key.as_object_mut().unwrap().remove("alg");
            key
        })
        .collect();
    std::fs::write(folder.path().join("keys.json"), json!({"keys": keys}).to_string()).unwrap();
    folder
}

fn hmac(claims: &Value, algorithm: Algorithm, secret: &[u8]) -> String {
    encode(&Header::new(algorithm), claims, &EncodingKey::from_secret(secret)).unwrap()
}

async fn word(verifier: &TokenVerifier, token: &str) -> Option<&'static str> {
    // Twice, because what is remembered has to be refused all the same.
    let first = verifier.verify(token).await.err().and_then(|e| e.word());
    assert_eq!(first, verifier.verify(token).await.err().and_then(|e| e.word()));
    first
}

#[tokio::test]
async fn only_fresh_tokens_of_edgebase_signed_with_the_secret_pass() {
    let verifier = verifier(&json!([]), "secret", Path::new("."));
    let good = json!({"sub": "u1", "iss": ISSUER, "exp": FAR, "custom": {"plan": "pro"}});
    for algorithm in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
        let auth = verifier.verify(&hmac(&good, algorithm, b"secret")).await.unwrap();
        assert_eq!(
            *auth,
            json!({"id": "u1", "role": "user", "isAnonymous": false, "custom": {"plan": "pro"}, "meta": {}})
        );
    }
    let without = |key: &str, value: Value| {
        let mut claims = good.clone();
        claims[key] = value;
        hmac(&claims, Algorithm::HS256, b"secret")
    };
    for (token, expected) in [
        (hmac(&good, Algorithm::HS256, b"other"), "TOKEN_INVALID"),
        (without("exp", json!(1)), "TOKEN_EXPIRED"),
        (without("exp", json!("4000000000")), "TOKEN_INVALID"),
        (without("exp", json!(null)), "TOKEN_INVALID"),
        (without("nbf", json!(FAR)), "TOKEN_INVALID"),
        (without("iss", json!("other")), "TOKEN_INVALID"),
        (without("iss", json!([ISSUER])), "TOKEN_INVALID"),
        (without("iss", json!(null)), "TOKEN_INVALID"),
        (without("sub", json!(null)), "TOKEN_INVALID"),
        (without("sub", json!("")), "TOKEN_INVALID"),
        (without("type", json!("refresh")), "TOKEN_INVALID"),
        (String::new(), "TOKEN_INVALID"),
        ("abc".into(), "TOKEN_INVALID"),
        ("a.b.c".into(), "TOKEN_INVALID"),
        ("...".into(), "TOKEN_INVALID"),
    ] {
        assert_eq!(word(&verifier, &token).await, Some(expected), "{token}");
    }
    // For ever, for anybody and from the future: all of it is the reference's way.
    for more in [json!({}), json!({"aud": "somebody"}), json!({"exp": FAR, "iat": FAR})] {
        let mut claims = json!({"sub": "u1", "iss": ISSUER});
        claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        assert_eq!(word(&verifier, &hmac(&claims, Algorithm::HS256, b"secret")).await, None);
    }
}

#[tokio::test]
async fn who_declares_the_references_issuer_says_for_whom_its_tokens_are() {
    let of = |aud: Value| {
        let claims = json!({"sub": "u", "iss": ISSUER, "exp": FAR, "aud": aud});
        hmac(&claims, Algorithm::HS256, b"secret")
    };
    let entry = json!({"issuer": ISSUER, "secret": SECRET_VARIABLE});
    let open = verifier(&json!([entry]), "secret", Path::new("."));
    assert_eq!(word(&open, &of(json!("somebody"))).await, Some("TOKEN_INVALID"));
    let mut entry = entry;
    entry["audience"] = json!("app");
    let strict = verifier(&json!([entry]), "secret", Path::new("."));
    assert_eq!(word(&strict, &of(json!("somebody"))).await, Some("TOKEN_INVALID"));
    assert_eq!(word(&strict, &of(json!("app"))).await, None);
}

#[tokio::test]
async fn an_issuer_with_public_keys_is_believed_in_every_algorithm_of_its_keys() {
    let folder = folder();
    let verifier =
        verifier(&json!([{"issuer": "id", "jwks": "keys.json"}]), "secret", folder.path());
    let good = json!({"sub": "u", "iss": "id", "exp": FAR});
    for (algorithm, key) in [
        (Algorithm::RS256, "RS256"),
        (Algorithm::RS384, "RS256"),
        (Algorithm::RS512, "RS256"),
        (Algorithm::PS256, "RS256"),
        (Algorithm::PS384, "RS256"),
        (Algorithm::PS512, "RS256"),
        (Algorithm::ES256, "ES256"),
        (Algorithm::ES384, "ES384"),
        (Algorithm::EdDSA, "EdDSA"),
    ] {
        let signed = token(algorithm, Some(key), &good);
        assert_eq!(verifier.verify(&signed).await.unwrap()["id"], "u", "{algorithm:?}");
        // Without a key id there is one key of each type; with another's there is none.
        assert_eq!(word(&verifier, &token(algorithm, None, &good)).await, None);
        for id in ["", "nope", "../keys.json", "keys.json", "' OR 1=1 --", "RS256\0"] {
            let token = token(algorithm, Some(id), &good);
            assert_eq!(word(&verifier, &token).await, Some("TOKEN_INVALID"), "{id}");
        }
        let foreign = token(algorithm, Some(key), &json!({"sub": "u", "iss": ISSUER, "exp": FAR}));
        assert_eq!(word(&verifier, &foreign).await, Some("TOKEN_INVALID"));
        for_ever(&verifier, algorithm, key).await;
    }
}

async fn for_ever(verifier: &TokenVerifier, algorithm: Algorithm, key: &str) {
    let token = token(algorithm, Some(key), &json!({"sub": "u", "iss": "id"}));
    assert_eq!(word(verifier, &token).await, Some("TOKEN_INVALID"));
}

#[tokio::test]
async fn the_token_cannot_choose_how_it_is_verified() {
    let folder = folder();
    let keys = std::fs::read_to_string(folder.path().join("keys.json")).unwrap();
    let set: Value = serde_json::from_str(&keys).unwrap();
    let verifier = verifier(
        &json!([
            {"issuer": "id", "jwks": "keys.json", "algorithms": ["RS256", "ES256"]},
            {"issuer": "partner", "secret": "PARTNER", "algorithms": ["HS512"]},
            {"issuer": "unset", "secret": "NOBODY_SET_THIS"},
        ]),
        "secret",
        folder.path(),
    );
    let claims = json!({"sub": "u", "iss": "id", "exp": FAR});
    // Everything public of the keys, taken for a shared secret.
    let mut secrets: Vec<Vec<u8>> = vec![keys.clone().into_bytes(), Vec::new(), b"secret".to_vec()];
    for key in set["keys"].as_array().unwrap() {
        secrets.push(key.to_string().into_bytes());
        for part in ["n", "e", "x", "y", "kid"] {
            if let Some(text) = key[part].as_str() {
                secrets.push(text.as_bytes().to_vec());
                secrets.extend(URL_SAFE_NO_PAD.decode(text));
            }
        }
    }
    for secret in &secrets {
        for algorithm in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
            for id in [None, Some("RS256".to_owned())] {
                let header = Header { kid: id, ..Header::new(algorithm) };
                let token = encode(&header, &claims, &EncodingKey::from_secret(secret)).unwrap();
                assert_eq!(word(&verifier, &token).await, Some("TOKEN_INVALID"));
            }
        }
    }
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = token(Algorithm::RS256, Some("RS256"), &claims);
    let (message, signature) = signed.rsplit_once('.').unwrap();
    let payload = message.split_once('.').unwrap().1;
    let forged = part(&json!({"sub": "admin", "iss": "id", "exp": FAR}));
    for header in [
        json!({"alg": "none"}),
        json!({"alg": "None", "kid": "RS256"}),
        json!({"alg": "NONE"}),
        json!({"alg": ""}),
        json!({"alg": null}),
        json!({"kid": "RS256"}),
        json!({"alg": "RS256", "kid": ["RS256"]}),
        json!({"alg": "RS256", "kid": "RS256", "crit": ["exp"], "exp": FAR}),
        json!({"alg": "RS256", "kid": "RS256", "jwk": public(Algorithm::ES256)}),
        json!({"alg": "ES256", "kid": "RS256"}),
        json!({"alg": "RS256", "kid": "ES256"}),
    ] {
        for payload in [payload, &forged] {
            for signature in [signature, ""] {
                let token = format!("{}.{payload}.{signature}", part(&header));
                assert_eq!(word(&verifier, &token).await, Some("TOKEN_INVALID"), "{header}");
            }
        }
    }
    // Not in the issuer's list, though its keys could.
    for algorithm in [Algorithm::PS256, Algorithm::ES384, Algorithm::EdDSA] {
        let token = token(algorithm, None, &claims);
        assert_eq!(word(&verifier, &token).await, Some("TOKEN_INVALID"), "{algorithm:?}");
    }
    // Each issuer with its own secret only.
    let of = |issuer: &str| json!({"sub": "u", "iss": issuer, "exp": FAR});
    let partner: &[u8] = b"partner secret";
    for (issuer, algorithm, secret, expected) in [
        ("partner", Algorithm::HS512, partner, None),
        ("partner", Algorithm::HS256, partner, Some("TOKEN_INVALID")),
        ("partner", Algorithm::HS512, &b"secret"[..], Some("TOKEN_INVALID")),
        (ISSUER, Algorithm::HS512, partner, Some("TOKEN_INVALID")),
        (ISSUER, Algorithm::HS512, &b"secret"[..], None),
        ("unset", Algorithm::HS512, &b""[..], Some("AUTH_NOT_CONFIGURED")),
    ] {
        let token = hmac(&of(issuer), algorithm, secret);
        assert_eq!(word(&verifier, &token).await, expected, "{issuer} {algorithm:?}");
    }
}

#[tokio::test]
async fn audience_leeway_and_mapping_are_the_issuers() {
    let folder = folder();
    let verifier = verifier(
        &json!([
            {"issuer": "strict", "jwks": "keys.json", "audience": ["api", "app"]},
            {"issuer": "open", "jwks": "keys.json", "leeway": 120, "claims": {"id": "user.id", "role": "user.roles"}},
        ]),
        "secret",
        folder.path(),
    );
    let now = now();
    let of = |issuer: &str, more: Value| {
        let mut claims =
            json!({"sub": "u", "iss": issuer, "exp": FAR, "user": {"id": "x", "roles": ["a"]}});
        claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        token(Algorithm::ES256, Some("ES256"), &claims)
    };
    for (issuer, more, expected) in [
        ("strict", json!({"aud": "api"}), None),
        ("strict", json!({"aud": ["other", "app"]}), None),
        ("strict", json!({}), Some("TOKEN_INVALID")),
        ("strict", json!({"aud": "API"}), Some("TOKEN_INVALID")),
        ("strict", json!({"aud": ["other"]}), Some("TOKEN_INVALID")),
        ("strict", json!({"aud": []}), Some("TOKEN_INVALID")),
        ("strict", json!({"aud": {"api": true}}), Some("TOKEN_INVALID")),
        ("strict", json!({"aud": "api", "exp": now - 1.0}), Some("TOKEN_EXPIRED")),
        ("open", json!({}), None),
        ("open", json!({"aud": "api"}), Some("TOKEN_INVALID")),
        ("open", json!({"exp": now - 60.0, "nbf": now + 60.0}), None),
        ("open", json!({"exp": now - 180.0}), Some("TOKEN_EXPIRED")),
        ("open", json!({"nbf": now + 180.0}), Some("TOKEN_INVALID")),
        ("open", json!({"user": {}}), Some("TOKEN_INVALID")),
    ] {
        assert_eq!(word(&verifier, &of(issuer, more.clone())).await, expected, "{issuer} {more}");
    }
    let auth = verifier.verify(&of("open", json!({}))).await.unwrap();
    assert_eq!((&auth["id"], &auth["role"]), (&json!("x"), &json!(["a"])));
}

#[tokio::test]
async fn a_remembered_token_expires_and_does_not_outlive_its_key() {
    let folder = folder();
    let verifier =
        verifier(&json!([{"issuer": "id", "jwks": "keys.json"}]), "secret", folder.path());
    let expired =
        hmac(&json!({"sub": "u", "iss": ISSUER, "exp": now() + 2.0}), Algorithm::HS256, b"secret");
    let signed =
        token(Algorithm::ES256, Some("ES256"), &json!({"sub": "u", "iss": "id", "exp": FAR}));
    assert_eq!((word(&verifier, &expired).await, word(&verifier, &signed).await), (None, None));
    assert_eq!(verifier.known.iter().count(), 2);
    std::fs::write(folder.path().join("keys.json"), "{\"keys\":[]}").unwrap();
    // Until the source may be read again; the token's time is over as well by then.
    tokio::time::sleep(crate::auth::key_source::PAUSE).await;
    assert_eq!(
        word(&verifier, &token(Algorithm::ES256, Some("new"), &json!({"iss": "id"}))).await,
        Some("TOKEN_INVALID")
    );
    assert_eq!(word(&verifier, &signed).await, Some("TOKEN_INVALID"));
    assert_eq!(word(&verifier, &expired).await, Some("TOKEN_EXPIRED"));
}

#[tokio::test]
async fn without_any_issuer_nothing_can_be_said_and_a_broken_key_file_stops_the_start() {
    let none = TokenVerifier::new(&[], &HashMap::new(), Path::new("."), None).unwrap();
    assert_eq!(word(&none, "abc").await, Some("AUTH_NOT_CONFIGURED"));
    let folder = folder();
    for (name, text) in [("broken.json", Some("{}")), ("absent.json", None)] {
        if let Some(text) = text {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let entry = json!([{"issuer": "id", "jwks": name}]);
        let config = Config::from_json(&json!({"auth": {"tokens": entry}})).unwrap();
        let made = TokenVerifier::new(&config.issuers, &HashMap::new(), folder.path(), None);
        assert!(made.is_err_and(|e| format!("{e:#}").contains(name)), "{name}");
    }
}

#[tokio::test]
async fn a_reload_keeps_the_keys_that_were_read() {
    let folder = folder();
    let entry = json!([{"issuer": "id", "jwks": "keys.json"}]);
    let first = verifier(&entry, "secret", folder.path());
    first.prepare().await;
    let config = Config::from_json(&json!({"auth": {"tokens": entry}})).unwrap();
    let second =
        TokenVerifier::new(&config.issuers, &HashMap::new(), folder.path(), Some(&first)).unwrap();
    let generations: Vec<_> = second.sources().map(KeySource::generation).collect();
    assert_eq!(generations, [Some(0)]);
}
