//! What in a condition does PostgreSQL's grammar of expressions not have?
//!
//! Habits of other languages and clauses without their end. Whatever is named here is a syntax
//! error in every database, or an operator that no operand has, whichever functions there are.

use crate::db::sql_token::Token;

/// Operators that compare, of which two do not follow one another without brackets.
const COMPARISONS: [&str; 7] = ["=", "<", ">", "<=", ">=", "<>", "!="];
/// What may follow IS, or IS NOT.
const TESTS: [&str; 13] = [
    "null",
    "true",
    "false",
    "unknown",
    "distinct",
    "document",
    "json",
    "normalized",
    "nfc",
    "nfd",
    "nfkc",
    "nfkd",
    "of",
];

/// The first thing that is none of PostgreSQL's. `is_keyword` tells words of the grammar from
/// names.
pub(super) fn foreign(
    tokens: &[Token<'_>],
    is_keyword: impl Fn(&Token<'_>) -> bool,
) -> Option<String> {
    let mut open: Vec<Level> = Vec::new();
    let mut level = Level { bracket: ' ', compares: None };
    for (i, token) in tokens.iter().enumerate() {
        match token {
            Token::Mark(bracket @ ('(' | '[')) => {
                let is_operator = i.checked_sub(1).is_some_and(|i| is(tokens.get(i), "operator"));
                let bracket = if is_operator { 'o' } else { *bracket };
                open.push(std::mem::replace(&mut level, Level { bracket, compares: None }));
            }
            Token::Mark(')' | ']') => level = open.pop()?,
            Token::Mark(':') if level.bracket != '[' => {
                return Some("':' stands between operands; PostgreSQL has no '? :', write CASE WHEN ... THEN ... ELSE ... END".into());
            }
            Token::Operator("=>") if open.is_empty() => {
                return Some("'=>' compares nothing; write '>='".into());
            }
            Token::Operator(operator @ ("==" | "===" | "!==" | "!")) if level.bracket != 'o' => {
                let meant = match *operator {
                    "!" => "NOT",
                    "!==" => "<>",
                    _ => "=",
                };
                return Some(format!("PostgreSQL has no '{operator}'; write {meant}"));
            }
            Token::Operator(operator) if COMPARISONS.contains(operator) => {
                if let Some(first) = level.compares.replace(operator) {
                    return Some(format!(
                        "'{first}' and '{operator}' compare in a chain; join two comparisons by AND or OR"
                    ));
                }
            }
            Token::Mark(',') => level.compares = None,
            Token::Word(_) if is_keyword(token) => {
                level.compares = None;
                if !is_qualified(tokens, i)
                    && let Some(mistake) = of_word(tokens, i)
                {
                    return Some(mistake);
                }
            }
            _ => {}
        }
    }
    None
}

/// What is under way inside one bracket.
struct Level<'t> {
    /// The one that opened it; `o` is that of `OPERATOR(...)`.
    bracket: char,
    /// A comparison that no keyword has ended.
    compares: Option<&'t str>,
}

/// Whether the word is a part of a longer name, and so no keyword.
fn is_qualified(tokens: &[Token<'_>], i: usize) -> bool {
    i.checked_sub(1).is_some_and(|before| tokens[before] == Token::Mark('.'))
}

fn is(token: Option<&Token<'_>>, word: &str) -> bool {
    matches!(token, Some(Token::Word(other)) if other.eq_ignore_ascii_case(word))
}

/// What a keyword has not got behind it.
fn of_word(tokens: &[Token<'_>], i: usize) -> Option<String> {
    let (word, rest) = (tokens.get(i), &tokens[i + 1..]);
    if is(word, "default") {
        return Some("DEFAULT is no value in a condition".into());
    }
    if is(word, "in") && rest.starts_with(&[Token::Mark('('), Token::Mark(')')]) {
        return Some("IN has an empty list".into());
    }
    if is(word, "between") && !has_and(rest) {
        return Some("BETWEEN has one bound; write BETWEEN ... AND ...".into());
    }
    if is(word, "is") {
        let tested = rest.get(usize::from(is(rest.first(), "not")))?;
        if !TESTS.iter().any(|test| is(Some(tested), test)) {
            return Some("IS takes NULL, TRUE, FALSE, UNKNOWN or DISTINCT FROM; compare values by '=' or '<>'".into());
        }
    }
    None
}

/// Whether AND stands behind, before the bracket around it ends.
fn has_and(rest: &[Token<'_>]) -> bool {
    let mut depth = 0;
    for token in rest {
        match token {
            Token::Mark('(' | '[') => depth += 1,
            Token::Mark(')' | ']') if depth == 0 => return false,
            Token::Mark(')' | ']') => depth -= 1,
            _ if depth == 0 && is(Some(token), "and") => return true,
            _ => {}
        }
    }
    false
}

/// Whether the condition is one text that no boolean is written like.
pub(super) fn is_no_boolean(sql: &str) -> bool {
    let sql = sql.trim();
    let Some(text) = sql.strip_prefix('\'').and_then(|text| text.strip_suffix('\'')) else {
        return false;
    };
    let text = text.trim().to_ascii_lowercase();
    let begins = |word: &str| !text.is_empty() && word.starts_with(&text);
    let is_boolean = ["true", "false", "yes", "no", "on", "off"].into_iter().any(begins)
        || matches!(text.as_str(), "0" | "1");
    !is_boolean && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b' ')
}

/// Whether no bracket of `inner` closes one that stands before it.
pub(super) fn closes_at_end(inner: &[Token<'_>]) -> bool {
    let mut depth = 0;
    inner.iter().all(|token| {
        depth += match token {
            Token::Mark('(') => 1,
            Token::Mark(')') => -1,
            _ => 0,
        };
        depth >= 0
    })
}
