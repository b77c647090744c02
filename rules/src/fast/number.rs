//! How do numbers and strings turn into each other?
//!
//! ECMAScript's conversions, which differ from Rust's in white space, signs, `Infinity`,
//! bare points and separators.

use std::borrow::Cow;

/// `String(number)`.
pub(super) fn to_text(number: f64) -> Cow<'static, str> {
    if number == 0.0 {
        return Cow::Borrowed("0");
    }
    if number.is_nan() {
        return Cow::Borrowed("NaN");
    }
    if number.is_infinite() {
        return Cow::Borrowed(if number > 0.0 { "Infinity" } else { "-Infinity" });
    }
    Cow::Owned(ryu_js::Buffer::new().format_finite(number).to_owned())
}

/// `Number(text)`; `None` for the forms left to the engine (hexadecimal and its like).
pub(super) fn from_text(text: &str) -> Option<f64> {
    let trimmed = text.trim_matches(is_white_space);
    if trimmed.is_empty() {
        return Some(0.0);
    }
    let unsigned = trimmed.strip_prefix(['+', '-']).unwrap_or(trimmed);
    if unsigned == "Infinity" {
        return Some(if trimmed.starts_with('-') { f64::NEG_INFINITY } else { f64::INFINITY });
    }
    let bytes = unsigned.as_bytes();
    if bytes.len() > 1
        && bytes[0] == b'0'
        && bytes[1].is_ascii_alphabetic()
        && bytes[1] != b'e'
        && bytes[1] != b'E'
    {
        return None;
    }
    if is_decimal(bytes) { trimmed.parse().ok() } else { Some(f64::NAN) }
}

/// Digits, optionally a point, optionally an exponent; at least one digit beside the point.
fn is_decimal(bytes: &[u8]) -> bool {
    let digits = |from: usize| bytes[from..].iter().take_while(|b| b.is_ascii_digit()).count();
    let whole = digits(0);
    let mut at = whole;
    let mut fraction = 0;
    if bytes.get(at) == Some(&b'.') {
        at += 1;
        fraction = digits(at);
        at += fraction;
    }
    if whole + fraction == 0 {
        return false;
    }
    if matches!(bytes.get(at), Some(b'e' | b'E')) {
        at += 1;
        if matches!(bytes.get(at), Some(b'+' | b'-')) {
            at += 1;
        }
        let exponent = digits(at);
        if exponent == 0 {
            return false;
        }
        at += exponent;
    }
    at == bytes.len()
}

/// ECMAScript's WhiteSpace and LineTerminator.
fn is_white_space(c: char) -> bool {
    matches!(
        c,
        '\u{9}'..='\u{d}'
            | ' '
            | '\u{a0}'
            | '\u{1680}'
            | '\u{2000}'..='\u{200a}'
            | '\u{2028}'
            | '\u{2029}'
            | '\u{202f}'
            | '\u{205f}'
            | '\u{3000}'
            | '\u{feff}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_becomes_a_number_as_in_javascript() {
        for (text, number) in [
            ("", 0.0),
            (" \u{feff}12\u{a0}", 12.0),
            ("5.", 5.0),
            (".5", 0.5),
            ("-1e3", -1000.0),
            ("Infinity", f64::INFINITY),
            ("-Infinity", f64::NEG_INFINITY),
        ] {
            assert_eq!(from_text(text), Some(number), "{text:?}");
        }
        for text in ["inf", "nan", "infinity", "1_0", ".", "1e", "+-1", "1 2", "e5", "-"] {
            assert!(from_text(text).unwrap().is_nan(), "{text:?}");
        }
        assert_eq!(from_text("0x10"), None);
    }

    #[test]
    fn a_number_becomes_text_as_in_javascript() {
        for (number, text) in [
            (-0.0, "0"),
            (1.0, "1"),
            (1e21, "1e+21"),
            (1e-7, "1e-7"),
            (0.1 + 0.2, "0.30000000000000004"),
            (123_456_789_012_345_680_000.0, "123456789012345680000"),
            (f64::NAN, "NaN"),
        ] {
            assert_eq!(to_text(number), text);
        }
    }
}
