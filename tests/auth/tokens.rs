//! Are users of every trusted issuer known for who they are, and nobody else?

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use edgebase_tests::token::{now, public, sign, sign_public};
use edgebase_tests::{Answer, Issuer, Product, Reply, Settings, fixture};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};
use std::sync::LazyLock;
use std::time::Duration;
use tokio::time::sleep;

const SEEN: &str = "/api/db/app/tables/seen";
/// The server asks an issuer again no sooner than this.
const PAUSE: Duration = Duration::from_millis(5_500);

struct World {
    product: Product,
    issuer: Issuer,
}

static WORLD: LazyLock<World> = LazyLock::new(|| {
    let issuer = Issuer::start();
    issuer.says("stable", Reply::Keys(every_key()));
    issuer.says("picky", Reply::Keys(every_key()));
    issuer.says("rotating", Reply::Keys(vec![public(Algorithm::ES256, "first")]));
    issuer.says("flooded", Reply::Keys(every_key()));
    issuer.says("slow", Reply::Silence);
    issuer.says("huge", Reply::Endless);
    issuer.says("page", Reply::Text("<html><body>Sign in</body></html>".into()));
    issuer.says("moved", Reply::Redirect("/stable"));
    issuer.says("failing", Reply::Status(500, every_key()));
    issuer.says("gone", Reply::Status(404, every_key()));
    let keys = std::env::temp_dir().join(format!("edgebase-keys-{}.json", std::process::id()));
    std::fs::write(&keys, json!({"keys": every_key()}).to_string()).expect("a key file");
    let environment = [
        ("EDGEBASE_PUBLIC_ISSUER", issuer.url.clone()),
        ("EDGEBASE_PUBLIC_KEYS", keys.display().to_string()),
        ("PARTNER_SECRET", "partner secret".into()),
    ];
    let environment = environment.map(|(name, value)| (name.to_owned(), value)).into();
    let product =
        Product::start_with(&fixture("tokens.ts"), Settings { environment, ..Settings::default() });
    let _ = std::fs::remove_file(&keys);
    World { product, issuer }
});

/// One key of each type, named after an algorithm.
fn every_key() -> Vec<Value> {
    [Algorithm::RS256, Algorithm::ES256, Algorithm::ES384, Algorithm::EdDSA]
        .map(|algorithm| public(algorithm, &format!("{algorithm:?}")))
        .into()
}

fn claims(issuer: &str) -> Value {
    json!({"sub": "u", "iss": issuer, "exp": now() + 600})
}

fn with(issuer: &str, more: Value) -> Value {
    let mut claims = claims(issuer);
    for (name, value) in more.as_object().unwrap() {
        claims[name] = value.clone();
    }
    claims
}

fn es256(claims: &Value) -> String {
    sign_public(Algorithm::ES256, Some("ES256"), claims)
}

/// What rules are told about the bearer.
async fn ask(token: &str) -> Answer {
    WORLD.product.anonymous().bearer(token).post(SEEN, &json!({})).await
}

async fn who(token: &str) -> Value {
    ask(token).await.expect(201)["auth"].clone()
}

#[track_caller]
fn refused(answer: &Answer, word: &str, what: &str) {
    assert_eq!(
        (answer.status, &answer.body["error"]),
        (401, &json!(word)),
        "{what}: {}",
        answer.text
    );
    assert_eq!(answer.body["code"], 401);
}

/// Nothing is said of the token: whoever sent it keeps it and comes again.
#[track_caller]
fn unverified(answer: &Answer, what: &str) {
    answer.refused(503, "The keys of the token's issuer cannot be read at present. Try again.");
    assert_eq!(answer.headers["retry-after"], "1", "{what}");
}

