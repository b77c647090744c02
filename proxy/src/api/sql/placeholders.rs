//! How do a client's placeholders become PostgreSQL's?
//!
//! Contract 16: `?` is positional and becomes `$n`, except inside quotes, comments and
//! dollar-quoted text and in the JSON operators `?`, `?|`, `?&` and `@?`. A plain `?` is taken for
//! the operator where a text or a parameter follows, since two operands never stand side by side;
//! `\?` is the operator everywhere. The JavaScript SDK's tagged template sends markers instead.
//! Native `$n` may be used, but not mixed with `?`.

use crate::db::sql_token::{block_comment, dollar_quoted, line_comment, quoted};
use std::iter::Peekable;
use std::str::CharIndices;

/// What the JavaScript SDK writes for parameter `n`: this, `n`, `__`.
const MARKER: &str = "__EDGEBASE_SQL_PARAM_";

/// The statement in PostgreSQL's form.
///
/// # Errors
/// What is wrong with the placeholders, for the client.
pub fn translate(sql: &str, params: usize) -> Result<String, String> {
    let mut out = String::with_capacity(sql.len() + 8);
    let mut positional = 0;
    let mut native = 0;
    let mut chars = sql.char_indices().peekable();
    while let Some((start, c)) = chars.next() {
        let rest = &sql[start..];
        match c {
            '\'' | '"' => {
                copy(&mut out, &mut chars, sql, start, quoted(sql, start).unwrap_or(rest.len()));
            }
            '-' if rest.starts_with("--") => {
                copy(&mut out, &mut chars, sql, start, line_comment(rest));
            }
            '/' if rest.starts_with("/*") => {
                copy(&mut out, &mut chars, sql, start, block_comment(rest).unwrap_or(rest.len()));
            }
            '$' => match dollar_quoted(rest) {
                Some(end) => copy(&mut out, &mut chars, sql, start, end.unwrap_or(rest.len())),
                None => {
                    let digits = rest[1..].chars().take_while(char::is_ascii_digit).count();
                    if let Ok(n) = rest[1..=digits].parse::<usize>() {
                        native = native.max(n);
                    }
                    out.push('$');
                }
            },
            '\\' if rest.starts_with("\\?") => {
                chars.next();
                out.push('?');
            }
            '@' if rest.starts_with("@?") => {
                chars.next();
                out.push_str("@?");
            }
            '?' if rest.starts_with("?|") || rest.starts_with("?&") => {
                chars.next();
                out.push_str(&rest[..2]);
            }
            '?' if is_followed_by_operand(&rest[1..]) => out.push('?'),
            '?' => {
                positional += 1;
                out.push_str(&format!("${positional}"));
            }
            '_' => match marker(rest) {
                Some((n, end)) => {
                    native = native.max(n + 1);
                    out.push_str(&format!("${}", n + 1));
                    skip(&mut chars, start + end);
                }
                None => out.push(c),
            },
            _ => out.push(c),
        }
    }
    if positional > 0 && native > 0 {
        return Err("Cannot mix ? placeholders with PostgreSQL-style $n placeholders.".into());
    }
    let wanted = positional.max(native);
    if wanted != params {
        return Err(format!(
            "PostgreSQL raw SQL placeholders do not match params length: {wanted} placeholders, {params} params."
        ));
    }
    Ok(out)
}

fn copy(
    out: &mut String,
    chars: &mut Peekable<CharIndices>,
    sql: &str,
    start: usize,
    length: usize,
) {
    out.push_str(&sql[start..start + length]);
    skip(chars, start + length);
}

fn skip(chars: &mut Peekable<CharIndices>, until: usize) {
    while chars.next_if(|(i, _)| *i < until).is_some() {}
}

/// Whether a text or a parameter comes next. Names and numbers are not told apart from what may
/// stand behind a parameter.
fn is_followed_by_operand(text: &str) -> bool {
    let text = text.trim_start();
    match text.as_bytes() {
        [b'\'', ..] => true,
        [b'$', next, ..] => next.is_ascii_digit(),
        [b'?', next, ..] => !matches!(next, b'|' | b'&'),
        [b'?'] => true,
        _ => marker(text).is_some(),
    }
}

fn marker(text: &str) -> Option<(usize, usize)> {
    let rest = text.strip_prefix(MARKER)?;
    let digits = rest.find("__")?;
    Some((rest[..digits].parse().ok().filter(|n| *n < 65_535)?, MARKER.len() + digits + 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_outside_texts_and_comments_are_numbered() {
        for (sql, params, expected) in [
            ("SELECT ? + ?", 2, "SELECT $1 + $2"),
            ("SELECT '?', \"a?\", ? -- ?\n, ?", 2, "SELECT '?', \"a?\", $1 -- ?\n, $2"),
            ("SELECT /* ? /* ? */ */ ?", 1, "SELECT /* ? /* ? */ */ $1"),
            ("SELECT $q$ ? $q$, $$?$$, ?", 1, "SELECT $q$ ? $q$, $$?$$, $1"),
            ("SELECT a ?| b, a ?& b, a @? b, a \\? ?", 1, "SELECT a ?| b, a ?& b, a @? b, a ? $1"),
            ("SELECT a ? 'b', a ?\n?, a ? ?", 2, "SELECT a ? 'b', a ?\n$1, a ? $2"),
            ("SELECT a ? $1", 1, "SELECT a ? $1"),
            ("SELECT a ? __EDGEBASE_SQL_PARAM_0__", 1, "SELECT a ? $1"),
            ("SELECT ? ?| b, ?::jsonb ?& c", 2, "SELECT $1 ?| b, $2::jsonb ?& c"),
            ("SELECT 'it''s ?', E'\\'?', ?", 1, "SELECT 'it''s ?', E'\\'?', $1"),
            ("SELECT __EDGEBASE_SQL_PARAM_1__, __EDGEBASE_SQL_PARAM_0__", 2, "SELECT $2, $1"),
            ("SELECT $2, $1", 2, "SELECT $2, $1"),
            ("SELECT 'é?' || ?", 1, "SELECT 'é?' || $1"),
        ] {
            assert_eq!(translate(sql, params).as_deref(), Ok(expected), "{sql}");
        }
    }

    #[test]
    fn mixing_and_miscounting_are_refused() {
        assert!(translate("SELECT ?, $1", 1).unwrap_err().starts_with("Cannot mix"));
        assert!(
            translate("SELECT ?", 2).unwrap_err().starts_with("PostgreSQL raw SQL placeholders")
        );
        for odd in
            ["'", "\"", "$", "$$", "/*", "/*/", "--", "\\", "E'\\", "__EDGEBASE_SQL_PARAM_", "?"]
        {
            let _ = translate(odd, 0);
        }
    }
}
