//! Which values are odd, and how are those written that no library would write?
//!
//! A request's JSON is a [`Value`] until it is sent. What a `Value` cannot hold (numbers beyond a
//! double, half a surrogate pair, a member that comes twice) or would be too large to keep stands
//! in it as a text that begins with [`MARK`], which [`render`] replaces.

use fastrand::Rng;
use serde_json::{Value, json};

/// What a text begins and ends with that [`render`] replaces. No other text has it.
const MARK: char = '\u{1}';
/// The same as JSON writes it.
const ESCAPED: &str = "\\u0001";

/// Numbers as they are written: odd ones, and some that are none.
const NUMBERS: &[&str] = &[
    "-0",
    "0.0",
    "1e400",
    "-1e400",
    "1e-400",
    "5e-324",
    "1.7976931348623157e308",
    "1E+2",
    "9007199254740993",
    "-9223372036854775808",
    "9223372036854775808",
    "18446744073709551616",
    "0.1e1",
    "123456789012345678901234567890.123456789",
    "1e18",
    "2147483648",
    "00",
    "+1",
    ".5",
    "1.",
    "0x10",
    "NaN",
    "Infinity",
    "-",
    "1e",
    "1_000",
    "nul",
];

/// Texts that something may trip over: SQL, paths, JavaScript, Unicode, dates.
const TEXTS: &[&str] = &[
    "",
    " ",
    "\0",
    "a\0b",
    "'",
    "\"",
    "\\",
    "`",
    ";",
    "--",
    "/*",
    "$1",
    "?",
    "%",
    "%00",
    "%2F",
    "_",
    "*",
    "null",
    "true",
    "NaN",
    "-1",
    "1e400",
    "'; DROP TABLE open; --",
    "\" OR 1=1 --",
    "../..",
    ".",
    "..",
    "/",
    "a/b",
    "a:b",
    "count",
    "search",
    "batch",
    "tables",
    "id",
    "createdAt",
    "updatedAt",
    "_doc",
    "__proto__",
    "constructor",
    "toString",
    "$op",
    "[]",
    "{}",
    "[[\"n\"]]",
    "\u{fffd}",
    "\u{feff}",
    "\u{202e}abc",
    "e\u{301}",
    "\u{1f468}\u{200d}\u{1f469}",
    "😀",
    "ß",
    "İ",
    "ǅ",
    "\u{2028}",
    "\u{85}",
    "\u{10ffff}",
    "\u{e000}",
    "\u{7f}",
    "\r\n",
    "\t",
    "٣",
    "ﬁ",
    "2026-11-30T00:00:00Z",
    "0000-01-01",
    "9999-12-31T23:59:59.999Z",
    "12000-01-01",
    "infinity",
    "-infinity",
    "0044-03-15 BC",
    "24:00",
    "2026-02-30",
    "now",
    "+275760-09-13T00:00:00Z",
];

fn pick<T: Copy>(rng: &mut Rng, all: &[T]) -> T {
    all[rng.usize(..all.len())]
}

/// A text: one of the odd ones, or letters of anywhere in Unicode.
pub fn text(rng: &mut Rng) -> String {
    match rng.u8(..10) {
        0..7 => pick(rng, TEXTS).to_owned(),
        7 => format!("{}{}", pick(rng, TEXTS), pick(rng, TEXTS)),
        _ => (0..rng.usize(1..20)).map(|_| rng.char(..)).filter(|c| *c != MARK).collect(),
    }
}

fn marked(command: &str) -> Value {
    Value::String(format!("{MARK}{command}{MARK}"))
}

/// A size near a bound, seldom one beyond every bound.
fn size(rng: &mut Rng, near: &[usize], far: &[usize]) -> usize {
    if rng.u8(..60) == 0 { pick(rng, far) } else { pick(rng, near) }
}

/// An array or object that nests deeply.
pub fn deep(rng: &mut Rng) -> Value {
    let near = [2, 20, 97, 98, 99, 100, 101, 102, 126, 127, 128, 129];
    let levels = size(rng, &near, &[1_000, 100_000]);
    marked(&format!("deep:{levels}:{}", rng.u8(..3)))
}

/// An array or object of many members.
pub fn wide(rng: &mut Rng) -> Value {
    let near = [6, 11, 100, 101, 201, 500, 501, 1_001, 10_001];
    marked(&format!("wide:{}:{}", size(rng, &near, &[65_536, 249_990, 250_001]), rng.u8(..3)))
}

