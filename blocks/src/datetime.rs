//! Which texts are points in time, and how is one written?
//!
//! Read is what JavaScript's `Date` reads: the date time string format of ECMAScript, what
//! `toString` and `toUTCString` print, and the usual ways of everyday writing; nothing else,
//! except that a day which its month has not got is no day. A time without a zone is UTC.
//! Written is what `toISOString` prints. A point in time is what a `Date` is: milliseconds since
//! 1970, as far as 100,000,000 days around it.

use crate::timestamp::{DAY, Day, iso_text};
use jiff::Timestamp;
use jiff::civil;
use jiff::fmt::strtime::BrokenDownTime;
use std::fmt;

/// The days of a `Date` (ECMAScript, 21.4.1.1).
const LAST: i64 = 100_000_000 * DAY;

/// A point in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(i64);

impl Moment {
    /// Now.
    #[must_use]
    pub fn now() -> Self {
        Self(Timestamp::now().as_millisecond())
    }

    /// Reads a text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let millis = iso(text).or_else(|| everyday(text))?;
        (-LAST..=LAST).contains(&millis).then_some(Self(millis))
    }

    /// Whether records can hold it: they show a year of four digits, the first being 1.
    #[must_use]
    pub fn is_storable(self) -> bool {
        (1..=9_999).contains(&Day::since_1970(self.0.div_euclid(DAY)).civil().0)
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&iso_text(self.0))
    }
}

/// What is left of a text while it is read from the left.
struct Rest<'a>(&'a [u8]);

impl Rest<'_> {
    /// A number of exactly so many digits.
    fn digits(&mut self, count: usize) -> Option<i64> {
        let (digits, rest) = self.0.split_at_checked(count)?;
        let number = digits.iter().try_fold(0, |number, byte| {
            byte.is_ascii_digit().then(|| number * 10 + i64::from(byte - b'0'))
        })?;
        self.0 = rest;
        Some(number)
    }

    /// Whether one of these bytes comes next; then it is taken.
    fn takes(&mut self, any: &[u8]) -> Option<u8> {
        let (first, rest) = self.0.split_first().filter(|(first, _)| any.contains(first))?;
        self.0 = rest;
        Some(*first)
    }
}

/// The date time string format (ECMAScript, 21.4.1.32), with a blank for the `T` and without the
/// colon of the zone, as `Date` takes it too.
fn iso(text: &str) -> Option<i64> {
    let mut rest = Rest(text.as_bytes());
    let year = match rest.takes(b"+-") {
        None => rest.digits(4)?,
        Some(b'+') => rest.digits(6)?,
        Some(_) => -rest.digits(6).filter(|year| *year != 0)?,
    };
    let mut parts = [1, 1];
    let mut separator = &b"Tt"[..];
    for (place, part) in parts.iter_mut().enumerate() {
        if rest.takes(b"-").is_none() {
            break;
        }
        *part = rest.digits(2)?;
        if place == 1 {
            separator = b"Tt ";
        }
    }
    let day = Day::of(year, parts[0], parts[1])?.number();
    let time = match rest.takes(separator) {
        None => 0,
        Some(_) => time(&mut rest)?,
    };
    rest.0.is_empty().then_some(day * DAY + time)
}

/// `HH:mm`, `HH:mm:ss` or `HH:mm:ss.sss` and a zone, in milliseconds.
fn time(rest: &mut Rest<'_>) -> Option<i64> {
    let hour = rest.digits(2)?;
    rest.takes(b":")?;
    let minute = rest.digits(2)?;
    let (mut second, mut millis) = (0, 0);
    if rest.takes(b":").is_some() {
        second = rest.digits(2)?;
        if rest.takes(b".").is_some() {
            millis = rest.digits(1)? * 100;
            // Further digits than three count for nothing.
            for worth in [10, 1].into_iter().chain(std::iter::repeat(0)) {
                match rest.digits(1) {
                    Some(digit) => millis += digit * worth,
                    None => break,
                }
            }
        }
    }
    let is_end_of_day = hour == 24 && minute == 0 && second == 0 && millis == 0;
    let is_time = (hour < 24 && minute < 60 && second < 60) || is_end_of_day;
    let offset = match rest.takes(b"Zz+-") {
        None | Some(b'Z' | b'z') => 0,
        Some(sign) => {
            let hours = rest.digits(2)?;
            rest.takes(b":");
            let minutes = rest.digits(2)?;
            let offset = (hours < 24 && minutes < 60).then_some(hours * 60 + minutes)?;
            if sign == b'-' { -offset } else { offset }
        }
    };
    is_time.then_some((hour * 3_600 + minute * 60 + second - offset * 60) * 1_000 + millis)
}

