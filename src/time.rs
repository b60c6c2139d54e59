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

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, Timelike, Utc};

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
        match fixed_width(self.naive()) {
            Some(text) => f.write_str(str::from_utf8(&text).map_err(|_| fmt::Error)?),
            None => write!(f, "{}", self.naive().format("%Y-%m-%d %H:%M:%S%.6f")),
        }
    }
}

impl fmt::Display for WorkoutDate {
    /// `YYYY-MM-DD HH:MM:SS`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match fixed_width(self.naive()) {
            Some(text) => f.write_str(str::from_utf8(&text[..TO_SECONDS]).map_err(|_| fmt::Error)?),
            None => write!(f, "{}", self.naive().format("%Y-%m-%d %H:%M:%S")),
        }
    }
}

macro_rules! serialize_as_text {
    ($($name:ident),+) => {
        $(impl serde::Serialize for $name {
            /// As it is printed.
            fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.collect_str(self)
            }
        })+
    };
}

serialize_as_text!(Timestamp, WorkoutDate);

/// The length of `YYYY-MM-DD HH:MM:SS`, and of the form with microseconds.
const TO_SECONDS: usize = 19;
const TO_MICROS: usize = 26;

/// `YYYY-MM-DD HH:MM:SS.ffffff` of a year that has four digits. One text is made for every row that is written to
/// the embedded store, and a format that is interpreted costs more there than the rest of the row.
fn fixed_width(at: NaiveDateTime) -> Option<[u8; TO_MICROS]> {
    let year = u32::try_from(at.year()).ok().filter(|year| *year <= 9_999)?;
    // A leap second is the last microsecond of its minute and more; nothing here makes one.
    let micros = at.nanosecond() / 1_000;
    if micros > 999_999 {
        return None;
    }
    let mut text = *b"0000-00-00 00:00:00.000000";
    let mut put = |from: usize, digits: usize, mut value: u32| {
        for place in (from..from + digits).rev() {
            text[place] = b'0' + (value % 10) as u8;
            value /= 10;
        }
    };
    put(0, 4, year);
    put(5, 2, at.month());
    put(8, 2, at.day());
    put(11, 2, at.hour());
    put(14, 2, at.minute());
    put(17, 2, at.second());
    put(20, 6, micros);
    Some(text)
}

/// The date and time of a text in just the form that is printed, to the day, to the second or with up to six
/// digits of fraction; None for any other, which is not to say that it is no time.
fn parse_fixed_width(text: &str) -> Option<NaiveDateTime> {
    let text = text.as_bytes();
    let number = |from: usize, digits: usize| {
        let digits = text.get(from..from + digits)?;
        digits.iter().try_fold(0u32, |sum, byte| {
            byte.is_ascii_digit().then(|| sum * 10 + u32::from(byte - b'0'))
        })
    };
    if (text.get(4), text.get(7)) != (Some(&b'-'), Some(&b'-')) {
        return None;
    }
    let date = NaiveDate::from_ymd_opt(number(0, 4)? as i32, number(5, 2)?, number(8, 2)?)?;
    if text.len() == 10 {
        return date.and_hms_opt(0, 0, 0);
    }
    let between = (text.get(10)?, text.get(13)?, text.get(16)?);
    if !matches!(between, (b' ' | b'T', b':', b':')) {
        return None;
    }
    let micros = match text.len() {
        TO_SECONDS => 0,
        21..=TO_MICROS if text[TO_SECONDS] == b'.' => {
            let digits = text.len() - 20;
            number(20, digits)? * 10u32.pow((6 - digits) as u32)
        }
        _ => return None,
    };
    date.and_hms_micro_opt(number(11, 2)?, number(14, 2)?, number(17, 2)?, micros)
}

/// `YYYY-MM-DD`, optionally followed by `T` or a space and `HH:MM[:SS[.f]]`, optionally `Z`.
/// Years outside 0000 to 9999 have no fixed-width form and are refused.
fn parse_naive(text: &str) -> Option<NaiveDateTime> {
    let text = text.trim();
    let text = text.strip_suffix('Z').unwrap_or(text);
    if let Some(parsed) = parse_fixed_width(text) {
        return Some(parsed);
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
    use proptest::prelude::*;

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

    proptest! {
        #[test]
        fn what_is_printed_and_read_is_what_chrono_prints_and_reads(micros in -62_167_219_200_000_000i64..253_402_300_800_000_000) {
            let (instant, date) = (Timestamp::from_micros(micros), WorkoutDate::from_micros(micros));
            let naive = instant.naive();
            prop_assert_eq!(instant.to_string(), naive.format("%Y-%m-%d %H:%M:%S%.6f").to_string());
            prop_assert_eq!(date.to_string(), naive.format("%Y-%m-%d %H:%M:%S").to_string());
            for form in ["%Y-%m-%d", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S%.3f", "%Y-%m-%d %H:%M:%S%.6f"] {
                let text = naive.format(form).to_string();
                let slow = match form.len() {
                    8 => NaiveDate::parse_from_str(&text, form).expect("a date").and_hms_opt(0, 0, 0),
                    _ => NaiveDateTime::parse_from_str(&text, &form.replace(".3", ".").replace("%.6f", "%.f").replace("..f", ".f")).ok(),
                };
                prop_assert_eq!(parse_fixed_width(&text), slow, "{}", text);
            }
        }
    }

    #[test]
    fn other_forms_are_read_as_before() {
        let read = |text: &str| text.parse::<WorkoutDate>().map(|d| d.to_string()).ok();
        let at = |text: &str| Some(text.to_owned());
        assert_eq!(read("2024-1-2"), at("2024-01-02 00:00:00"));
        assert_eq!(read(" 2024-03-10T02:30 "), at("2024-03-10 02:30:00"));
        assert_eq!(read("2024-03-10 02:30:15.1234567891Z"), at("2024-03-10 02:30:15"));
        assert_eq!(read("2024-03-10 02:30:60"), at("2024-03-10 02:31:00"), "a leap second");
        for text in [
            "2024-03-10 24:00:00",
            "2024-13-01",
            "2024-03-1O",
            "2024-03-10 02:30:15.",
            "2024-03-10x02:30:15",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn an_instant_survives_its_own_text() {
        let t = Timestamp::from_micros(-1);
        assert_eq!(t.to_string(), "1969-12-31 23:59:59.999999");
        assert_eq!(t.to_string().parse(), Ok(t));
    }

    #[test]
    fn the_fixed_width_is_what_chrono_prints() {
        let naive = |micros: i64| Timestamp::from_micros(micros).naive();
        let steps = (-2_000..2_000).map(|i: i64| i * 31_415_926_535_897);
        for micros in steps.chain([
            0,
            -1,
            951_782_400_000_000,
            253_402_300_799_999_999,
            253_402_300_800_000_000,
        ]) {
            let (instant, date) = (Timestamp::from_micros(micros), WorkoutDate::from_micros(micros));
            let long = naive(micros).format("%Y-%m-%d %H:%M:%S%.6f").to_string();
            let short = naive(micros).format("%Y-%m-%d %H:%M:%S").to_string();
            assert_eq!((instant.to_string(), date.to_string()), (long, short));
        }
    }

    #[test]
    fn years_of_five_digits_and_nonsense_are_refused() {
        for text in ["10000-01-01", "2024-02-30", "yesterday", "", "-0001-01-01"] {
            assert!(text.parse::<WorkoutDate>().is_err(), "{text}");
        }
    }
}
