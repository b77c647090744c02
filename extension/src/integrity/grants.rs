//! Who may do what with the extension's own objects, and whose are they?
//!
//! What the installation scripts say: a list beside them would have to be kept in step, and what a
//! database holds may have been changed. Each grant stands on one line.

use super::script::lines;
use serde_json::{Value, json};

/// `[kind, object, grantee, privilege]` of every grant.
pub fn granted() -> Value {
    let grants = lines().filter_map(|line| {
        let (privilege, rest) = line.strip_prefix("GRANT ")?.split_once(" ON ")?;
        let (object, grantees) = rest.strip_suffix(';')?.rsplit_once(" TO ")?;
        let (kind, name) = object.split_once(' ')?;
        Some(grantees.split(", ").map(move |grantee| json!([kind, name, grantee, privilege])))
    });
    grants.flatten().collect()
}

/// `[routine, role]` of those that belong to another role than the extension does.
pub fn lent() -> Value {
    let owners = lines().filter_map(|line| {
        let (routine, owner) = line.strip_prefix("ALTER FUNCTION ")?.split_once(" OWNER TO ")?;
        Some(json!([routine, owner.strip_suffix(';')?]))
    });
    owners.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_grant_and_owner_of_the_scripts_is_read() {
        let statements = |word| lines().filter(|line| line.starts_with(word)).count();
        let all = granted();
        let all = all.as_array().unwrap();
        let mut objects: Vec<_> = all.iter().map(|g| (&g[0], &g[1], &g[3])).collect();
        objects.dedup();
        assert_eq!(objects.len(), statements("GRANT "));
        let roles =
            ["PUBLIC", "edgebase_owner", "edgebase_proxy", "edgebase_admin", "edgebase_analyst"];
        assert!(all.iter().all(|g| roles.contains(&g[2].as_str().unwrap())), "{all:?}");
        assert!(all.contains(&json!([
            "FUNCTION",
            "edgebase.enter(text, text)",
            "edgebase_proxy",
            "EXECUTE"
        ])));
        assert_eq!(lent(), json!([["edgebase.export_instance(text, text)", "edgebase_owner"]]));
    }
}