/// With a zone, as `toString` and `toUTCString` print them.
const ZONED: [&str; 3] =
    ["%a %b %d %Y %H:%M:%S %z", "%a, %d %b %Y %H:%M:%S %z", "%d %b %Y %H:%M:%S %z"];
const CIVIL: [&str; 10] = [
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
const DAYS: [&str; 9] = [
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

fn everyday(text: &str) -> Option<i64> {
    // The longest of them has 60 letters or so.
    if text.len() > 200 {
        return None;
    }
    // `Mon Nov 23 2026 10:00:00 GMT+0100 (Central European Standard Time)`
    let bare = text.split(" (").next().unwrap_or_default().trim_end();
    let zoned = match bare.strip_suffix("GMT").or_else(|| bare.strip_suffix("UTC")) {
        Some(bare) => format!("{bare}+0000"),
        None => bare.replace("GMT", ""),
    };
    let read = |formats: &[&str], text: &str| {
        formats.iter().find_map(|format| {
            let broken = BrokenDownTime::parse(format, text).ok()?;
            let date = broken.to_date().ok().filter(|date| date.year() >= 1_000)?;
            let time = broken.to_time().unwrap_or(civil::Time::midnight());
            let (year, month, day) = (date.year(), date.month(), date.day());
            let day = Day::of(i64::from(year), i64::from(month), i64::from(day))?;
            let (hour, minute) = (i64::from(time.hour()), i64::from(time.minute()));
            let seconds = hour * 3_600 + minute * 60 + i64::from(time.second());
            let offset = broken.offset().map_or(0, |offset| i64::from(offset.seconds()));
            Some(day.number() * DAY + (seconds - offset) * 1_000)
        })
    };
    read(&ZONED, &zoned).or_else(|| read(&CIVIL, text)).or_else(|| read(&DAYS, text)).or_else(
        || {
            let parsed = jiff::fmt::rfc2822::parse(text).ok()?;
            Some(parsed.timestamp().as_millisecond())
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Option<String> {
        Moment::parse(text).map(|moment| moment.to_string())
    }

    /// What `new Date(text).toISOString()` answers in V8, in UTC.
    #[test]
    fn points_in_time_are_read_and_written_as_javascript_does() {
        for (text, expected) in [
            ("2026-11-23T10:00:00Z", "2026-11-23T10:00:00.000Z"),
            ("2026-11-23T10:00:00.1239+02:00", "2026-11-23T08:00:00.123Z"),
            ("2026-11-23T10:00:00.5-00:30", "2026-11-23T10:30:00.500Z"),
            ("2026-11-23T10:00:00.123456789Z", "2026-11-23T10:00:00.123Z"),
            ("2026-11-23T10:00:00+0100", "2026-11-23T09:00:00.000Z"),
            ("2026-11-23T10:00:00+23:59", "2026-11-22T10:01:00.000Z"),
            ("2026-11-23T10:00:00-00:00", "2026-11-23T10:00:00.000Z"),
            ("2026-11-23t10:00:00z", "2026-11-23T10:00:00.000Z"),
            ("2026-11-23", "2026-11-23T00:00:00.000Z"),
            (" 2026-11-23 ", "2026-11-23T00:00:00.000Z"),
            ("2026-11", "2026-11-01T00:00:00.000Z"),
            ("2026", "2026-01-01T00:00:00.000Z"),
            ("2026T10:00Z", "2026-01-01T10:00:00.000Z"),
            ("2026-11T10:00", "2026-11-01T10:00:00.000Z"),
            ("2026-11-23 10:00:00", "2026-11-23T10:00:00.000Z"),
            ("2026-11-23 10:00:00+01:00", "2026-11-23T09:00:00.000Z"),
            ("2026-11-23T10:00", "2026-11-23T10:00:00.000Z"),
            ("2026-11-23T24:00:00Z", "2026-11-24T00:00:00.000Z"),
            ("2026-12-31T24:00", "2027-01-01T00:00:00.000Z"),
            ("2024-02-29", "2024-02-29T00:00:00.000Z"),
            ("1969-12-31T23:59:59.999Z", "1969-12-31T23:59:59.999Z"),
            ("9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59.999Z"),
            ("0001-01-01", "0001-01-01T00:00:00.000Z"),
            ("0000-01-01T00:00:00Z", "0000-01-01T00:00:00.000Z"),
            ("-000001-01-01", "-000001-01-01T00:00:00.000Z"),
            ("+010000-01-01T00:00:00Z", "+010000-01-01T00:00:00.000Z"),
            ("+275760-09-13T00:00:00Z", "+275760-09-13T00:00:00.000Z"),
            ("-271821-04-20T00:00:00Z", "-271821-04-20T00:00:00.000Z"),
            ("Mon, 23 Nov 2026 10:00:00 GMT", "2026-11-23T10:00:00.000Z"),
            ("Mon, 23 Nov 2026 10:00:00 EST", "2026-11-23T15:00:00.000Z"),
            ("Fri, 31 Dec 9999 23:59:59 GMT", "9999-12-31T23:59:59.000Z"),
            ("23 Nov 2026 10:00:00 GMT", "2026-11-23T10:00:00.000Z"),
            ("Mon Nov 23 2026 10:00:00 GMT+0100 (Any Time)", "2026-11-23T09:00:00.000Z"),
            ("Mon Nov 23 2026 10:00:00 GMT+0000", "2026-11-23T10:00:00.000Z"),
            ("Mon Nov 23 2026", "2026-11-23T00:00:00.000Z"),
            ("11/23/2026", "2026-11-23T00:00:00.000Z"),
            ("2026/1/2", "2026-01-02T00:00:00.000Z"),
            ("11/23/2026 10:00", "2026-11-23T10:00:00.000Z"),
            ("Nov 23, 2026", "2026-11-23T00:00:00.000Z"),
            ("November 23, 2026 10:00", "2026-11-23T10:00:00.000Z"),
            ("12 December 2026", "2026-12-12T00:00:00.000Z"),
        ] {
            assert_eq!(shown(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_javascript_does_not_read_is_no_point_in_time() {
        for bad in [
            "",
            "nonsense",
            "now",
            "tomorrow",
            "2026-13-01",
            "2026-00-01",
            "2026-11-00",
            "2026-11-31",
            "2026-02-29",
            "2026-02-30T10:00:00Z",
            "2024-06-30T10:00:00[Europe/Berlin]",
            "2024-06-30T10:00:00+02:00[Europe/Berlin]",
            "2024-06-30T10:00:00Z[UTC]",
            "2026-11-23T10:00:00+01",
            "2026-11-23T10:00:00+24:00",
            "2026-11-23T10:00:00,5Z",
            "2026-11-23T10:00:00.Z",
            "2026-11-23T10:00:60Z",
            "2026-11-23T10:60:00Z",
            "2026-11-23T24:00:01Z",
            "2026-11-23T24:01Z",
            "2026-11-23T25:00Z",
            "2026-11-23T10",
            "2026-11-23T1:00",
            "2026-11-23T",
            "2026-11-23T10:00:00 Z",
            "2026-11-23T10:00:00Zfoo",
            "2026-11-23T10:00:00\u{2212}01:00",
            "20261123T100000Z",
            "2026-W01-1",
            "-000000-01-01T00:00:00Z",
            "+275760-09-13T00:00:00.001Z",
            "-271821-04-19T23:59:59.999Z",
            "+12026-01-01",
            "1700000000000",
            "26/1/2",
            "'; DROP TABLE x; --",
        ] {
            assert_eq!(shown(bad), None, "{bad}");
        }
        assert_eq!(shown(&"2026-11-23 ".repeat(100_000)), None);
    }
}
