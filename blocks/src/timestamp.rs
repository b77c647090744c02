//! How is a point in time that PostgreSQL holds written in JSON?
//!
//! As JavaScript's `toISOString` writes it: in UTC with milliseconds, years outside of 0 to 9999
//! with a sign and six digits, year 0 being 1 BC; the infinities as `infinity` and `-infinity`.
//! [`sql`] makes PostgreSQL write the same text as [`text`] does. Every path that shows a value
//! uses one of the two, and so no two of them differ.

use std::fmt;

/// Milliseconds of a day.
pub const DAY: i64 = 86_400_000;
/// Days from 1970-01-01 to 2000-01-01, where PostgreSQL counts from.
const POSTGRES: i64 = 10_957;
/// The form of `to_char` where the year has four digits and no sign.
const ISO: &str = r#"'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'"#;

/// A day of the Gregorian calendar, counted from 1970-01-01.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Day(i64);

impl Day {
    /// The day that comes so many days after 1970-01-01.
    #[must_use]
    pub fn since_1970(days: i64) -> Self {
        Self(days)
    }

    /// How many days after 1970-01-01 it comes.
    #[must_use]
    pub fn number(self) -> i64 {
        self.0
    }

    /// The day of that date, if there is one.
    #[must_use]
    pub fn of(year: i64, month: i64, day: i64) -> Option<Self> {
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let last = match month {
            2 if leap => 29,
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            1..=12 => 31,
            _ => return None,
        };
        // Years begin in March here, so that the day of a leap year is the last of one.
        let of_march = if month > 2 { month - 3 } else { month + 9 };
        let year = if month > 2 { year } else { year - 1 };
        let (era, year) = (year.div_euclid(400), year.rem_euclid(400));
        let of_year = (153 * of_march + 2) / 5 + day - 1;
        let of_era = year * 365 + year / 4 - year / 100 + of_year;
        (1..=last).contains(&day).then_some(Self(era * 146_097 + of_era - 719_468))
    }

    /// Year, month and day.
    #[must_use]
    pub fn civil(self) -> (i64, i64, i64) {
        let days = self.0 + 719_468;
        let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
        let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year + year / 4 - year / 100);
        let of_march = (5 * of_year + 2) / 153;
        let day = of_year - (153 * of_march + 2) / 5 + 1;
        let month = if of_march < 10 { of_march + 3 } else { of_march - 9 };
        (year + era * 400 + i64::from(month <= 2), month, day)
    }
}

/// With the sign and six digits that ECMAScript gives years outside of 0 to 9999.
impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.civil();
        match year {
            0..=9_999 => write!(f, "{year:04}-{month:02}-{day:02}"),
            _ => write!(f, "{year:+07}-{month:02}-{day:02}"),
        }
    }
}

/// The text of milliseconds since 1970.
#[must_use]
pub fn iso_text(millis: i64) -> String {
    let (day, millis) = (millis.div_euclid(DAY), millis.rem_euclid(DAY));
    let (seconds, millis) = (millis / 1_000, millis % 1_000);
    let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    format!("{}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z", Day(day))
}

/// The text of a `timestamptz`, of the microseconds since 2000 that it consists of.
#[must_use]
pub fn text(micros: i64) -> String {
    match micros {
        i64::MIN => "-infinity".to_owned(),
        i64::MAX => "infinity".to_owned(),
        _ => iso_text(micros.div_euclid(1_000) + POSTGRES * DAY),
    }
}

/// The text of a `date`, of the days since 2000 that it consists of.
#[must_use]
pub fn date_text(days: i32) -> String {
    match days {
        i32::MIN => "-infinity".to_owned(),
        i32::MAX => "infinity".to_owned(),
        _ => Day(i64::from(days) + POSTGRES).to_string(),
    }
}

/// The expression for the years 1 to 9999 alone, short enough to be shown to people.
#[must_use]
pub fn common_sql(value: &str) -> String {
    format!("pg_catalog.to_char({value} AT TIME ZONE 'UTC', {ISO})")
}

/// The expression of that text for an expression of type `timestamptz`.
#[must_use]
pub fn sql(value: &str) -> String {
    let utc = format!("{value} AT TIME ZONE 'UTC'");
    let common = common_sql(value);
    // PostgreSQL has no year 0: what comes before the year 1 is the year -1.
    let year =
        format!("extract(year FROM {utc}) + (CASE WHEN {value} < {FIRST} THEN 1 ELSE 0 END)");
    format!(
        "CASE WHEN {value} >= {FIRST} AND {value} < {LAST} THEN {common} \
         WHEN pg_catalog.isfinite({value}) THEN \
         pg_catalog.to_char({year}, CASE WHEN {year} = 0 THEN 'FM0000' ELSE 'FMSG000000' END) \
         || pg_catalog.to_char({utc}, '-MM-DD\"T\"HH24:MI:SS.MS\"Z\"') \
         ELSE {value}::text END"
    )
}

/// The first moment of the year 1.
const FIRST: &str = "timestamptz '0001-01-01 00:00:00+00'";
/// The first moment of the year 10000.
const LAST: &str = "timestamptz '10000-01-01 00:00:00+00'";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_dates_are_each_others_reverse() {
        for days in (-120_000_000..120_000_000).step_by(9_973).chain(-800..800) {
            let (year, month, day) = Day(days).civil();
            assert_eq!(Day::of(year, month, day), Some(Day(days)), "{year}-{month}-{day}");
        }
        assert_eq!(date_text(0), "2000-01-01");
        assert_eq!(date_text(i32::MAX), "infinity");
        assert_eq!(date_text(-746_393), "-000044-06-12");
        assert_eq!(text(-1), "1999-12-31T23:59:59.999Z");
        assert_eq!(text(i64::MIN), "-infinity");
    }
}
