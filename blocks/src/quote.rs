//! How does a name or a value become SQL text?
//!
//! The only place where either is quoted. Identifiers follow the Postgres manual section 4.1.1
//! (double the quote, keep the case); literals use the escape form, so they mean the same under
//! any `standard_conforming_strings`. Values that can be bound are bound instead: literals are
//! for DDL, where Postgres takes no parameters.

/// `sp"ecial` becomes `"sp""ecial"`. A NUL byte cannot occur: names are checked on the way in,
/// and Postgres refuses it in any text.
#[must_use]
pub fn ident(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 2);
    out.push('"');
    for c in name.chars() {
        if c == '"' {
            out.push('"');
        }
        out.push(c);
    }
    out.push('"');
    out
}

/// `schema.name`, both quoted.
#[must_use]
pub fn qualified(schema: &str, name: &str) -> String {
    format!("{}.{}", ident(schema), ident(name))
}

/// `it's` becomes `'it''s'`; a text with a backslash uses the `E''` form.
#[must_use]
pub fn literal(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 3);
    if text.contains('\\') {
        out.push_str(" E");
    }
    out.push('\'');
    for c in text.chars() {
        if c == '\'' || c == '\\' {
            out.push(c);
        }
        out.push(c);
    }
    out.push('\'');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_keep_case_and_double_their_quotes() {
        assert_eq!(ident("Mixed Case"), r#""Mixed Case""#);
        assert_eq!(ident(r#"sp"ecial"#), r#""sp""ecial""#);
        assert_eq!(qualified("workspace:a", "sélect"), r#""workspace:a"."sélect""#);
    }

    #[test]
    fn literals_survive_quotes_and_backslashes() {
        assert_eq!(literal("it's"), "'it''s'");
        assert_eq!(literal(r"a\'b"), r" E'a\\''b'");
    }
}
