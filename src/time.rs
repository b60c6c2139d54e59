//! Instants and workout dates, as plain values.
//!
//! Why: every time in Paceline is one of two things, and mixing them up is a bug that no test of a
//! single time zone finds. A [`Timestamp`] is an instant in UTC with microseconds, written by
//! Paceline. A [`WorkoutDate`] is the wall-clock date and time of a workout as its owner wrote it;
//! it has no zone.
//!
//! Invariants: both print in one fixed-width form whose text order is the time order (years 0000 to
//! 9999), so that SQLite's TEXT and MySQL's DATETIME compare alike.
//!
//! Must not know: the current time. `app` owns the clock and passes instants down.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, Utc};

/// An instant in UTC, in microseconds since 1970-01-01 00:00:00.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// A workout's local date and time without a zone, in microseconds since 1970-01-01 00:00:00 of
/// that local calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorkoutDate(i64);

/// A text that is no time in the accepted forms.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{text}' is not a {what}; write it as {expected}")]
pub struct TimeError {
    text: String,
    what: &'static str,
    expected: &'static str,
}

impl Timestamp {
    /// An instant from microseconds since the Unix epoch.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Microseconds since the Unix epoch.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// The instant as a naive UTC date and time.
    ///
    /// # Panics
    /// Never for years 0000 to 9999, which is all that the stores hold.
    pub fn naive(self) -> NaiveDateTime {
        DateTime::from_timestamp_micros(self.0).unwrap_or_default().naive_utc()
    }

    /// `YYYYMMDD_HHMMSS`, the form used inside identifiers.
    pub fn compact(self) -> String {
        self.naive().format("%Y%m%d_%H%M%S").to_string()
    }
}

impl WorkoutDate {
    /// A date from microseconds since 1970-01-01 00:00:00 of the local calendar.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Microseconds since 1970-01-01 00:00:00 of the local calendar.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// Midnight at the start of `date`.
    pub fn midnight(date: NaiveDate) -> Self {
        Self::from(date.and_time(chrono::NaiveTime::MIN))
    }

    /// The date and time as chrono has it.
    pub fn naive(self) -> NaiveDateTime {
        DateTime::from_timestamp_micros(self.0).unwrap_or_default().naive_utc()
    }

    /// The calendar day.
    pub fn day(self) -> NaiveDate {
        self.naive().date()
    }
}

impl From<DateTime<Utc>> for Timestamp {
    fn from(value: DateTime<Utc>) -> Self {
        Self(value.timestamp_micros())
    }
}

impl From<NaiveDateTime> for Timestamp {
    fn from(value: NaiveDateTime) -> Self {
        Self(value.and_utc().timestamp_micros())
    }
}

impl From<NaiveDateTime> for WorkoutDate {
    fn from(value: NaiveDateTime) -> Self {
        Self(value.and_utc().timestamp_micros())
    }
}

impl fmt::Display for Timestamp {
    /// `YYYY-MM-DD HH:MM:SS.ffffff`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.naive().format("%Y-%m-%d %H:%M:%S%.6f"))
    }
}

impl fmt::Display for WorkoutDate {
    /// `YYYY-MM-DD HH:MM:SS`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.naive().format("%Y-%m-%d %H:%M:%S"))
    }
}

/// `YYYY-MM-DD`, optionally followed by `T` or a space and `HH:MM[:SS[.f]]`, optionally `Z`.
/// Years outside 0000 to 9999 have no fixed-width form and are refused.
fn parse_naive(text: &str) -> Option<NaiveDateTime> {
    let text = text.trim();
    let text = text.strip_suffix('Z').unwrap_or(text);
    if let Some(at) = stored_form(text.as_bytes()) {
        return Some(at);
    }
    let parsed = if text.len() <= 10 {
        NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?.and_hms_opt(0, 0, 0)?
    } else {
        let spaced = text.replacen('T', " ", 1);
        NaiveDateTime::parse_from_str(&spaced, "%Y-%m-%d %H:%M:%S%.f")
            .or_else(|_| NaiveDateTime::parse_from_str(&spaced, "%Y-%m-%d %H:%M"))
            .ok()?
    };
    (0..=9999).contains(&parsed.year()).then_some(parsed)
}

