//! A range of dates as windows: pure arithmetic on the calendar.
//!
//! Why: a backfill does a window at a time, so its memory and its transactions are bounded by the window
//! and not by the range.
//!
//! Invariants: windows are half-open, follow one another without gap or overlap, and together are exactly
//! the range; none is empty; only the last may be shorter than the others. Boundaries are counted from the
//! start of the range, so that months from a 31st do not drift: January 31, February 29, March 31.
//!
//! Must not know: what is done in a window.

use std::fmt;
use std::str::FromStr;

use chrono::{Datelike, Days, Months, NaiveDateTime};

use crate::store::workouts::Window;
use crate::time::WorkoutDate;

/// More windows than this are a mistake in the range or the window: thirty years of days.
pub const MAX_WINDOWS: usize = 11_000;

/// The calendar unit of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Calendar months.
    Months,
    /// Seven days each.
    Weeks,
    /// Days.
    Days,
}

/// The length of a window: `1mo`, `2w`, `30d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    count: u16,
    unit: Unit,
}

/// A half-open window of workout dates, both ends given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct DateWindow {
    /// Inclusive.
    pub from: WorkoutDate,
    /// Exclusive.
    pub to: WorkoutDate,
}

/// Why a range cannot be split.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SplitError {
    /// It ends before it begins, or is empty.
    #[error("--from {from} is not before --to {to}; --to is exclusive")]
    Empty {
        /// Its start.
        from: WorkoutDate,
        /// Its end.
        to: WorkoutDate,
    },
    /// There would be too many windows.
    #[error(
        "[{from}, {to}) in windows of {span} is more than {MAX_WINDOWS} windows; take a longer --window or a shorter range"
    )]
    TooMany {
        /// Start of the range.
        from: WorkoutDate,
        /// Its end.
        to: WorkoutDate,
        /// The windows' length.
        span: Span,
    },
}

/// A text that is no length of a window.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no window; write a number and mo (months), w (weeks) or d (days), such as 1mo, 2w or 30d")]
pub struct SpanError(String);

impl Span {
    /// One calendar month.
    pub const MONTH: Self = Self {
        count: 1,
        unit: Unit::Months,
    };

    /// `count` units.
    ///
    /// # Panics
    /// For no units at all.
    pub fn new(count: u16, unit: Unit) -> Self {
        assert!(count > 0, "a window has a length");
        Self { count, unit }
    }

    /// The last midnight at or before `date` on which a unit begins: the first of the month, Monday, the day.
    pub fn floor(self, date: WorkoutDate) -> WorkoutDate {
        let day = date.day();
        let first = match self.unit {
            Unit::Months => day.with_day(1),
            Unit::Weeks => day.checked_sub_days(Days::new(u64::from(day.weekday().num_days_from_monday()))),
            Unit::Days => Some(day),
        };
        WorkoutDate::midnight(first.unwrap_or(day))
    }

    /// `n` windows after `from`; None beyond the years that dates can have.
    fn after(self, from: NaiveDateTime, n: u32) -> Option<WorkoutDate> {
        let count = n * u32::from(self.count);
        let moved = match self.unit {
            Unit::Months => from.checked_add_months(Months::new(count)),
            Unit::Weeks => from.checked_add_days(Days::new(u64::from(count) * 7)),
            Unit::Days => from.checked_add_days(Days::new(u64::from(count))),
        };
        moved.filter(|at| at.year() <= 9_999).map(WorkoutDate::from)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = match self.unit {
            Unit::Months => "mo",
            Unit::Weeks => "w",
            Unit::Days => "d",
        };
        write!(f, "{}{unit}", self.count)
    }
}

impl FromStr for Span {
    type Err = SpanError;

    fn from_str(text: &str) -> Result<Self, SpanError> {
        let error = || SpanError(text.to_owned());
        let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (count, unit) = text.split_at(digits);
        let count = count.parse::<u16>().ok().filter(|count| *count > 0).ok_or_else(error)?;
        let unit = match unit {
            "mo" => Unit::Months,
            "w" => Unit::Weeks,
            "d" => Unit::Days,
            _ => return Err(error()),
        };
        Ok(Self { count, unit })
    }
}

impl fmt::Display for DateWindow {
    /// `[2024-01-01, 2024-02-01)`; with the time of day where there is one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}, {})", shown(self.from), shown(self.to))
    }
}

/// A date without its time of day where that is midnight.
pub fn shown(date: WorkoutDate) -> String {
    let text = date.to_string();
    text.strip_suffix(" 00:00:00").map_or(text.clone(), str::to_owned)
}

impl From<DateWindow> for Window {
    fn from(window: DateWindow) -> Self {
        Self {
            from: Some(window.from),
            to: Some(window.to),
        }
    }
}

