//! Which rule said no, and why?
//!
//! A [`Denial`] names the rule or hook behind a refusal: in the access log, in `edgebase rules
//! test`, and for the person who develops a config in a response header. Only `edgebase dev` sends
//! that header, because strangers are not told how rules are written.

use crate::trace::CallerKind;
use axum::http::{HeaderName, HeaderValue};
use edgebase_blocks::Rule;
use edgebase_rules::Cause;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use std::fmt;

/// The header that names the rule.
pub const HEADER: HeaderName = HeaderName::from_static("x-edgebase-denied-by");

/// The most that a header says of a rule's place, and of the cause, in bytes.
const LONGEST: usize = 500;
/// What stays as it is in a rule's place; everything else is percent-encoded.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'.')
    .remove(b'-')
    .remove(b'_')
    .remove(b':')
    .remove(b'/')
    .remove(b'{')
    .remove(b'}');

/// A rule that did not let pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    /// Where it stands in the config, or would stand, e.g.
    /// `databases.app.tables.posts.access.read`.
    pub rule: String,
    /// Why.
    pub cause: String,
}

impl Denial {
    /// The header's value: the rule's place, percent-encoded where it has to be, and the cause as
    /// a quoted string of visible ASCII; then who was asked about, where a token came in vain.
    #[must_use]
    pub fn header(&self, caller: Option<CallerKind>) -> HeaderValue {
        let mut text: String = utf8_percent_encode(&self.rule, PLAIN).to_string();
        text.truncate(LONGEST);
        text.push_str("; cause=\"");
        let full = text.len() + LONGEST;
        for c in self.cause.chars() {
            match c {
                '"' | '\\' => text.extend(['\\', c]),
                ' '..='~' => text.push(c),
                c if c.is_whitespace() => text.push(' '),
                _ => text.push('?'),
            }
            if text.len() >= full {
                text.push_str("...");
                break;
            }
        }
        text.push('"');
        if let Some(caller) = caller.filter(|caller| caller.is_mistaken()) {
            text.extend(["; caller=\"", caller.as_str(), "\""]);
        }
        HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static("?"))
    }
}

/// Why a rule did not let pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// There is none, and its absence denies.
    Absent,
    /// It is no function, and does not hold; the text is the rule.
    Literal(String),
    /// It is a function, and this came of its evaluation.
    Evaluated(Cause),
}

impl Reason {
    /// Of a rule that can be judged without a row, or is none.
    #[must_use]
    pub fn of(rule: Option<&Rule>) -> Self {
        rule.map_or(Self::Absent, |rule| Self::Literal(rule.describe()))
    }

    /// Whether the rule said no. Otherwise it could not be evaluated to its end, and neither
    /// yes nor no may be concluded: the request fails with 503.
    #[must_use]
    pub fn is_verdict(&self) -> bool {
        match self {
            Self::Absent | Self::Literal(_) => true,
            Self::Evaluated(cause) => cause.is_verdict(),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => f.write_str("there is no such rule"),
            Self::Literal(rule) => write!(f, "the rule is {rule}"),
            Self::Evaluated(cause) => cause.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_bounded_and_has_no_character_that_could_end_it() {
        let denial = |rule: &str, cause: &str| {
            let denial = Denial { rule: rule.into(), cause: cause.into() };
            denial.header(Some(CallerKind::User)).to_str().expect("visible ASCII").to_owned()
        };
        assert_eq!(
            denial("databases.workspace.access.access", "the rule returned a falsy value"),
            "databases.workspace.access.access; cause=\"the rule returned a falsy value\""
        );
        assert_eq!(
            denial("databases.a b\"ü.access.access", "the rule threw: \"x\"\r\nSet-Cookie: ü\\"),
            "databases.a%20b%22%C3%BC.access.access; cause=\"the rule threw: \\\"x\\\"  Set-Cookie: ?\\\\\""
        );
        let denial_of = |caller| Denial { rule: "r".into(), cause: "c".into() }.header(caller);
        assert_eq!(
            denial_of(Some(CallerKind::TokenExpired)),
            "r; cause=\"c\"; caller=\"nobody: token expired\""
        );
        assert_eq!(denial_of(Some(CallerKind::Anonymous)), "r; cause=\"c\"");
        assert_eq!(denial_of(None), "r; cause=\"c\"");
        for long in ["a".repeat(100_000), "ü\"".repeat(50_000)] {
            assert!(denial(&long, &long).len() < 2 * LONGEST + 50);
        }
    }
}