/// A long text.
pub fn long(rng: &mut Rng) -> Value {
    let near = [128, 200, 201, 255, 256, 1_000, 1_001, 10_000, 10_001, 65_537];
    let far = [1_000_000, 4_000_000, 9_000_000, 11_000_000];
    marked(&format!("long:{}:{}", size(rng, &near, &far), rng.u8(..5)))
}

/// Any value.
pub fn any(rng: &mut Rng) -> Value {
    match rng.u8(..24) {
        0 => Value::Null,
        1 => json!(rng.bool()),
        2 => json!(rng.i64(-3..4)),
        3 => json!(rng.f64() * 1e6),
        4..7 => marked(&format!("raw:{}", pick(rng, NUMBERS))),
        7..13 => json!(text(rng)),
        13 => marked(&format!("half:{}", pick(rng, &["d800", "dfff", "dc00\\ud800", "0000"]))),
        14 => deep(rng),
        15 => wide(rng),
        16 => long(rng),
        17 => marked(r#"raw:{"a":1,"a":{"b":2}}"#),
        18 => {
            let value = if rng.bool() { json!(rng.i32(-9..9)) } else { json!(text(rng)) };
            json!({"$op": pick(rng, &["increment", "deleteField", "push", ""]), "value": value})
        }
        19 => json!([any(rng), any(rng)]),
        20 => json!({ text(rng): any(rng) }),
        21 => json!({"$op": 1}),
        22 => json!([]),
        _ => json!({}),
    }
}

/// The bytes of a value, with what stood for something else replaced by that.
pub fn render(value: &Value) -> Vec<u8> {
    let text = value.to_string();
    let opening = format!("\"{ESCAPED}");
    let mut parts = text.split(&opening);
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.split_once(&format!("{ESCAPED}\"")) {
            Some((command, rest)) => {
                let command = serde_json::from_str::<String>(&format!("\"{command}\""));
                out.push_str(&expanded(&command.expect("it was written as a text")));
                out.push_str(rest);
            }
            None => out.push_str(part),
        }
    }
    out.into_bytes()
}

fn expanded(command: &str) -> String {
    let (kind, rest) = command.split_once(':').unwrap_or((command, ""));
    let (count, form) = rest.split_once(':').unwrap_or((rest, ""));
    let n = count.parse::<usize>().unwrap_or_default();
    match (kind, form) {
        ("raw", _) => rest.to_owned(),
        ("half", _) => format!("\"\\u{}\"", rest),
        ("deep", "0") => format!("{}{}", "[".repeat(n), "]".repeat(n)),
        ("deep", "1") => format!("{}1{}", "{\"a\":".repeat(n), "}".repeat(n)),
        ("deep", _) => format!("{}0{}", "[{\"a\":".repeat(n / 2), "}]".repeat(n / 2)),
        ("wide", "0") => format!("[0{}]", ",0".repeat(n.saturating_sub(1))),
        ("wide", "1") => format!("[{{}}{}]", ",{}".repeat(n.saturating_sub(1))),
        ("wide", _) => {
            let members: Vec<_> = (0..n).map(|i| format!("\"k{i}\":{i}")).collect();
            format!("{{{}}}", members.join(","))
        }
        ("long", "0") => format!("\"{}\"", "a".repeat(n)),
        ("long", "1") => format!("\"{}\"", "😀".repeat(n / 4)),
        ("long", "2") => format!("\"{}\"", "a ".repeat(n / 2)),
        ("long", "3") => format!("\"{}b\"", "aa".repeat(n / 2)),
        _ => format!("\"{}\"", "\\\"".repeat(n / 2)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_value_cannot_hold_is_written_as_it_was_meant() {
        let of = |value: Value| String::from_utf8(render(&value)).unwrap();
        assert_eq!(of(json!({"a": [marked("raw:1e400")]})), r#"{"a":[1e400]}"#);
        assert_eq!(of(marked("deep:2:0")), "[[]]");
        assert_eq!(of(marked("deep:2:1")), r#"{"a":{"a":1}}"#);
        assert_eq!(of(marked("half:d800")), r#""\ud800""#);
        assert_eq!(of(marked("half:dc00\\ud800")), r#""\udc00\ud800""#);
        assert_eq!(of(marked("raw:{\"a\":1,\"a\":2}")), r#"{"a":1,"a":2}"#);
        assert_eq!(of(marked("wide:3:2")), r#"{"k0":0,"k1":1,"k2":2}"#);
        assert_eq!(of(json!("plain \"text\"")), r#""plain \"text\"""#);
    }
}
