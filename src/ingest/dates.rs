//! The dates of exports: a day, sometimes with a time of day, never with a zone that matters.
//!
//! Why: one vendor writes `Sept. 2, 2020`, `March 3, 2014` and `16-Sep-17`; a parser that misses
//! `Sept.` silently loses two hundred workouts.
//!
//! Invariants: whole seconds (stores differ in how they round fractions); a UTC offset is dropped,
//! because a workout's date is the wall clock of its owner; all-number dates with the day or the
//! month first are refused, because nobody can tell which it is.
//!
//! Must not know: the current date.

use chrono::NaiveDate;

use crate::time::WorkoutDate;

/// `YYYY-MM-DD`, optionally with `T` or a space and a time of day, optionally with `Z` or an offset.
pub(super) fn iso(text: &str) -> Option<WorkoutDate> {
    let text = text.trim();
    let bytes = text.as_bytes();
    // chrono would read '99-01-02' as the year 99.
    if bytes.len() < 8 || !bytes[..4].iter().all(u8::is_ascii_digit) || bytes[4] != b'-' {
        return None;
    }
    let text = without_offset(text);
    let date: WorkoutDate = if text.bytes().any(|b| b.is_ascii_lowercase()) {
        text.to_ascii_uppercase().parse().ok()?
    } else {
        text.parse().ok()?
    };
    let micros = date.micros();
    Some(WorkoutDate::from_micros(micros - micros.rem_euclid(1_000_000)))
}

/// The text before a trailing `+02:00`, `-0530` or `+02` of a date-time; a plain date is untouched.
fn without_offset(text: &str) -> &str {
    let Some((date, time)) = text.split_at_checked(10) else {
        return text;
    };
    let Some(sign) = time.rfind(['+', '-']) else {
        return text;
    };
    let digits = || time[sign + 1..].bytes().filter(|b| *b != b':');
    if matches!(digits().count(), 2 | 4) && digits().all(|b| b.is_ascii_digit()) {
        text[..date.len() + sign].trim_end()
    } else {
        text
    }
}

/// The forms of a MapMyRun export: `Oct. 7, 2025`, `March 3, 2014`, `16-Sep-17`, `16 Sep 2017`, or
/// [`iso`]. Years of two digits are 1969 to 2068, as POSIX reads them.
pub(super) fn mapmyrun(text: &str) -> Option<WorkoutDate> {
    if let Some(date) = iso(text) {
        return Some(date);
    }
    let separator = |c: char| c.is_whitespace() || matches!(c, ',' | '-' | '/');
    let mut parts = text.split(separator).filter(|part| !part.is_empty());
    let (first, second, last) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    let (month, day) = match (month(first), month(second)) {
        (Some(month), None) => (month, second),
        (None, Some(month)) => (month, first),
        _ => return None,
    };
    let date = NaiveDate::from_ymd_opt(year(last)?, month, digits(day, 1..=2)?)?;
    Some(WorkoutDate::midnight(date))
}

/// A month's English name in full, its first three letters, or `Sept`; any case, a dot or none.
fn month(text: &str) -> Option<u32> {
    const NAMES: [&str; 12] = [
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ];
    let text = text.strip_suffix('.').unwrap_or(text);
    let begins = |name: &&str| {
        text.get(..3)
            .is_some_and(|three| three.eq_ignore_ascii_case(&name[..3]))
    };
    let index = NAMES.iter().position(begins)?;
    let known =
        text.len() == 3 || text.eq_ignore_ascii_case(NAMES[index]) || (index == 8 && text.eq_ignore_ascii_case("sept"));
    known.then_some(index as u32 + 1)
}

fn year(text: &str) -> Option<i32> {
    let year = i32::try_from(digits(text, 2..=4)?).ok()?;
    match text.len() {
        4 => Some(year),
        2 if year < 69 => Some(2000 + year),
        2 => Some(1900 + year),
        _ => None,
    }
}

/// A number of ASCII digits only, as many as `length` allows.
fn digits(text: &str, length: std::ops::RangeInclusive<usize>) -> Option<u32> {
    let plain = length.contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    if plain { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Option<String> {
        mapmyrun(text).map(|date| date.to_string())
    }

    #[test]
    fn every_spelling_of_every_month_is_read() {
        let spellings: [&[&str]; 12] = [
            &["Jan.", "Jan", "January"],
            &["Feb.", "Feb", "February"],
            &["March", "Mar.", "Mar"],
            &["April", "Apr.", "APR"],
            &["May", "may", "May."],
            &["June", "Jun.", "jun"],
            &["July", "Jul.", "JULY"],
            &["Aug.", "Aug", "August"],
            &["Sept.", "Sept", "Sep.", "Sep", "September"],
            &["Oct.", "Oct", "October"],
            &["Nov.", "Nov", "November"],
            &["Dec.", "Dec", "December"],
        ];
        for (index, names) in spellings.iter().enumerate() {
            for name in *names {
                let expected = format!("2020-{:02}-02 00:00:00", index + 1);
                assert_eq!(day(&format!("{name} 2, 2020")), Some(expected.clone()), "{name}");
                assert_eq!(day(&format!("2-{name}-20")), Some(expected), "{name}");
            }
        }
    }

    #[test]
    fn two_digit_years_turn_at_sixty_nine() {
        assert_eq!(day("16-Sep-17").as_deref(), Some("2017-09-16 00:00:00"));
        assert_eq!(day("1-Jan-68").as_deref(), Some("2068-01-01 00:00:00"));
        assert_eq!(day("1-Jan-69").as_deref(), Some("1969-01-01 00:00:00"));
    }

    #[test]
    fn iso_dates_keep_the_wall_clock_and_whole_seconds() {
        for text in [
            "2024-03-10T02:30:15Z",
            "2024-03-10 02:30:15.999",
            "2024-03-10T02:30:15+05:30",
            "2024-03-10t02:30:15-0800",
            " 2024-03-10 02:30:15 +02 ",
        ] {
            assert_eq!(
                iso(text).map(|d| d.to_string()).as_deref(),
                Some("2024-03-10 02:30:15"),
                "{text}"
            );
        }
        assert_eq!(
            iso("2024-03-10").map(|d| d.to_string()).as_deref(),
            Some("2024-03-10 00:00:00")
        );
        assert_eq!(
            iso("1969-12-31 23:59:59.5").map(|d| d.to_string()).as_deref(),
            Some("1969-12-31 23:59:59")
        );
    }

    #[test]
    fn dates_far_from_now_are_read() {
        assert_eq!(day("May 6, 1954").as_deref(), Some("1954-05-06 00:00:00"));
        assert_eq!(day("Feb. 29, 2040").as_deref(), Some("2040-02-29 00:00:00"));
        assert!(iso("9999-12-31 23:59:59").is_some());
    }

    #[test]
    fn what_is_no_date_is_refused() {
        let texts = [
            "",
            "Smarch 3, 2014",
            "Feb. 30, 2020",
            "Oct. 7",
            "Oct. 7, 2025 10:00",
            "10/07/2025",
            "07.10.2025",
            "Oct Nov 2020",
            "Oct. 7, 202",
            "Oct. 7, 20255",
            "Oct. +7, 2025",
            "99-01-02",
            "2024-02-30",
            "\u{0}2024-01-01",
            "\u{661}-Sep-17",
        ];
        for text in texts {
            assert_eq!(day(text), None, "{text}");
        }
    }
}
