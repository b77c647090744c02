//! What do the installation scripts say?
//!
//! Their text is the one place that says which objects the extension has, what they are and who may
//! use them: what is compared with a database is read out of it.

const SCRIPTS: [&str; 3] = [
    include_str!("../../sql/bootstrap.sql"),
    include_str!("../../sql/analytics.sql"),
    include_str!("../../sql/close.sql"),
];

/// Every line.
pub fn lines() -> impl Iterator<Item = &'static str> {
    SCRIPTS.iter().flat_map(|script| script.lines())
}

/// Every `CREATE FUNCTION` and `CREATE PROCEDURE`, without the semicolon, and the signature that the
/// `REVOKE` under it names.
pub fn routines() -> Vec<(&'static str, &'static str)> {
    SCRIPTS.iter().flat_map(|script| routines_of(script)).collect()
}

fn routines_of(script: &'static str) -> Vec<(&'static str, &'static str)> {
    let mut found = Vec::new();
    for (start, _) in script.match_indices("\nCREATE ") {
        let statement = &script[start + 1..];
        if !["FUNCTION ", "PROCEDURE "]
            .iter()
            .any(|kind| statement["CREATE ".len()..].starts_with(kind))
        {
            continue;
        }
        // What a dollar quotes may have semicolons.
        let end = statement
            .match_indices(";\n")
            .map(|(end, _)| end)
            .find(|end| statement[..*end].matches("$$").count().is_multiple_of(2));
        let Some((text, rest)) = end.map(|end| statement.split_at(end)) else { continue };
        let revoked =
            rest.split_once("\nREVOKE ALL ON ").and_then(|(_, rest)| rest.split_once(" FROM "));
        let signature = revoked.and_then(|(object, _)| object.split_once(' '));
        found.extend(signature.map(|(_, signature)| (signature, text)));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_routine_is_found_with_its_own_signature() {
        let begins = |line: &&str| {
            line.starts_with("CREATE FUNCTION ") || line.starts_with("CREATE PROCEDURE ")
        };
        let all = routines();
        assert_eq!(all.len(), lines().filter(begins).count());
        for (signature, text) in all {
            let name = signature.split('(').next().unwrap();
            assert!(
                text.split_once(' ').unwrap().1.split_once(' ').unwrap().1.starts_with(name),
                "{text}"
            );
        }
    }
}
