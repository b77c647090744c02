//! How does a JSON value become a column's value?
//!
//! Writes are strict: no coercion (contract 7.5). Filters are lenient where clients rely on it:
//! a numeric string compares with a number column (contract 11). Datetimes are what
//! JavaScript's `Date` would parse, normalised to UTC with milliseconds.

use crate::db::statement::Bind;
use edgebase_blocks::FieldType;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Timestamp, fmt};
use serde_json::Value;

/// Reads a point in time as JavaScript would: ISO 8601 and its reduced forms, RFC 2822, and the
/// common forms of `Date.prototype.toString` and of everyday writing. A time without a zone is UTC.
#[must_use]
pub fn datetime(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    let utc = |d: DateTime| d.to_zoned(TimeZone::UTC).ok().map(|z| z.timestamp());
    text.parse::<Timestamp>()
        .ok()
        .or_else(|| text.parse::<DateTime>().ok().and_then(utc))
        .or_else(|| text.parse::<Date>().ok().and_then(|d| utc(d.into())))
        .or_else(|| reduced(text).and_then(|d| utc(d.into())))
        .or_else(|| fmt::rfc2822::parse(text).ok().map(|z| z.timestamp()))
        .or_else(|| everyday(text))
        .filter(|t| (0..=9999).contains(&t.to_zoned(TimeZone::UTC).year()))
}

/// `2026` and `2026-11`.
fn reduced(text: &str) -> Option<Date> {
    let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    match (text.len(), text.split_once('-')) {
        (4, None) if digits(text) => Date::new(text.parse().ok()?, 1, 1).ok(),
        (7, Some((year, month))) if year.len() == 4 && digits(year) && digits(month) => {
            Date::new(year.parse().ok()?, month.parse().ok()?, 1).ok()
        }
        _ => None,
    }
}

fn everyday(text: &str) -> Option<Timestamp> {
    // `Mon Nov 23 2026 10:00:00 GMT+0100 (Central European Standard Time)`
    let without_zone_name = text.split(" (").next()?.replace("GMT", "");
    let zoned = ["%a %b %d %Y %H:%M:%S %z", "%a, %d %b %Y %H:%M:%S %z"];
    if let Some(t) =
        zoned.iter().find_map(|f| Timestamp::strptime(f, without_zone_name.trim()).ok())
    {
        return Some(t);
    }
    let civil = [
        "%Y/%m/%d %H:%M:%S",
        "%Y/%m/%d %H:%M",
        "%m/%d/%Y %H:%M:%S",
        "%m/%d/%Y %H:%M",
        "%b %d, %Y %H:%M:%S",
        "%b %d, %Y %H:%M",
        "%B %d, %Y %H:%M:%S",
        "%B %d, %Y %H:%M",
        "%d %b %Y %H:%M:%S",
        "%a %b %d %Y %H:%M:%S",
    ];
    let days = [
        "%Y/%m/%d",
        "%m/%d/%Y",
        "%b %d, %Y",
        "%B %d, %Y",
        "%d %b %Y",
        "%d %B %Y",
        "%a %b %d %Y",
        "%b %d %Y",
        "%B %d %Y",
    ];
    civil
        .iter()
        .find_map(|f| DateTime::strptime(f, text).ok())
        .or_else(|| days.iter().find_map(|f| Date::strptime(f, text).ok()).map(DateTime::from))
        .and_then(|d| d.to_zoned(TimeZone::UTC).ok())
        .map(|z| z.timestamp())
}

