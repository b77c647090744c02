//! Which names are legal, and how is an instance's schema called?
//!
//! A namespace is any non-blank UTF-8 text of at most 63 bytes, an id one
//! of at most 1,024 bytes, neither with `:` or control characters. Schema names are only ever
//! *proposed* here; the extension's registry is the authority on which one an instance has.

use sha2::{Digest, Sha256};
use std::fmt;

/// PostgreSQL's limit for identifiers, in bytes (NAMEDATALEN - 1).
pub const MAX_IDENT: usize = 63;
/// Longest instance id, in bytes. The contract knows no limit; the registry's index does.
pub const MAX_ID: usize = 1_024;
/// Longest record id, in bytes.
pub const MAX_RECORD_ID: usize = 255;

/// Why a name is refused. `Display` completes the sentence "`namespace` must …".
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Empty or only white space.
    #[error("must not be empty")]
    Blank,
    /// Contains the delimiter of keys.
    #[error("must not contain ':'")]
    Colon,
    /// Contains a control character.
    #[error("must not contain control characters")]
    Control,
    /// Longer than the bytes given.
    #[error("must be at most {0} bytes long")]
    TooLong(usize),
}

fn check(text: &str, max: usize, colon: bool) -> Result<(), NameError> {
    if text.trim().is_empty() {
        Err(NameError::Blank)
    } else if !colon && text.contains(':') {
        Err(NameError::Colon)
    } else if text.chars().any(char::is_control) {
        Err(NameError::Control)
    } else if text.len() > max {
        Err(NameError::TooLong(max))
    } else {
        Ok(())
    }
}

/// Checks the name of a block.
///
/// # Errors
/// The first rule it breaks.
pub fn namespace(text: &str) -> Result<(), NameError> {
    check(text, MAX_IDENT, false)
}

/// Checks the id of an instance.
///
/// # Errors
/// The first rule it breaks.
pub fn instance_id(text: &str) -> Result<(), NameError> {
    check(text, MAX_ID, false)
}

/// Checks the name of a table or field: a PostgreSQL identifier kept letter for letter.
///
/// # Errors
/// The first rule it breaks.
pub fn identifier(text: &str) -> Result<(), NameError> {
    check(text, MAX_IDENT, true)
}

/// What the id of a record is, as a regular expression of PostgreSQL.
pub const RECORD_ID: &str = "^[A-Za-z0-9_.:@-]{1,255}$";
/// The ids that a record cannot be asked for by: a route of its table has the name, or URLs leave
/// it out of a path (RFC 3986, 5.2.4), percent-encoded or not.
pub const SHADOWED_RECORD_IDS: [&str; 4] = ["count", "search", ".", ".."];

/// Whether a text may be the id of a record, which [`RECORD_ID`] says in SQL.
#[must_use]
pub fn is_record_id(text: &str) -> bool {
    (1..=MAX_RECORD_ID).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.:@-".contains(&b))
}

/// `namespace` or `namespace:id`, both parts checked.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct InstanceKey {
    namespace: String,
    id: Option<String>,
}

impl InstanceKey {
    /// The key of a single-instance block (`id` absent) or of one dynamic instance.
    ///
    /// # Errors
    /// When either part is no legal name.
    pub fn new(ns: &str, id: Option<&str>) -> Result<Self, NameError> {
        namespace(ns)?;
        id.map_or(Ok(()), instance_id)?;
        Ok(Self { namespace: ns.to_owned(), id: id.map(str::to_owned) })
    }

    /// The block's name.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// The instance's id, if the block is dynamic.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// The names that the key's schema may have, in the order in which they are to be tried; the
    /// first that is neither reserved nor taken is the one.
    ///
    /// The first is the key itself, shortened to 63 bytes at a character boundary and finished
    /// with `~` and 16 hex digits of its SHA-256 where it is longer. The second has a `:` behind
    /// it and the third one in front, for PostgreSQL reserves both others where the namespace
    /// begins with `pg_`. No key can end or begin with `:`, so neither can be another key's first.
    #[must_use]
    pub fn schema_names(&self) -> [String; 3] {
        let key = self.to_string();
        let behind = format!("{}:", shorten(&key, MAX_IDENT - 1));
        [shorten(&key, MAX_IDENT), behind, shorten(&format!(":{key}"), MAX_IDENT)]
    }
}

impl fmt::Display for InstanceKey {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match &self.id {
            Some(id) => write!(f, "{}:{id}", self.namespace),
            None => f.write_str(&self.namespace),
        }
    }
}

/// Whether PostgreSQL or the extension keeps this schema name for itself.
#[must_use]
pub fn is_reserved_schema(name: &str) -> bool {
    matches!(name, "public" | "information_schema" | "edgebase") || name.starts_with("pg_")
}

/// Cuts `name` to at most `max` bytes; a cut name ends in `~` and 16 hex digits of the
/// SHA-256 of the whole, so two long names that share a beginning stay apart.
#[must_use]
pub fn shorten(name: &str, max: usize) -> String {
    if name.len() <= max {
        return name.to_owned();
    }
    let digest = Sha256::digest(name.as_bytes());
    let tail: String = digest.iter().take(8).map(|b| format!("{b:02x}")).collect();
    let mut cut = max - tail.len() - 1;
    while !name.is_char_boundary(cut) {
        cut -= 1;
    }
    format!("{}~{tail}", &name[..cut])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn awkward_ids_are_legal_and_illegal_ones_are_named() {
        for ok in ["sp\"ecial", "Mixed Case", "😀", " padded ", "public", "pg_x", &"é".repeat(127)]
        {
            assert_eq!(instance_id(ok), Ok(()), "{ok}");
        }
        assert_eq!(instance_id("  "), Err(NameError::Blank));
        assert_eq!(instance_id("a:b"), Err(NameError::Colon));
        assert_eq!(instance_id("a\u{0}"), Err(NameError::Control));
        assert_eq!(instance_id(&"x".repeat(1_024)), Ok(()));
        assert_eq!(instance_id(&"x".repeat(1_025)), Err(NameError::TooLong(1_024)));
    }

    #[test]
    fn long_keys_become_distinct_schemas_of_at_most_63_bytes() {
        let a = InstanceKey::new("workspace", Some(&"😀".repeat(50))).unwrap();
        let b = InstanceKey::new("workspace", Some(&("😀".repeat(49) + "x"))).unwrap();
        let (names, other) = (a.schema_names(), b.schema_names());
        for (i, name) in names.iter().enumerate() {
            assert!(name.len() <= 63, "{name}");
            assert!(!other.contains(name) && !names[i + 1..].contains(name), "{name}");
        }
    }

    #[test]
    fn a_key_always_has_a_schema_name_that_nobody_reserves() {
        for (namespace, id, name) in [
            ("app", None, "app"),
            ("public", None, "public:"),
            ("edgebase", None, "edgebase:"),
            ("public", Some("x"), "public:x"),
            ("pg_x", None, ":pg_x"),
            ("pg_x", Some("y"), ":pg_x:y"),
        ] {
            let names = InstanceKey::new(namespace, id).unwrap().schema_names();
            let free = names.iter().find(|n| !is_reserved_schema(n));
            assert_eq!(free.map(String::as_str), Some(name));
        }
    }

    #[test]
    fn record_ids_follow_the_charset() {
        assert!(is_record_id("u1:ws-456"));
        for bad in ["", "a b", "é", "a/b", &"x".repeat(256)] {
            assert!(!is_record_id(bad), "{bad}");
        }
    }
}
