//! What do rules learn from a token's claims?
//!
//! The auth context of contract 4.2, from the claims that the issuer's mapping names. A token
//! that names no user is refused: a rule that compares `auth.id` with a field could otherwise
//! match on undefined.

use edgebase_blocks::issuer::{Claims, Custom};
use serde_json::{Map, Value, json};

/// The context, or `None` when the claims name nobody.
#[must_use]
pub fn context(claims: &Map<String, Value>, paths: &Claims) -> Option<Value> {
    let claim = |path: &str| at(claims, path).filter(|value| !value.is_null());
    let stated = claim(&paths.id.from).and_then(Value::as_str).filter(|text| !text.is_empty())?;
    let Some(id) = paths.id.mapping.apply(stated) else {
        tracing::warn!(
            "a token is refused: its user's id has the character that `replace` puts into ids"
        );
        return None;
    };
    let mut auth = Map::new();
    auth.insert("id".into(), id.into());
    if let Some(email) = claim(&paths.email).filter(|email| email.is_string()) {
        auth.insert("email".into(), email.clone());
    }
    auth.insert("role".into(), claim(&paths.role).cloned().unwrap_or_else(|| json!("user")));
    let anonymous = claim(&paths.is_anonymous).cloned().unwrap_or(Value::Bool(false));
    auth.insert("isAnonymous".into(), anonymous);
    let custom = match &paths.custom {
        Custom::Whole(path) => claim(path).filter(|whole| whole.is_object()).cloned(),
        Custom::Picked(names) => Some(
            names
                .iter()
                .filter_map(|(name, path)| Some((name.clone(), claim(path)?.clone())))
                .collect(),
        ),
    };
    if let Some(custom) = custom {
        auth.insert("custom".into(), custom);
    }
    if let Some(memberships) = claim("memberships").filter(|list| list.is_array()) {
        auth.insert("memberships".into(), memberships.clone());
    }
    auth.insert("meta".into(), json!({}));
    Some(Value::Object(auth))
}

/// The claim at a path of names joined by dots. Names may have dots themselves
/// (`https://example.com/role`): the longest name that exists is taken.
fn at<'a>(claims: &'a Map<String, Value>, path: &str) -> Option<&'a Value> {
    claims.get(path).or_else(|| {
        path.rmatch_indices('.').find_map(|(dot, _)| {
            let inner = claims.get(&path[..dot])?.as_object()?;
            at(inner, &path[dot + 1..])
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use edgebase_blocks::Config;

    fn mapped(mapping: &Value, claims: &Value) -> Option<Value> {
        let entry = json!({"issuer": "i", "jwks": "k", "claims": mapping});
        let config = Config::from_json(&json!({"auth": {"tokens": [entry]}})).unwrap();
        context(claims.as_object().unwrap(), &config.issuers[0].claims)
    }

    #[test]
    fn without_a_mapping_the_claims_are_those_of_the_contract() {
        let claims = json!({"sub": "u", "email": "a@b", "role": "admin", "isAnonymous": true,
            "custom": {"plan": "pro"}, "displayName": "x"});
        assert_eq!(
            mapped(&json!({}), &claims).unwrap(),
            json!({"id": "u", "email": "a@b", "role": "admin", "isAnonymous": true,
                "custom": {"plan": "pro"}, "meta": {}})
        );
        let odd = json!({"sub": "u", "email": 5, "role": null, "custom": "x"});
        assert_eq!(
            mapped(&json!({}), &odd).unwrap(),
            json!({"id": "u", "role": "user", "isAnonymous": false, "meta": {}})
        );
    }

    #[test]
    fn paths_reach_into_objects_and_names_may_have_dots() {
        let claims = json!({
            "uid": "u", "app": {"role": "editor", "org": {"id": "acme"}, "a.b": {"c": 1}},
            "https://example.com/plan": "pro", "https://example.com/x": {"y": true}
        });
        let mapping = json!({"id": "uid", "role": "app.role", "custom": {
            "org": "app.org.id", "plan": "https://example.com/plan", "y": "https://example.com/x.y",
            "c": "app.a.b.c", "absent": "app.nothing.here"
        }});
        assert_eq!(
            mapped(&mapping, &claims).unwrap(),
            json!({"id": "u", "role": "editor", "isAnonymous": false,
                "custom": {"org": "acme", "plan": "pro", "y": true, "c": 1}, "meta": {}})
        );
        let whole = mapped(&json!({"id": "uid", "custom": "app.org"}), &claims).unwrap();
        assert_eq!(whole["custom"], json!({"id": "acme"}));
    }

    #[test]
    fn who_has_no_id_is_nobody() {
        for claims in [json!({}), json!({"sub": ""}), json!({"sub": 5}), json!({"sub": null})] {
            assert_eq!(mapped(&json!({}), &claims), None, "{claims}");
        }
        assert_eq!(mapped(&json!({"id": "app.id"}), &json!({"sub": "u", "app": "id"})), None);
        let replace = json!({"id": {"from": "sub", "replace": [":", "."]}});
        assert_eq!(mapped(&replace, &json!({"sub": "f:1:ann"})).unwrap()["id"], "f.1.ann");
        assert_eq!(mapped(&replace, &json!({"sub": "f:1:ann.b"})), None, "it could be ann:b");
    }
}
