//! What does a query string say?
//!
//! Reads the parameters that a route knows and passes over all others. A known one that is
//! repeated, empty or of the wrong kind is a 400 that names it. A value is copied only where it is
//! percent-encoded.

use super::{Kind, Parameter};
use crate::error::{Error, Result};
use percent_encoding::percent_decode_str;
use std::borrow::Cow;
use std::str::Utf8Error;

/// The parameters that were sent.
#[derive(Debug, Default)]
pub struct Query<'a>(Vec<(&'static Parameter, Value<'a>)>);

#[derive(Debug)]
enum Value<'a> {
    Integer(i64),
    Boolean(bool),
    Text(Cow<'a, str>),
}

impl<'a> Query<'a> {
    /// Reads the parameters that are known.
    ///
    /// # Errors
    /// 400 naming the parameter that is malformed.
    pub fn read(known: &'static [Parameter], text: &'a str) -> Result<Self> {
        let mut query = Self::default();
        for pair in text.split('&') {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let Ok(name) = decode(name) else { continue };
            let Some(parameter) = known.iter().find(|p| p.name == name) else { continue };
            if query.value(parameter).is_some() {
                return Err(malformed(&name, "the parameter is repeated. Send it once"));
            }
            let value = decode(value).map_err(|_| {
                malformed(&name, "the value is not valid UTF-8 once percent-decoded")
            })?;
            query.0.push((parameter, parameter.read(value)?));
        }
        Ok(query)
    }

    fn value(&self, parameter: &Parameter) -> Option<&Value<'a>> {
        self.0.iter().find(|(known, _)| known.name == parameter.name).map(|(_, value)| value)
    }

    /// The value of a parameter that is an integer.
    #[must_use]
    pub fn integer(&self, parameter: &Parameter) -> Option<i64> {
        match self.value(parameter)? {
            Value::Integer(number) => Some(*number),
            _ => None,
        }
    }

    /// The value of a parameter that is true or false.
    #[must_use]
    pub fn boolean(&self, parameter: &Parameter) -> Option<bool> {
        match self.value(parameter)? {
            Value::Boolean(truth) => Some(*truth),
            _ => None,
        }
    }

    /// The value of any other parameter.
    #[must_use]
    pub fn text(&self, parameter: &Parameter) -> Option<&str> {
        match self.value(parameter)? {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The names in the value of a parameter.
    #[must_use]
    pub fn names(&self, parameter: &Parameter) -> Option<impl Iterator<Item = &str>> {
        self.text(parameter).map(names)
    }
}

impl Parameter {
    fn read<'a>(&self, text: Cow<'a, str>) -> Result<Value<'a>> {
        let wrong = |what: &str| Err(malformed(self.name, what));
        match self.kind {
            Kind::Integer { least, lenient } => {
                let number = if lenient { leading_integer(&text) } else { integer(&text) };
                match number {
                    Some(number) if number >= least => Ok(Value::Integer(number)),
                    // The contract's words (10.2).
                    found => Err(Error::BadRequest(format!(
                        "Invalid {} parameter: must be {}",
                        self.name,
                        match (least, found) {
                            (1, _) => "a positive number",
                            (_, None) => "a number",
                            (_, Some(_)) => "non-negative",
                        }
                    ))),
                }
            }
            Kind::Boolean { lenient } => match &*text {
                "true" => Ok(Value::Boolean(true)),
                "false" => Ok(Value::Boolean(false)),
                "1" if lenient => Ok(Value::Boolean(true)),
                "0" if lenient => Ok(Value::Boolean(false)),
                _ => wrong("the value must be true or false"),
            },
            Kind::Text { may_be_empty: true } => Ok(Value::Text(text)),
            _ if text.trim().is_empty() => {
                wrong("the value is empty. Send one, or leave the parameter out")
            }
            Kind::Names { .. } if names(&text).any(str::is_empty) => {
                wrong("a name is empty. Separate names by single commas")
            }
            Kind::Names { most } if names(&text).nth(most).is_some() => {
                wrong(&format!("at most {most} fields are allowed"))
            }
            Kind::Names { .. } | Kind::Conditions | Kind::Text { .. } => Ok(Value::Text(text)),
        }
    }
}

/// The refusal of a value, which says what is wrong with it.
pub fn malformed(name: &str, what: &str) -> Error {
    Error::BadRequest(format!("{name}: {what}."))
}

fn names(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim)
}