#[tokio::test]
async fn every_algorithm_of_an_issuers_keys_is_understood() {
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
        let auth = who(&sign_public(algorithm, Some(key), &claims("stable"))).await;
        let expected = json!({"id": "u", "role": "user", "isAnonymous": false, "meta": {}});
        assert_eq!(auth, expected, "{algorithm:?}");
    }
    // EdgeBase's own users and those of a partner with a secret of its own are there as well.
    let secret = &WORLD.product.jwt_secret;
    assert_eq!(who(&sign(secret, Algorithm::HS256, &claims("edgebase:user"))).await["id"], "u");
    assert_eq!(who(&sign("partner secret", Algorithm::HS512, &claims("partner"))).await["id"], "u");
}

#[tokio::test]
async fn claims_become_what_the_issuers_mapping_says() {
    let more = json!({
        "sub": "not this", "user": {"id": "x-1"}, "mail": "x@example.com",
        "https://example.com/role": ["admin", "editor"],
        "app": {"plan": "pro"}, "custom": {"plan": "not this"}, "role": "not this"
    });
    assert_eq!(
        who(&es256(&with("mapped", more))).await,
        json!({"id": "x-1", "email": "x@example.com", "role": ["admin", "editor"], "isAnonymous": false,
            "custom": {"plan": "pro"}, "meta": {}})
    );
    for user in [json!({}), json!({"id": ""}), json!({"id": 5}), json!("x")] {
        let answer = ask(&es256(&with("mapped", json!({"user": user})))).await;
        refused(&answer, "TOKEN_INVALID", &user.to_string());
    }
}

#[tokio::test]
async fn what_the_issuer_did_not_mean_is_refused() {
    let (past, future) = (now() - 30, now() + 600);
    for (token, word, what) in [
        (es256(&with("stable", json!({"exp": past}))), "TOKEN_EXPIRED", "expired"),
        (es256(&with("stable", json!({"exp": null}))), "TOKEN_INVALID", "without expiry"),
        (es256(&with("stable", json!({"exp": "never"}))), "TOKEN_INVALID", "expiry no number"),
        (es256(&with("stable", json!({"nbf": future}))), "TOKEN_INVALID", "not yet"),
        (es256(&with("stable", json!({"sub": null}))), "TOKEN_INVALID", "without subject"),
        (es256(&with("stable", json!({"sub": ""}))), "TOKEN_INVALID", "empty subject"),
        (es256(&with("stable", json!({"type": "refresh"}))), "TOKEN_INVALID", "refresh token"),
        (es256(&with("stable", json!({"aud": "api"}))), "TOKEN_INVALID", "for somebody else"),
        (es256(&with("stable", json!({"iss": "Stable"}))), "TOKEN_INVALID", "another issuer"),
        (es256(&with("stable", json!({"iss": "stable/"}))), "TOKEN_INVALID", "another issuer"),
        (es256(&with("stable", json!({"iss": ["stable"]}))), "TOKEN_INVALID", "several issuers"),
        (es256(&with("stable", json!({"iss": null}))), "TOKEN_INVALID", "no issuer"),
        (es256(&claims("edgebase:user")), "TOKEN_INVALID", "issuer with another key"),
        (es256(&claims("partner")), "TOKEN_INVALID", "issuer with another key"),
        (es256(&claims("picky")), "TOKEN_INVALID", "no audience"),
        (es256(&with("picky", json!({"aud": "other"}))), "TOKEN_INVALID", "wrong audience"),
        (es256(&with("picky", json!({"aud": ["other"]}))), "TOKEN_INVALID", "wrong audiences"),
        (
            es256(&with("picky", json!({"aud": "api", "exp": now() - 90}))),
            "TOKEN_EXPIRED",
            "beyond the leeway",
        ),
        (
            sign_public(Algorithm::RS256, Some("RS256"), &with("picky", json!({"aud": "api"}))),
            "TOKEN_INVALID",
            "algorithm not listed",
        ),
        (
            sign("partner secret", Algorithm::HS256, &claims("partner")),
            "TOKEN_INVALID",
            "algorithm not listed",
        ),
        (
            sign("partner secret", Algorithm::HS512, &claims("edgebase:user")),
            "TOKEN_INVALID",
            "another's secret",
        ),
        (
            sign(&WORLD.product.jwt_secret, Algorithm::HS512, &claims("partner")),
            "TOKEN_INVALID",
            "another's secret",
        ),
    ] {
        refused(&ask(&token).await, word, what);
    }
    for more in [
        json!({"aud": "app"}),
        json!({"aud": ["other", "api"]}),
        json!({"aud": "api", "exp": past}),
    ] {
        assert_eq!(
            who(&es256(&with("picky", more))).await["id"],
            "u",
            "within audience and leeway"
        );
    }
}

