//! Which conditions does the extension raise that the proxy acts on?
//!
//! The one table of EdgeBase's own SQLSTATEs, class `EB` (the SQL standard leaves classes
//! beginning with I to Z and 5 to 9, and the rest by convention, to implementations; PostgreSQL
//! itself uses no class EB). The extension raises them by these constants and the proxy matches
//! on the same ones. Everything else keeps PostgreSQL's own code.

/// One condition: its code, its name in the documentation, and what to do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Condition {
    /// Five characters, as Postgres sends them.
    pub code: &'static str,
    /// The name in `docs/sql.md`.
    pub name: &'static str,
    /// The hint that goes with the error.
    pub hint: &'static str,
}

macro_rules! conditions {
    ($($(#[$doc:meta])* $id:ident = $code:literal, $name:literal, $hint:literal;)*) => {
        $($(#[$doc])* pub const $id: Condition = Condition { code: $code, name: $name, hint: $hint };)*
        /// Every condition, for the documentation's drift check.
        pub const ALL: &[Condition] = &[$($id),*];
    };
}

conditions! {
    /// The namespace is not in the applied config.
    UNKNOWN_BLOCK = "EB001", "unknown_block",
        "Apply a config that declares this block: SELECT * FROM edgebase.apply_config(...).";
    /// The instance does not exist (yet).
    UNKNOWN_INSTANCE = "EB002", "unknown_instance",
        "Create it first: SELECT edgebase.create_instance(namespace, id).";
    /// The instance's schema is older than the block's.
    INSTANCE_BEHIND = "EB003", "instance_behind",
        "Bring it up to date: SELECT edgebase.migrate(namespace, id).";
    /// The namespace or id is no legal name, or one is given where none may be.
    INVALID_KEY = "EB004", "invalid_key",
        "A dynamic block needs an id without ':' of at most 1024 bytes; a single-instance block takes none.";
    /// `enter` was called where it must not be.
    ENTER_REFUSED = "EB005", "enter_refused",
        "Call edgebase.enter once per transaction, from a session of a role granted edgebase_proxy.";
    /// The config is malformed.
    INVALID_CONFIG = "EB006", "invalid_config",
        "Correct the config at the path the message names; `edgebase check` shows file and line.";
    /// A step would lose data and no migration covers it.
    DESTRUCTIVE_CHANGE = "EB007", "destructive_change",
        "Add a migration that covers the step, or keep the table or column in the config.";
    /// A statement that a sealed transaction may not run.
    SEALED = "EB008", "sealed_transaction",
        "Inside edgebase.enter only statements whose effects end with the transaction are allowed.";
    /// A statement that the SQL of a config may not contain.
    CONFINED = "EB009", "confined_config",
        "Migrations and expressions may change rows and define tables, indexes, views, triggers and functions, without settings, grants or SECURITY DEFINER.";
    /// A snapshot from before a table was rewritten or exchanged would find it empty, or a part of it.
    TABLE_REWRITTEN = "EB010", "table_rewritten",
        "Try again: the whole transaction, if its isolation level is above READ COMMITTED.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_names_are_unique_and_well_formed() {
        for (i, a) in ALL.iter().enumerate() {
            assert!(a.code.len() == 5 && a.code.starts_with("EB"), "{}", a.code);
            for b in &ALL[i + 1..] {
                assert!(a.code != b.code && a.name != b.name, "{} twice", a.code);
            }
        }
    }
}
