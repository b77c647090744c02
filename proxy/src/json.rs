//! Which JSON is taken, and how is JSON shown that others wrote?
//!
//! What clients send nests at most [`MAX_DEPTH`] deep in a field, and its numbers are those of a
//! double. A row may hold more all the same: SQL and earlier versions wrote it. It is shown with
//! such a part as text, so that no row is one that a client, a rule or this server cannot decode.
//! Half a surrogate pair, which only the type `json` keeps, is shown as U+FFFD.

pub use edgebase_blocks::depth::{MAX_DEPTH, is_deep};
use serde::de::DeserializeSeed;
use serde_json::{Deserializer, Value};
use std::borrow::Cow;
use std::marker::PhantomData;

/// Digits before the point of the least number beyond every double.
const LONG: usize = 309;

/// Why a text is no JSON that is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// It is no JSON.
    #[error("is not valid JSON")]
    Malformed,
    /// Its bytes are no text.
    #[error("is not valid UTF-8")]
    NotUtf8,
    /// A string has an escape of half a character, such as `\ud800` alone.
    #[error("has half of a surrogate pair in a string: escape both halves, or send the character")]
    HalfPair,
    /// Its arrays and objects nest too deeply.
    #[error(
        "nests arrays and objects too deeply: at most {MAX_DEPTH} levels are allowed in a field"
    )]
    Deep,
    /// It has a number that a double cannot hold.
    #[error("has a number that is out of range: send numbers up to 1.79e308, or text")]
    Large,
}

/// Reads what a client sent.
///
/// # Errors
/// What is wrong with it.
pub fn parse(text: &[u8]) -> Result<Value, Fault> {
    parse_as(text, PhantomData::<Value>)
}

/// Reads what a client sent as `seed` has it.
///
/// # Errors
/// What is wrong with it.
pub fn parse_as<'t, S: DeserializeSeed<'t>>(text: &'t [u8], seed: S) -> Result<S::Value, Fault> {
    let mut reader = Deserializer::from_slice(text);
    let whole = seed.deserialize(&mut reader).and_then(|value| reader.end().map(|()| value));
    whole.map_err(|error| {
        // The library tells these apart by words alone.
        let said = error.to_string();
        if said.starts_with("recursion limit exceeded") {
            Fault::Deep
        } else if said.starts_with("number out of range") {
            Fault::Large
        } else if said.starts_with("lone leading surrogate")
            || said.starts_with("unexpected end of hex escape")
        {
            Fault::HalfPair
        } else if std::str::from_utf8(text).is_err() {
            Fault::NotUtf8
        } else {
            Fault::Malformed
        }
    })
}

/// Which numbers of a text stay numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Numbers {
    /// Those within the range of a double.
    InRange,
    /// Those that a double holds exactly, integers up to 2^53.
    Exact,
}

/// The same JSON, with as text what is below `deepest` levels and which numbers are not to be
/// numbers. One pass without recursion over what PostgreSQL has written.
#[must_use]
pub fn presentable(text: &str, deepest: usize, numbers: Numbers) -> Cow<'_, str> {
    // Neither so many brackets nor so many digits fit into less.
    if numbers == Numbers::InRange && text.len() < LONG.min(2 * deepest) {
        return Cow::Borrowed(text);
    }
    let bytes = text.as_bytes();
    let (mut shown, mut copied, mut at, mut depth) = (String::new(), 0, 0, 0_usize);
    while let Some(byte) = bytes.get(at) {
        let end = match byte {
            b'"' => {
                let end = end_of_string(bytes, at);
                if let Some(whole) = well_formed(&text[at..end]) {
                    shown.push_str(&text[copied..at]);
                    shown.push_str(&whole);
                    copied = end;
                }
                at = end;
                continue;
            }
            b'[' | b'{' if depth == deepest => end_of_container(bytes, at),
            b'-' | b'0'..=b'9' => {
                let end = end_of_number(bytes, at);
                if is_number(&text[at..end], numbers) {
                    at = end;
                    continue;
                }
                end
            }
            other => {
                match other {
                    b'[' | b'{' => depth += 1,
                    b']' | b'}' => depth = depth.saturating_sub(1),
                    _ => {}
                }
                at += 1;
                continue;
            }
        };
        shown.push_str(&text[copied..at]);
        shown.push_str(&Value::from(&text[at..end]).to_string());
        (at, copied) = (end, end);
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    shown.push_str(&text[copied..]);
    Cow::Owned(shown)
}