#[tokio::test]
async fn a_token_cannot_choose_how_it_is_verified() {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let rsa = public(Algorithm::RS256, "RS256");
    let decoded = URL_SAFE_NO_PAD.decode(rsa["n"].as_str().unwrap()).unwrap();
    let mut tokens = Vec::new();
    // The public key as a shared secret, in every form that a careless server might use.
    for secret in [
        rsa.to_string().into_bytes(),
        json!({"keys": every_key()}).to_string().into_bytes(),
        rsa["n"].as_str().unwrap().as_bytes().to_vec(),
        decoded,
        b"RS256".to_vec(),
        Vec::new(),
    ] {
        for algorithm in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
            for id in [None, Some("RS256".to_owned())] {
                let header = Header { kid: id, ..Header::new(algorithm) };
                let key = EncodingKey::from_secret(&secret);
                tokens.push(encode(&header, &claims("stable"), &key).unwrap());
            }
        }
    }
    let genuine = sign_public(Algorithm::RS256, Some("RS256"), &claims("stable"));
    let signature = genuine.rsplit('.').next().unwrap();
    for header in [
        json!({"alg": "none"}),
        json!({"alg": "None"}),
        json!({"alg": "nOnE", "kid": "RS256"}),
        json!({"alg": "", "kid": "RS256"}),
        json!({"kid": "RS256"}),
        json!({"alg": "RS256", "kid": "RS256", "crit": ["b64"], "b64": false}),
        json!({"alg": "RS256", "kid": "RS256"}),
    ] {
        for signature in ["", signature] {
            tokens.push(format!("{}.{}.{signature}", part(&header), part(&claims("stable"))));
        }
    }
    // A key that the token brings along.
    let mut header = Header::new(Algorithm::ES256);
    header.jwk = serde_json::from_value(public(Algorithm::ES256, "mine")).unwrap();
    header.jku = Some(format!("{}/stable", WORLD.issuer.url));
    header.kid = Some("mine".into());
    let key = edgebase_tests::token::private(Algorithm::ES256);
    tokens.push(encode(&header, &claims("stable"), &key).unwrap());
    // Key ids that are no key's.
    for id in
        ["", "/dev/null", "../../../../dev/null", "RS256'--", "RS256\0", "rs256", "ES384", "*"]
    {
        tokens.push(sign_public(Algorithm::RS256, Some(id), &claims("stable")));
        let mut header = Header::new(Algorithm::HS256);
        header.kid = Some(id.into());
        tokens.push(encode(&header, &claims("stable"), &EncodingKey::from_secret(b"")).unwrap());
    }
    for token in tokens {
        refused(&ask(&token).await, "TOKEN_INVALID", &token);
    }
    assert_eq!(who(&genuine).await["id"], "u");
}

