//! Of which tokens is a text of SQL made?
//!
//! PostgreSQL's lexical structure (4.1 of its manual), as far as it tells where quotes, comments,
//! names and operators begin and end. Nothing of a quoted text or a comment is taken for SQL.

/// A token; comments and white space are none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Token<'a> {
    /// A name or keyword without quotes.
    Word(&'a str),
    /// A name in double quotes, which are left on.
    Name(&'a str),
    /// A text, quoted in any way.
    Text,
    /// A number.
    Number(&'a str),
    /// `$1`
    Parameter(&'a str),
    /// An operator, `::`, `=>` and `:=` included.
    Operator(&'a str),
    /// One of `()[],;.:`.
    Mark(char),
}

/// The tokens of a text.
///
/// # Errors
/// What does not end.
pub fn tokens(sql: &str) -> Result<Vec<Token<'_>>, &'static str> {
    let mut all = Vec::new();
    let mut at = 0;
    while let Some(c) = sql[at..].chars().next() {
        let rest = &sql[at..];
        let (token, length) = match c {
            _ if c.is_whitespace() => (None, c.len_utf8()),
            '-' if rest.starts_with("--") => (None, line_comment(rest)),
            '/' if rest.starts_with("/*") => {
                (None, block_comment(rest).ok_or("a comment does not end")?)
            }
            '\'' => (Some(Token::Text), quoted(sql, at).ok_or("a quoted text does not end")?),
            '"' => {
                let length = quoted(sql, at).ok_or("a quoted name does not end")?;
                (Some(Token::Name(&rest[..length])), length)
            }
            '$' => match dollar_quoted(rest) {
                Some(end) => (Some(Token::Text), end.ok_or("a quoted text does not end")?),
                None => {
                    let length = 1 + run(&rest[1..], |c| c.is_ascii_digit());
                    (Some(Token::Parameter(&rest[..length])), length)
                }
            },
            _ if is_number(rest) => {
                let length = number(rest);
                (Some(Token::Number(&rest[..length])), length)
            }
            _ if is_name_start(c) => {
                let length = run(rest, |c| is_name_start(c) || c.is_ascii_digit() || c == '$');
                let is_unicode = rest[..length].eq_ignore_ascii_case("u")
                    && (rest[length..].starts_with("&'") || rest[length..].starts_with("&\""));
                if is_unicode {
                    let start = at + length + 1;
                    let inside = quoted(sql, start).ok_or("a quoted text does not end")?;
                    all.push(Token::Text);
                    at = start + inside;
                    continue;
                }
                // `E'...'` and its like are one text.
                let is_prefix = rest[length..].starts_with('\'')
                    && ["e", "b", "x", "n"].contains(&rest[..length].to_lowercase().as_str());
                match is_prefix {
                    true => (None, length),
                    false => (Some(Token::Word(&rest[..length])), length),
                }
            }
            _ if OPERATORS.contains(c) => {
                let length = operator(rest);
                (Some(Token::Operator(&rest[..length])), length)
            }
            ':' if rest.starts_with("::") || rest.starts_with(":=") => {
                (Some(Token::Operator(&rest[..2])), 2)
            }
            _ => (Some(Token::Mark(c)), c.len_utf8()),
        };
        all.extend(token);
        at += length;
    }
    Ok(all)
}

const OPERATORS: &str = "+-*/<>=~!@#%^&|`?";

fn is_name_start(c: char) -> bool {
    c == '_' || c.is_alphabetic() || !c.is_ascii()
}

/// Bytes of the characters that `is` holds of.
fn run(text: &str, is: impl Fn(char) -> bool) -> usize {
    text.find(|c| !is(c)).unwrap_or(text.len())
}

fn is_number(text: &str) -> bool {
    text.strip_prefix('.').unwrap_or(text).starts_with(|c: char| c.is_ascii_digit())
}

fn number(text: &str) -> usize {
    let mut length = 0;
    let mut before = ' ';
    for c in text.chars() {
        let is_sign = matches!(c, '+' | '-') && matches!(before, 'e' | 'E');
        if !(c.is_ascii_alphanumeric() || matches!(c, '.' | '_') || is_sign) {
            break;
        }
        length += 1;
        before = c;
    }
    length
}

/// The length of an operator: it ends before a comment, and with a sign only where it has a
/// character that no operator of the standard has.
fn operator(text: &str) -> usize {
    let mut length = run(text, |c| OPERATORS.contains(c));
    for comment in ["--", "/*"] {
        length = text[..length].find(comment).unwrap_or(length);
    }
    while length > 1
        && text[..length].ends_with(['+', '-'])
        && !text[..length].contains(['~', '!', '@', '#', '%', '^', '&', '|', '`', '?'])
    {
        length -= 1;
    }
    length
}

/// The first word of a statement, comments and white space passed over.
#[must_use]
pub fn first_word(sql: &str) -> &str {
    let mut rest = sql.trim_start();
    loop {
        let skipped = if rest.starts_with("--") {
            line_comment(rest)
        } else if rest.starts_with("/*") {
            block_comment(rest).unwrap_or(rest.len())
        } else {
            break;
        };
        rest = rest[skipped..].trim_start();
    }
    &rest[..run(rest, |c| c.is_alphanumeric() || c == '_')]
}

/// The length of a comment to the end of its line.
pub fn line_comment(text: &str) -> usize {
    text.find('\n').unwrap_or(text.len())
}

/// The length of a comment; comments nest. `None` where it does not end.
pub fn block_comment(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    let mut at = 0;
    while at < text.len() {
        let rest = &text.as_bytes()[at..];
        if rest.starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if rest.starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return Some(at);
            }
        } else {
            at += 1;
        }
    }
    None
}

/// The length of the quoted text or name that begins at `start`, its quotes included; doubled
/// quotes do not end it. `None` where it does not end.
pub fn quoted(sql: &str, start: usize) -> Option<usize> {
    let text = &sql[start..];
    let quote = text.chars().next()?;
    let escapes = quote == '\'' && ends_with_escape_prefix(&sql[..start]);
    let mut chars = text.char_indices().skip(1).peekable();
    while let Some((i, c)) = chars.next() {
        if c == '\\' && escapes {
            chars.next();
        } else if c == quote && chars.next_if(|(_, next)| *next == quote).is_none() {
            return Some(i + quote.len_utf8());
        }
    }
    None
}

/// Whether an `E` or `e` that is a word of its own stands before the quote.
fn ends_with_escape_prefix(before: &str) -> bool {
    let mut back = before.chars().rev();
    matches!(back.next(), Some('e' | 'E'))
        && !back.next().is_some_and(|c| c.is_alphanumeric() || c == '_')
}

/// The length of the dollar-quoted text that begins here, if one does; `Some(None)` where it does
/// not end.
pub fn dollar_quoted(text: &str) -> Option<Option<usize>> {
    let tag_end = text[1..].find('$')? + 2;
    let tag = &text[..tag_end];
    let name = &tag[1..tag_end - 1];
    let legal = !name.starts_with(|c: char| c.is_ascii_digit())
        && name.chars().all(|c| c.is_alphanumeric() || c == '_');
    legal.then(|| text[tag_end..].find(tag).map(|end| tag_end + end + tag.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use Token::{Mark, Name, Number, Operator, Parameter, Text, Word};

    #[test]
    fn a_text_is_read_as_postgresql_reads_it() {
        for (sql, expected) in [
            ("a>-1", vec![Word("a"), Operator(">"), Operator("-"), Number("1")]),
            ("a @- 1.5e-3", vec![Word("a"), Operator("@-"), Number("1.5e-3")]),
            ("a--b\n+ .5", vec![Word("a"), Operator("+"), Number(".5")]),
            ("/* /* ' */ */ \"a\"\"b\".c", vec![Name("\"a\"\"b\""), Mark('.'), Word("c")]),
            ("E'\\''||'a''b'", vec![Text, Operator("||"), Text]),
            ("$1 = $q$ ' $q$", vec![Parameter("$1"), Operator("="), Text]),
            ("é::text[]", vec![Word("é"), Operator("::"), Word("text"), Mark('['), Mark(']')]),
            ("ee'x'", vec![Word("ee"), Text]),
            ("U&'\\0061' = u&\"a\"", vec![Text, Operator("="), Text]),
            ("u & 'a'", vec![Word("u"), Operator("&"), Text]),
            ("a->>'b' ? 'c'", vec![Word("a"), Operator("->>"), Text, Operator("?"), Text]),
        ] {
            assert_eq!(tokens(sql).as_deref(), Ok(expected.as_slice()), "{sql}");
        }
        assert_eq!(first_word(" -- x\n/* y /* z */ */ Copy(t) TO STDOUT"), "Copy");
        assert_eq!((first_word(""), first_word("/*")), ("", ""));
        for open in ["'a", "\"a", "/* /* */", "$$a", "$x$ $y$", "E'\\'"] {
            assert!(tokens(open).is_err(), "{open}");
        }
        for odd in ["\\", "$", "\u{0}", "😀", ":", "1a", "."] {
            assert!(tokens(odd).is_ok(), "{odd}");
        }
    }
}