/// `YYYY-MM-DD HH:MM:SS` to the letter, which is how a store hands out a million of them; None for all else, and
/// for what is no time of any day.
fn stored_form(text: &[u8]) -> Option<NaiveDateTime> {
    let marks = [(4, b'-'), (7, b'-'), (10, b' '), (13, b':'), (16, b':')];
    if text.len() != 19 || marks.iter().any(|(at, mark)| text[*at] != *mark) {
        return None;
    }
    let number = |from: usize, digits: usize| {
        text[from..from + digits].iter().try_fold(0u32, |number, digit| {
            digit.is_ascii_digit().then(|| number * 10 + u32::from(digit - b'0'))
        })
    };
    NaiveDate::from_ymd_opt(number(0, 4)? as i32, number(5, 2)?, number(8, 2)?)?.and_hms_opt(
        number(11, 2)?,
        number(14, 2)?,
        number(17, 2)?,
    )
}

impl FromStr for Timestamp {
    type Err = TimeError;

    fn from_str(text: &str) -> Result<Self, TimeError> {
        parse_naive(text).map(Self::from).ok_or_else(|| TimeError {
            text: text.to_owned(),
            what: "UTC instant",
            expected: "YYYY-MM-DD or YYYY-MM-DDTHH:MM:SSZ",
        })
    }
}

impl FromStr for WorkoutDate {
    type Err = TimeError;

    fn from_str(text: &str) -> Result<Self, TimeError> {
        parse_naive(text).map(Self::from).ok_or_else(|| TimeError {
            text: text.to_owned(),
            what: "date",
            expected: "YYYY-MM-DD or YYYY-MM-DD HH:MM:SS",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_order_is_time_order() {
        let texts = [
            "0001-01-01",
            "1969-12-31 23:59:59",
            "1970-01-01",
            "2038-01-19 03:14:08",
            "9999-12-31",
        ];
        let dates: Vec<WorkoutDate> = texts.iter().map(|t| t.parse().expect("a date")).collect();
        let printed: Vec<String> = dates.iter().map(ToString::to_string).collect();
        assert!(dates.is_sorted() && printed.is_sorted());
    }

    #[test]
    fn the_stored_form_is_what_the_general_one_reads() {
        let general = |text: &str| NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f").ok();
        for text in [
            "0000-01-01 00:00:00",
            "2024-02-29 23:59:59",
            "9999-12-31 12:34:56",
            "2023-02-29 00:00:00",
            "2024-13-01 00:00:00",
            "2024-01-01 24:00:00",
            "2024-01-01 00:00:6x",
        ] {
            assert_eq!(stored_form(text.as_bytes()), general(text), "{text}");
            assert_eq!(parse_naive(text), general(text), "{text}");
        }
        for text in [
            "2024-01-01T00:00:00",
            "2024-01-01 00:00:00.5",
            "2024-1-01 00:00:000",
            "",
            "2024-01-01 00:00",
        ] {
            assert_eq!(stored_form(text.as_bytes()), None, "{text}");
        }
        // A leap second is a time of day to the general form alone.
        assert_eq!(parse_naive("2016-12-31 23:59:60"), general("2016-12-31 23:59:60"));
    }

    #[test]
    fn an_instant_survives_its_own_text() {
        let t = Timestamp::from_micros(-1);
        assert_eq!(t.to_string(), "1969-12-31 23:59:59.999999");
        assert_eq!(t.to_string().parse(), Ok(t));
    }

    #[test]
    fn years_of_five_digits_and_nonsense_are_refused() {
        for text in ["10000-01-01", "2024-02-30", "yesterday", "", "-0001-01-01"] {
            assert!(text.parse::<WorkoutDate>().is_err(), "{text}");
        }
    }
}
