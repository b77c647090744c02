//! Which statements of a migration are refused wherever it runs?
//!
//! Told by how each begins: what is no statement of PostgreSQL, and what no migration may do,
//! because its effect would not stay in the instance or would outlive the statement. The extension
//! decides for good, by what the server makes of the statement (`extension/src/confine.rs`).

use crate::db::sql_token::{Token, tokens};

/// What a statement may begin with.
const STATEMENTS: [&str; 20] = [
    "select", "values", "table", "with", "insert", "update", "delete", "merge", "create", "alter",
    "drop", "truncate", "comment", "do", "call", "show", "explain", "analyze", "refresh", "set",
];
/// Statements that are not for migrations.
const REFUSED: [&str; 32] = [
    "abort",
    "begin",
    "checkpoint",
    "close",
    "cluster",
    "commit",
    "copy",
    "deallocate",
    "declare",
    "discard",
    "end",
    "execute",
    "fetch",
    "grant",
    "import",
    "listen",
    "load",
    "lock",
    "move",
    "notify",
    "prepare",
    "reassign",
    "reindex",
    "release",
    "reset",
    "revoke",
    "rollback",
    "savepoint",
    "security",
    "start",
    "unlisten",
    "vacuum",
];
/// What CREATE, ALTER and DROP may be about.
const OBJECTS: [&str; 14] = [
    "table",
    "index",
    "trigger",
    "view",
    "materialized",
    "sequence",
    "domain",
    "type",
    "function",
    "procedure",
    "routine",
    "statistics",
    "constraint",
    "recursive",
];
/// Words between CREATE and what it is about.
const MODIFIERS: [&str; 9] =
    ["or", "replace", "unlogged", "unique", "temp", "temporary", "local", "global", "if"];

/// What is wrong with the SQL of a migration.
#[must_use]
pub fn mistake(sql: &str) -> Option<String> {
    if sql.contains('\0') {
        return Some("it has a NUL character".into());
    }
    let tokens = match tokens(sql) {
        Ok(tokens) => tokens,
        Err(reason) => return Some(reason.into()),
    };
    // A body that is no text has semicolons of its own.
    let body = tokens.windows(2).position(|pair| is(&pair[0], "begin") && is(&pair[1], "atomic"));
    let tokens = &tokens[..body.unwrap_or(tokens.len())];
    tokens.split(|token| *token == Token::Mark(';')).find_map(statement)
}

fn is(token: &Token<'_>, word: &str) -> bool {
    matches!(token, Token::Word(text) if text.eq_ignore_ascii_case(word))
}

fn statement(tokens: &[Token<'_>]) -> Option<String> {
    let word = |i: usize| match tokens.get(i) {
        Some(Token::Word(word)) => word.to_lowercase(),
        _ => String::new(),
    };
    match tokens.first()? {
        Token::Mark('(') => return None,
        Token::Word(_) => {}
        _ => return Some("a statement begins with a word such as UPDATE or ALTER".into()),
    }
    let first = word(0);
    let refused = |what: &str| {
        Some(format!(
            "{what} is refused in migrations: they may change rows and define tables, indexes, views, triggers and functions"
        ))
    };
    if REFUSED.contains(&first.as_str()) {
        return refused(&first.to_uppercase());
    }
    if !STATEMENTS.contains(&first.as_str()) {
        return Some(format!("no statement begins with '{first}'"));
    }
    if tokens.len() == 1 && first != "analyze" {
        return Some(format!("{} is no whole statement", first.to_uppercase()));
    }
    if first == "set" && word(1) != "local" {
        return refused("SET without LOCAL");
    }
    if matches!(first.as_str(), "create" | "alter" | "drop") {
        let object = (1..tokens.len()).map(word).find(|w| !MODIFIERS.contains(&w.as_str()));
        let object = object.unwrap_or_default();
        if !OBJECTS.contains(&object.as_str()) {
            return refused(&format!("{first} {object}").to_uppercase());
        }
        let lends = |pair: &[Token<'_>]| is(&pair[0], "security") && is(&pair[1], "definer");
        if tokens.windows(2).any(lends) {
            return refused("SECURITY DEFINER");
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_migration_may_say_is_taken() {
        for sql in [
            "",
            "-- nothing",
            ";",
            "SELECT 1;",
            "ALTER TABLE \"t\" RENAME COLUMN \"a\" TO \"b\"",
            "update t set a = ';' ; /* GRANT */ delete from t",
            "WITH x AS (SELECT 1) SELECT * FROM x",
            "DO $$ BEGIN EXECUTE 'GRANT x'; COMMIT; END $$",
            "create unique index if not exists i on t (a)",
            "CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE sql AS $$ SELECT 1; $$; SELECT f()",
            "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; END; SELEC",
            "(SELECT 1) UNION SELECT 2",
            "CREATE CONSTRAINT TRIGGER c AFTER INSERT ON t EXECUTE FUNCTION f()",
            "SET LOCAL timezone TO 'UTC'",
            "CREATE MATERIALIZED VIEW v AS SELECT 1; REFRESH MATERIALIZED VIEW v",
            "TRUNCATE t",
            "COMMENT ON TABLE t IS 'it''s'",
            "DROP TABLE IF EXISTS \"q\"\"\" CASCADE",
            "ANALYZE t",
            "CREATE TYPE mood AS ENUM ('a'); ALTER TYPE mood ADD VALUE 'b'",
        ] {
            assert_eq!(mistake(sql), None, "{sql}");
        }
    }

    #[test]
    fn what_is_no_statement_or_refused_everywhere_is_told_before() {
        for (sql, words) in [
            ("SELEC 1", "no statement begins with 'selec'"),
            ("x", "begins with 'x'"),
            ("-", "begins with a word"),
            ("UPDATE", "no whole statement"),
            ("SELECT 1; GRANT SELECT ON t TO PUBLIC", "GRANT is refused"),
            ("revoke all on t from public", "REVOKE"),
            ("COMMIT", "COMMIT"),
            ("VACUUM t", "VACUUM"),
            ("SET search_path TO x", "SET without LOCAL"),
            ("RESET ALL", "RESET"),
            ("COPY t TO PROGRAM 'x'", "COPY"),
            ("CREATE ROLE r", "CREATE ROLE"),
            ("CREATE SCHEMA s", "CREATE SCHEMA"),
            ("create extension dblink", "CREATE EXTENSION"),
            ("ALTER SYSTEM SET a = 1", "ALTER SYSTEM"),
            ("ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC", "ALTER DEFAULT"),
            ("DROP DATABASE x", "DROP DATABASE"),
            ("CREATE EVENT TRIGGER e ON ddl_command_start", "CREATE EVENT"),
            (
                "CREATE FUNCTION f() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'",
                "SECURITY DEFINER",
            ),
            ("UPDATE t SET a = 'x", "does not end"),
            ("SELECT 1 /* x", "does not end"),
            ("SELECT '\0'", "NUL"),
        ] {
            let found = mistake(sql);
            assert!(found.as_ref().is_some_and(|f| f.contains(words)), "{sql}: {found:?}");
        }
    }
}
