//! How old history must be to be archived: `1y`, `18mo`, `2w`, `90d`.
//!
//! Invariants: a year is twelve calendar months; an age counts back from an instant that the caller has.
//!
//! Must not know: the clock.

use std::str::FromStr;

use chrono::{Days, Months};

use crate::time::Timestamp;

/// An age.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Age {
    /// Calendar months.
    Months(u16),
    /// Days.
    Days(u16),
}

/// A text that is no age.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no age; write a number and y (years), mo (months), w (weeks) or d (days), such as 1y, 18mo or 90d")]
pub struct AgeError(String);

impl Age {
    /// The instant that lies so far before `now`; the first instant there is, where it lies before that.
    pub fn before(self, now: Timestamp) -> Timestamp {
        let at = now.naive();
        let moved = match self {
            Self::Months(months) => at.checked_sub_months(Months::new(u32::from(months))),
            Self::Days(days) => at.checked_sub_days(Days::new(u64::from(days))),
        };
        let first = "0000-01-01".parse().unwrap_or(now);
        moved.map_or(first, Timestamp::from).max(first)
    }
}

impl FromStr for Age {
    type Err = AgeError;

    fn from_str(text: &str) -> Result<Self, AgeError> {
        let error = || AgeError(text.to_owned());
        let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (count, unit) = text.split_at(digits);
        let count = count.parse::<u16>().ok().filter(|count| *count > 0).ok_or_else(error)?;
        let times = |n: u16| count.checked_mul(n).ok_or_else(error);
        match unit {
            "y" => Ok(Self::Months(times(12)?)),
            "mo" => Ok(Self::Months(count)),
            "w" => Ok(Self::Days(times(7)?)),
            "d" => Ok(Self::Days(count)),
            _ => Err(error()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_counts_back_by_the_calendar() {
        let now: Timestamp = "2024-02-29T12:00:00Z".parse().expect("an instant");
        for (age, at) in [
            ("1y", "2023-02-28 12:00:00.000000"),
            ("12mo", "2023-02-28 12:00:00.000000"),
            ("2w", "2024-02-15 12:00:00.000000"),
            ("59d", "2024-01-01 12:00:00.000000"),
            ("5000y", "0000-01-01 00:00:00.000000"),
        ] {
            let age: Age = age.parse().expect(age);
            assert_eq!(age.before(now).to_string(), at);
        }
        for text in ["", "1", "y", "0d", "-1d", "1 y", "1m", "70000d", "6000y"] {
            assert!(text.parse::<Age>().is_err(), "{text}");
        }
    }
}