/// A name or value of `application/x-www-form-urlencoded`.
fn decode(text: &str) -> std::result::Result<Cow<'_, str>, Utf8Error> {
    if text.contains('+') {
        let spaced = text.replace('+', " ");
        return Ok(Cow::Owned(percent_decode_str(&spaced).decode_utf8()?.into_owned()));
    }
    percent_decode_str(text).decode_utf8()
}

/// An integer of any number of digits, those of too many as the largest that is told apart.
fn integer(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let is_integer = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    is_integer.then(|| leading_integer(text)).flatten()
}

/// `parseInt`: the leading integer of a text.
fn leading_integer(text: &str) -> Option<i64> {
    let text = text.trim_start();
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    let number: i64 = digits[..end].parse().ok().or((end > 18).then_some(i64::MAX / 2))?;
    Some(sign * number)
}

#[cfg(test)]
mod tests {
    use super::super::{COUNT, FIELDS, FILTER, INSERT, INSTANCES, LIMIT, LIST, SEARCH_TERM};
    use super::*;

    fn refusal(known: &'static [Parameter], query: &str) -> String {
        Query::read(known, query).expect_err(query).to_string()
    }

    #[test]
    fn values_are_decoded_once_and_borrowed_where_nothing_is_encoded() {
        let query = Query::read(LIST, "search=a+b%2Bc&%66ields=id,+n&limit=%205x&&=&x").unwrap();
        assert_eq!(query.text(&SEARCH_TERM), Some("a b+c"));
        assert_eq!(query.names(&FIELDS).unwrap().collect::<Vec<_>>(), ["id", "n"]);
        assert_eq!(query.integer(&LIMIT), Some(5));
        assert_eq!(query.text(&FILTER), None);
        let query = Query::read(LIST, "search=ab").unwrap();
        assert!(matches!(query.value(&SEARCH_TERM), Some(Value::Text(Cow::Borrowed("ab")))));
        assert_eq!(Query::default().0.capacity(), 0);
    }

    #[test]
    fn a_parameter_that_the_route_does_not_know_may_be_anything() {
        for query in ["", "expand=a&expand=b", "limit=x&limit=y", "%FF=%FF", "upsert"] {
            assert!(Query::read(COUNT, query).unwrap().0.is_empty(), "{query}");
        }
    }

    #[test]
    fn a_parameter_that_the_route_knows_is_refused_by_its_name() {
        for (known, query, said) in [
            (LIST, "limit=1&limit=1", "limit: the parameter is repeated. Send it once."),
            (LIST, "limit=1&%6Cimit=1", "limit: the parameter is repeated. Send it once."),
            (LIST, "search=&search=", "search: the parameter is repeated. Send it once."),
            (LIST, "q=%FF", "q: the value is not valid UTF-8 once percent-decoded."),
            (LIST, "limit", "Invalid limit parameter: must be a number"),
            (LIST, "offset=-1", "Invalid offset parameter: must be non-negative"),
            (LIST, "page=0", "Invalid page parameter: must be a positive number"),
            (INSTANCES, "limit=5abc", "Invalid limit parameter: must be a number"),
            (INSTANCES, "limit=+", "Invalid limit parameter: must be a number"),
            (INSTANCES, "limit=%205", "Invalid limit parameter: must be a number"),
            (
                INSTANCES,
                "limit=-99999999999999999999",
                "Invalid limit parameter: must be non-negative",
            ),
            (LIST, "sort=a,,b", "sort: a name is empty. Separate names by single commas."),
            (LIST, "includeTotal=no", "includeTotal: the value must be true or false."),
            (INSERT, "upsert=1", "upsert: the value must be true or false."),
            (INSERT, "upsert", "upsert: the value must be true or false."),
            (
                INSERT,
                "conflictTarget=",
                "conflictTarget: the value is empty. Send one, or leave the parameter out.",
            ),
            (
                COUNT,
                "filter=%20",
                "filter: the value is empty. Send one, or leave the parameter out.",
            ),
        ] {
            assert_eq!(refusal(known, query), said, "{query}");
        }
        let names = ["a"; 11].join(",");
        assert_eq!(refusal(LIST, &format!("sort={names}")), "sort: at most 10 fields are allowed.");
    }

    #[test]
    fn no_table_names_a_parameter_twice() {
        for known in [LIST, super::super::SEARCH, COUNT, super::super::GET, INSERT, INSTANCES] {
            for (at, parameter) in known.iter().enumerate() {
                assert!(!known[..at].iter().any(|p| p.name == parameter.name), "{parameter:?}");
            }
        }
    }
}