/// The windows of `[from, to)`, oldest first.
///
/// # Errors
/// [`SplitError`] for an empty range and for more than [`MAX_WINDOWS`] windows.
pub fn split(from: WorkoutDate, to: WorkoutDate, span: Span) -> Result<Vec<DateWindow>, SplitError> {
    if from >= to {
        return Err(SplitError::Empty { from, to });
    }
    let mut windows = Vec::new();
    let mut start = from;
    while start < to {
        if windows.len() == MAX_WINDOWS {
            return Err(SplitError::TooMany { from, to, span });
        }
        let end = span.after(from.naive(), windows.len() as u32 + 1);
        let end = end.map_or(to, |end| end.min(to));
        windows.push(DateWindow { from: start, to: end });
        start = end;
    }
    Ok(windows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn date(text: &str) -> WorkoutDate {
        text.parse().expect("a date")
    }

    fn texts(from: &str, to: &str, span: &str) -> Vec<String> {
        let span = span.parse().expect("a span");
        let windows = split(date(from), date(to), span).expect("windows");
        windows.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn months_from_a_31st_do_not_drift_and_know_leap_years() {
        assert_eq!(
            texts("2024-01-31", "2024-05-01", "1mo"),
            [
                "[2024-01-31, 2024-02-29)",
                "[2024-02-29, 2024-03-31)",
                "[2024-03-31, 2024-04-30)",
                "[2024-04-30, 2024-05-01)"
            ]
        );
        assert_eq!(texts("2023-02-01", "2023-03-01", "28d"), ["[2023-02-01, 2023-03-01)"]);
        assert_eq!(texts("2024-02-01", "2024-03-01", "28d").len(), 2);
        assert_eq!(
            texts("1900-02-28", "1900-03-01", "1d").len(),
            1,
            "1900 was no leap year"
        );
    }

    #[test]
    fn weeks_and_days_keep_the_time_of_day() {
        assert_eq!(
            texts("2024-01-01 06:30:00", "2024-01-10", "1w"),
            [
                "[2024-01-01 06:30:00, 2024-01-08 06:30:00)",
                "[2024-01-08 06:30:00, 2024-01-10)"
            ]
        );
    }

    #[test]
    fn the_end_of_the_calendar_ends_the_last_window() {
        assert_eq!(texts("9999-11-15", "9999-12-31", "2mo"), ["[9999-11-15, 9999-12-31)"]);
    }

    #[test]
    fn an_empty_range_and_too_many_windows_are_refused() {
        let day = date("2024-01-01");
        let days = "1d".parse().expect("a span");
        assert!(matches!(split(day, day, days), Err(SplitError::Empty { .. })));
        let error = split(date("0001-01-01"), day, days).expect_err("too many");
        assert!(error.to_string().contains("more than 11000 windows"), "{error}");
    }

    #[test]
    fn spans_are_their_own_text_and_nothing_else_is_one() {
        for text in ["1mo", "12mo", "1w", "30d"] {
            assert_eq!(text.parse::<Span>().expect("a span").to_string(), text);
        }
        for text in ["", "1", "mo", "0d", "1m", "1 mo", "-1d", "1y", "70000d", "1.5mo", "٣d"] {
            assert!(text.parse::<Span>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_unit_begins_on_the_first_on_monday_or_at_midnight() {
        let at = date("2024-05-16 07:00:00");
        let floor = |span: &str| shown(span.parse::<Span>().expect("a span").floor(at));
        assert_eq!(
            (floor("1mo"), floor("2w"), floor("3d")),
            (
                "2024-05-01".to_owned(),
                "2024-05-13".to_owned(),
                "2024-05-16".to_owned()
            )
        );
    }

    proptest! {
        #[test]
        fn windows_tile_the_range_exactly(
            start in -60_000_000_000_000_000i64..100_000_000_000_000_000,
            length in 1i64..40_000_000_000_000_000,
            count in 1u16..400,
            unit in prop::sample::select(vec![Unit::Months, Unit::Weeks, Unit::Days]),
        ) {
            let (from, to) = (WorkoutDate::from_micros(start), WorkoutDate::from_micros(start + length));
            match split(from, to, Span::new(count, unit)) {
                Ok(windows) => {
                    prop_assert_eq!(windows[0].from, from);
                    prop_assert_eq!(windows[windows.len() - 1].to, to);
                    prop_assert!(windows.iter().all(|w| w.from < w.to));
                    prop_assert!(windows.windows(2).all(|pair| pair[0].to == pair[1].from));
                    prop_assert!(windows.len() <= MAX_WINDOWS);
                }
                Err(error) => {
                    let too_many = matches!(error, SplitError::TooMany { .. });
                    prop_assert!(too_many, "{}", error);
                    prop_assert!(length / (86_400_000_000 * i64::from(count)) >= MAX_WINDOWS as i64);
                }
            }
        }
    }
}
