//! Which keys of a config are known, and what was meant by one that is not?
//!
//! A key of another part of EdgeBase is ignored and an unknown one is remarked on. One that looks
//! like a misspelling of ours, or was ours in an older EdgeBase, is refused: passed over, it would
//! leave out what it says.

use super::error::{ConfigError, Problems};
use indexmap::IndexMap;
use serde_json::Value;

/// Top-level keys that mean something here.
pub(super) const OWN: [&str; 9] = [
    "release",
    "databases",
    "serviceKeys",
    "cors",
    "rateLimiting",
    "api",
    "trustSelfHostedProxy",
    "auth",
    "captcha",
];

/// Top-level keys of EdgeBase that mean nothing on the database surface.
pub(super) const FOREIGN: [&str; 21] = [
    "baseUrl",
    "plugins",
    "functions",
    "databaseLive",
    "storage",
    "push",
    "email",
    "sms",
    "rooms",
    "room",
    "kv",
    "d1",
    "vectorize",
    "analytics",
    "cloudflare",
    "deployment",
    "admin",
    "frontend",
    "env",
    "name",
    "version",
];

/// The one of `own` that an unknown key was probably meant to be: a misspelt `databases` must not
/// pass for a config without any.
fn misspelt(own: &[&'static str], key: &str) -> Option<&'static str> {
    let known = FOREIGN.contains(&key);
    own.iter().find(|own| !known && strsim::damerau_levenshtein(own, key) <= own.len() / 4).copied()
}

pub(super) fn refuse_misspelt(
    base: &[&str],
    own: &[&'static str],
    other: &IndexMap<String, Value>,
) -> Result<(), ConfigError> {
    match other.keys().find_map(|key| Some((key, misspelt(own, key)?))) {
        None => Ok(()),
        Some((key, meant)) => {
            Err(Problems::new(base)
                .at(&[key], format!("unknown key '{key}'; did you mean '{meant}'?")))
        }
    }
}

/// Refuses keys of older EdgeBase configs, each with the key that replaced it (contract 6.4).
pub(super) fn refuse_legacy(json: &Value) -> Result<(), ConfigError> {
    let hint = |path: &[&str], old: &str, new: &str| {
        ConfigError::new(path, format!("'{old}' is a legacy key; use '{new}' instead"))
    };
    let Some(blocks) = json.get("databases").and_then(Value::as_object) else {
        return Ok(());
    };
    for (ns, block) in blocks {
        if block.get("rules").is_some() {
            return Err(hint(&["databases", ns, "rules"], "rules", "access"));
        }
        for (name, table) in block.get("tables").and_then(Value::as_object).into_iter().flatten() {
            let at = ["databases", ns, "tables", name];
            for (old, new) in
                [("rules", "access"), ("hooks", "handlers.hooks"), ("fields", "schema")]
            {
                if table.get(old).is_some() {
                    return Err(hint(&[&at[..], &[old]].concat(), old, new));
                }
            }
            for (field, spec) in
                table.get("schema").and_then(Value::as_object).into_iter().flatten()
            {
                if spec.get("ref").is_some() {
                    return Err(hint(
                        &[&at[..], &["schema", field, "ref"]].concat(),
                        "ref",
                        "references",
                    ));
                }
            }
        }
    }
    Ok(())
}