#[tokio::test]
async fn a_user_of_any_provider_has_an_instance_of_its_own() {
    let keycloak = "f:4b1e9a0c-6a0f-4a57-9d0b-0c8f8b2f3a11:ann";
    // Its SHA-256.
    let hashed = "c334c35cb4321fbd47b2d1127cb3fa34aa4669fb408c866734b768f42e99887d";
    for (issuer, sub, id) in [
        ("stable", "auth0|5f7c8ec7c33c6c004bbafe82", "auth0|5f7c8ec7c33c6c004bbafe82".to_owned()),
        ("stable", "ann+x@example.com", "ann+x@example.com".to_owned()),
        ("stable", "https//id.example.com/ann?x=#y", "https//id.example.com/ann?x=#y".to_owned()),
        ("replaced", keycloak, keycloak.replace(':', "~")),
        ("hashed", keycloak, hashed.to_owned()),
    ] {
        let client = WORLD.product.anonymous().bearer(&es256(&with(issuer, json!({"sub": sub}))));
        let notes = |id: &str| format!("/api/db/own/{}/tables/notes", edgebase_tests::encode(id));
        client.post(&notes(&id), &json!({"title": sub})).await.expect(201);
        let list = client.get(&notes(&id)).await.expect(200);
        assert_eq!(list["items"][0]["title"], sub);
        let other = client.post(&notes("somebody"), &json!({"title": sub})).await;
        assert_eq!(other.status, 403, "{}", other.text);
    }
    // Two subjects that would be one user are not.
    let both = es256(&with("replaced", json!({"sub": "f~1:ann"})));
    refused(&ask(&both).await, "TOKEN_INVALID", "its id has the character that stands for ':'");
}

#[tokio::test]
async fn a_token_that_was_good_a_moment_ago_expires() {
    LazyLock::force(&WORLD);
    let end = now() + 6;
    let token = es256(&with("stable", json!({"exp": end})));
    for _ in 0..3 {
        assert_eq!(who(&token).await["id"], "u");
    }
    while now() < end {
        sleep(Duration::from_millis(100)).await;
    }
    refused(&ask(&token).await, "TOKEN_EXPIRED", "with its claims remembered");
}

#[tokio::test]
async fn keys_can_be_rotated_and_withdrawn() {
    let token = |id| sign_public(Algorithm::ES256, Some(id), &claims("rotating"));
    let (first, second) = (token("first"), token("second"));
    assert_eq!(who(&first).await["id"], "u");
    WORLD.issuer.says("rotating", Reply::Keys(vec![public(Algorithm::ES256, "second")]));
    sleep(PAUSE).await;
    assert_eq!(who(&second).await["id"], "u");
    refused(&ask(&first).await, "TOKEN_INVALID", "its key is withdrawn, though it was known");
}

#[tokio::test]
async fn an_issuer_that_fails_verifies_nobody_new_and_keeps_those_it_knew() {
    let token = |id| sign_public(Algorithm::ES256, Some(id), &claims("failing"));
    unverified(&ask(&token("ES256")).await, "a 500 with keys in it is no key set");
    WORLD.issuer.says("failing", Reply::Keys(every_key()));
    sleep(PAUSE).await;
    assert_eq!(who(&token("ES256")).await["id"], "u");
    WORLD.issuer.says("failing", Reply::Text("{}".into()));
    sleep(PAUSE).await;
    unverified(&ask(&token("new")).await, "what it says now is no key set");
    assert_eq!(who(&token("ES256")).await["id"], "u");
}

#[tokio::test]
async fn whatever_is_no_key_set_verifies_nobody_and_ends_in_time() {
    let ask = |issuer: &'static str| async move {
        let begun = std::time::Instant::now();
        let answer = ask(&es256(&claims(issuer))).await;
        unverified(&answer, issuer);
        // The promise is five seconds; the rest is for a busy machine.
        assert!(begun.elapsed() < Duration::from_secs(20), "{issuer}");
    };
    tokio::join!(ask("slow"), ask("huge"), ask("page"), ask("moved"), ask("gone"));
    WORLD.product.anonymous().get("/api/health").await.expect(200);
}

#[tokio::test]
async fn invented_key_ids_are_not_passed_on_to_the_issuer() {
    let begun = std::time::Instant::now();
    for n in 0..200 {
        let token = sign_public(Algorithm::ES256, Some(&format!("k{n}")), &claims("flooded"));
        refused(&ask(&token).await, "TOKEN_INVALID", "unknown key");
    }
    let most = 2 + begun.elapsed().as_secs() / 5;
    let asked = WORLD.issuer.asked("flooded");
    assert!(asked as u64 <= most, "asked {asked} times");
    assert_eq!(who(&es256(&claims("flooded"))).await["id"], "u");
}
