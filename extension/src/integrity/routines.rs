//! What are the extension's functions, and what makes them so again?
//!
//! A definer's rights, a `search_path` of its own or the function that keeps the audit append-only can
//! be altered by whoever owns the extension, and nothing of it shows in privileges.

use super::script;
use serde_json::{Value, json};

/// What makes a C function one of this library.
const LIBRARY: &str = "$libdir/edgebase";

/// Every routine of the scripts: `signature`, the statement that makes it, and what the catalog then
/// has: `source`, `definer`, `volatility`, `parallel`, `strict`, `settings`.
pub fn declared() -> Value {
    script::routines().into_iter().map(|(signature, text)| routine(signature, text)).collect()
}

fn routine(signature: &str, text: &str) -> Value {
    let (head, source) = match text.split_once("\nAS $$") {
        Some((head, body)) => (head, body.trim_end_matches("$$")),
        None => {
            let (head, place) = text.split_once("\nAS ").unwrap_or((text, ""));
            (head, place.rsplit_once(", ").map_or("", |(_, symbol)| symbol).trim_matches('\''))
        }
    };
    let volatility = match head {
        _ if head.contains(" IMMUTABLE") => "i",
        _ if head.contains(" STABLE") => "s",
        _ => "v",
    };
    let create = text.replacen("CREATE ", "CREATE OR REPLACE ", 1);
    json!({
        "signature": signature,
        "create": create.replace("'MODULE_PATHNAME'", &format!("'{LIBRARY}'")),
        "source": source,
        "definer": head.contains(" SECURITY DEFINER"),
        "volatility": volatility,
        "parallel": if head.contains(" PARALLEL SAFE") { "s" } else { "u" },
        "strict": head.contains(" STRICT"),
        "settings": settings(head),
    })
}

/// `name=value` of each `SET` clause.
fn settings(head: &str) -> Vec<String> {
    let clauses = head.lines().filter_map(|line| line.strip_prefix("SET ")?.split_once(" = "));
    clauses.map(|(name, value)| format!("{name}={}", value.trim_matches('\''))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_declaration_says_is_what_the_catalog_has_then() {
        let all = declared();
        let of = |signature: &str| {
            let found = all.as_array().unwrap().iter().find(|r| r["signature"] == signature);
            found.unwrap_or_else(|| panic!("{signature}"))
        };
        let enter = of("edgebase.enter(text, text)");
        assert_eq!(enter["source"], "edgebase_enter");
        assert_eq!((&enter["definer"], &enter["settings"]), (&json!(false), &json!([])));
        let text = enter["create"].as_str().unwrap();
        assert!(
            text.starts_with("CREATE OR REPLACE FUNCTION edgebase.enter(namespace text"),
            "{text}"
        );
        assert!(text.ends_with("AS '$libdir/edgebase', 'edgebase_enter'"), "{text}");
        let repair = of("edgebase.repair()");
        assert_eq!(repair["definer"], true);
        let settings = json!(["search_path=pg_catalog, pg_temp", "client_min_messages=warning"]);
        assert_eq!(repair["settings"], settings);
        let length = of("edgebase.utf16_length(text)");
        assert_eq!((&length["volatility"], &length["strict"]), (&json!("i"), &json!(true)));
        let refuse = of("edgebase.refuse_change()");
        assert!(refuse["source"].as_str().unwrap().starts_with("\nBEGIN\n"));
        assert!(refuse["source"].as_str().unwrap().ends_with("\nEND\n"));
    }
}