/// A string with U+FFFD for each half of a surrogate pair; `None` when it has none.
fn well_formed(string: &str) -> Option<String> {
    let unit = |at: usize| {
        let digits = string.get(at..)?.strip_prefix("\\u")?.get(..4)?;
        u16::from_str_radix(digits, 16).ok()
    };
    let (mut whole, mut copied, mut at) = (String::new(), 0, 0);
    while let Some(found) = string.get(at..).and_then(|rest| rest.find('\\')) {
        at += found;
        match (unit(at), unit(at + 6)) {
            (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => at += 12,
            (Some(0xd800..=0xdfff), _) => {
                whole.push_str(&string[copied..at]);
                whole.push_str("\\ufffd");
                at += 6;
                copied = at;
            }
            (Some(_), _) => at += 6,
            (None, _) => at += 2,
        }
    }
    (copied > 0).then(|| whole + &string[copied..])
}

/// Behind the string that begins at `at`.
fn end_of_string(bytes: &[u8], at: usize) -> usize {
    let mut at = at + 1;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// Behind the array or object that begins at `at`.
fn end_of_container(bytes: &[u8], at: usize) -> usize {
    let (mut at, mut depth) = (at, 0_usize);
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => {
                at = end_of_string(bytes, at);
                continue;
            }
            b'[' | b'{' => depth += 1,
            b']' | b'}' if depth <= 1 => return at + 1,
            b']' | b'}' => depth -= 1,
            _ => {}
        }
        at += 1;
    }
    bytes.len()
}

fn end_of_number(bytes: &[u8], at: usize) -> usize {
    let is_part = |byte: &u8| byte.is_ascii_digit() || b"+-.eE".contains(byte);
    bytes[at..].iter().position(|byte| !is_part(byte)).map_or(bytes.len(), |length| at + length)
}

fn is_number(text: &str, numbers: Numbers) -> bool {
    let is_finite = |text: &str| text.parse::<f64>().is_ok_and(f64::is_finite);
    match numbers {
        // None without an exponent is too large with fewer digits.
        Numbers::InRange => text.len() < LONG && !text.contains(['e', 'E']) || is_finite(text),
        Numbers::Exact if text.contains(['.', 'e', 'E']) => text
            .parse::<f64>()
            .is_ok_and(|n| n.is_finite() && decimal(&format!("{n:e}")) == decimal(text)),
        Numbers::Exact => text.parse::<i64>().is_ok_and(|n| n.unsigned_abs() <= 1 << 53),
    }
}