/// `YYYY-MM-DDTHH:MM:SS.mmmZ`, rounded down to the millisecond.
#[must_use]
pub fn iso(time: Timestamp) -> String {
    time.to_zoned(TimeZone::UTC).strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// How JavaScript prints a number: `3`, not `3.0`.
#[must_use]
pub fn js_number(n: f64) -> String {
    if n == n.trunc() && n.abs() < 1e15 { format!("{n:.0}") } else { n.to_string() }
}

/// Whether a text can be stored: Postgres has no NUL.
#[must_use]
pub fn has_nul(value: &Value) -> bool {
    match value {
        Value::String(s) => s.contains('\0'),
        Value::Array(items) => items.iter().any(has_nul),
        Value::Object(map) => map.iter().any(|(k, v)| k.contains('\0') || has_nul(v)),
        _ => false,
    }
}

/// The value of a column to be written; the value has passed validation.
#[must_use]
pub fn stored(kind: FieldType, value: &Value) -> Bind {
    match kind {
        FieldType::String | FieldType::Text => Bind::Text(value.as_str().map(str::to_owned)),
        FieldType::Datetime => Bind::Text(value.as_str().and_then(datetime).map(iso)),
        FieldType::Number => Bind::Number(value.as_f64()),
        FieldType::Boolean => Bind::Bool(value.as_bool()),
        FieldType::Json => Bind::Json(Some(value.clone()).filter(|v| !v.is_null())),
    }
}

/// The operand of a comparison with a column of that type, or why it cannot be one.
///
/// # Errors
/// What the operand would have to be.
pub fn operand(kind: FieldType, value: &Value) -> Result<Bind, &'static str> {
    if has_nul(value) {
        return Err("a value without NUL characters");
    }
    match kind {
        FieldType::String | FieldType::Text => match value {
            Value::String(s) => Ok(Bind::text(s.clone())),
            Value::Number(n) => Ok(Bind::text(n.as_f64().map_or_else(|| n.to_string(), js_number))),
            Value::Bool(b) => Ok(Bind::text(b.to_string())),
            _ => Err("a string"),
        },
        FieldType::Number => number(value).map(|n| Bind::Number(Some(n))).ok_or("a number"),
        FieldType::Boolean => boolean(value).map(|b| Bind::Bool(Some(b))).ok_or("true or false"),
        FieldType::Datetime => {
            value.as_str().and_then(datetime).map(|t| Bind::text(iso(t))).ok_or("a datetime string")
        }
        FieldType::Json => Ok(Bind::Json(Some(value.clone()))),
    }
}

/// A number, or a string that is one.
#[must_use]
pub fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(n) => n.as_f64(),
        Value::String(s) => s.trim().parse::<f64>().ok(),
        _ => None,
    }
    .filter(|n| n.is_finite())
}

fn boolean(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(b) => Some(*b),
        Value::Number(n) if n.as_f64() == Some(1.0) => Some(true),
        Value::Number(n) if n.as_f64() == Some(0.0) => Some(false),
        Value::String(s) => s.parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn datetimes_are_read_like_javascript_and_printed_in_utc() {
        for (text, expected) in [
            ("2026-11-23T10:00:00Z", "2026-11-23T10:00:00.000Z"),
            ("2026-11-23T10:00:00.1239+02:00", "2026-11-23T08:00:00.123Z"),
            ("2026-11-23", "2026-11-23T00:00:00.000Z"),
            ("2026-11", "2026-11-01T00:00:00.000Z"),
            ("2026", "2026-01-01T00:00:00.000Z"),
            ("2026-11-23 10:00:00", "2026-11-23T10:00:00.000Z"),
            ("2026-11-23T10:00", "2026-11-23T10:00:00.000Z"),
            ("Mon, 23 Nov 2026 10:00:00 GMT", "2026-11-23T10:00:00.000Z"),
            (
                "Mon Nov 23 2026 10:00:00 GMT+0100 (Central European Standard Time)",
                "2026-11-23T09:00:00.000Z",
            ),
            ("11/23/2026", "2026-11-23T00:00:00.000Z"),
            ("Nov 23, 2026", "2026-11-23T00:00:00.000Z"),
        ] {
            assert_eq!(datetime(text).map(iso).as_deref(), Some(expected), "{text}");
        }
        for bad in ["", "nonsense", "2026-13-01", "2026-02-30T10:00:00Z", "'; DROP TABLE x; --"] {
            assert_eq!(datetime(bad), None, "{bad}");
        }
    }

    #[test]
    fn numeric_strings_compare_with_numbers_but_infinity_does_not() {
        assert_eq!(number(&"40".into()), Some(40.0));
        for bad in [
            Value::from("inf"),
            Value::from("NaN"),
            Value::from(""),
            Value::Null,
            Value::from(true),
        ] {
            assert_eq!(number(&bad), None);
        }
        assert_eq!(js_number(3.0), "3");
        assert_eq!(js_number(0.5), "0.5");
    }
}