/// The digits of a number without leading and trailing zeros, and the power of ten of the first.
fn decimal(text: &str) -> (bool, String, i64) {
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let unsigned = mantissa.trim_start_matches('-');
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let all = format!("{whole}{fraction}");
    let digits = all.trim_start_matches('0');
    if digits.is_empty() {
        return (false, String::new(), 0);
    }
    let power = |length: usize| i64::try_from(length).unwrap_or(i64::MAX);
    let first = power(whole.len()).saturating_sub(power(all.len() - digits.len()));
    let exponent = exponent.trim_start_matches('+').parse().unwrap_or(i64::MAX);
    let negative = unsigned.len() < mantissa.len();
    (negative, digits.trim_end_matches('0').to_owned(), first.saturating_add(exponent))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn nested(depth: usize) -> String {
        "[".repeat(depth) + &"]".repeat(depth)
    }

    #[test]
    fn faults_are_told_apart() {
        assert_eq!(parse(br#"{"a": [1e308]}"#), Ok(json!({"a": [1e308]})));
        assert_eq!(parse(b"{"), Err(Fault::Malformed));
        assert_eq!(parse(b"\xff"), Err(Fault::NotUtf8));
        assert_eq!(parse(b"[\"\xff\"]"), Err(Fault::NotUtf8));
        for half in [r"\ud800", r"\udc00", r"\ud800x", r"\ud800\n", r"\ud800\ud800"] {
            assert_eq!(parse(format!("[\"{half}\"]").as_bytes()), Err(Fault::HalfPair), "{half}");
        }
        assert_eq!(parse(br#"["\ud83d\ude00"]"#), Ok(json!(["\u{1f600}"])));
        for cut in [r#"["\ud8"#, r#"["\uzzzz"]"#, r#"["\ud800"#] {
            assert_eq!(parse(cut.as_bytes()), Err(Fault::Malformed), "{cut}");
        }
        assert_eq!(parse(b"[1e400]"), Err(Fault::Large));
        assert_eq!(parse(nested(100_000).as_bytes()), Err(Fault::Deep));
        let deep = |depth| is_deep(&parse(nested(depth).as_bytes()).unwrap());
        assert!(!deep(MAX_DEPTH) && deep(MAX_DEPTH + 1));
        assert!(!is_deep(&json!(1)));
    }

    #[test]
    fn whatever_a_row_holds_can_be_decoded() {
        for depth in [99, 100, 101, 126, 127, 128, 5_000, 1_000_000] {
            let text = format!(r#"{{"a":{},"b":"]\"}}"}}"#, nested(depth));
            let shown = presentable(&text, 101, Numbers::InRange);
            let value: Value = serde_json::from_str(&shown).unwrap();
            assert_eq!(value["b"], "]\"}");
            assert_eq!(shown == text, depth <= 100, "{depth}");
        }
        let cut = presentable(r#"{"a":[[{"b":"]\"["},1]],"c":2}"#, 2, Numbers::Exact);
        assert_eq!(cut, r#"{"a":["[{\"b\":\"]\\\"[\"},1]"],"c":2}"#);
        let huge = format!("1{}", "0".repeat(400));
        let text = format!(r#"{{"a":{huge},"b":-{huge},"c":"{huge}","d":0.{huge},"e":1e-400}}"#);
        let value: Value =
            serde_json::from_str(&presentable(&text, 101, Numbers::InRange)).unwrap();
        assert_eq!(
            value,
            json!({"a": huge, "b": format!("-{huge}"), "c": huge, "d": 0.1, "e": 0.0})
        );
        let largest = format!("{}", f64::MAX);
        let text = format!("[{largest},{}]", "1e309");
        let shown = presentable(&text, 101, Numbers::InRange);
        let value: Value = serde_json::from_str(&shown).unwrap();
        assert_eq!(value, json!([f64::MAX, "1e309"]));
    }

    #[test]
    fn half_a_surrogate_pair_is_shown_as_the_replacement_character() {
        let text = r#"{"\udc00":["\ud83d","\ud83d\ude00","\\ud83d","a\ud83d\u0041","\ud83d\ud83d\ude00"]}"#;
        let value: Value = serde_json::from_str(&presentable(text, 101, Numbers::Exact)).unwrap();
        let strings = json!(["\u{fffd}", "😀", "\\ud83d", "a\u{fffd}A", "\u{fffd}😀"]);
        assert_eq!(value, json!({"\u{fffd}": strings}));
    }

    #[test]
    fn a_number_stays_one_where_a_double_holds_it() {
        for (text, is_exact) in [
            ("0", true),
            ("-0.0", true),
            ("0.1", true),
            ("0.10", true),
            ("-2.50", true),
            ("19.99", true),
            ("1e+308", true),
            ("1.7976931348623157e+308", true),
            ("5e-324", true),
            ("0.00001", true),
            ("9007199254740992", true),
            ("9007199254740993", false),
            ("-9007199254740993", false),
            ("18446744073709551616", false),
            ("0.12345678901234567890123", false),
            ("123456789012345678.5", false),
            ("1e309", false),
        ] {
            assert_eq!(is_number(text, Numbers::Exact), is_exact, "{text}");
        }
    }
}
