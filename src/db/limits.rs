//! What both stores can hold, checked before either is asked.
//!
//! Why: the two servers fail differently on the same impossible value (SQLite stores an infinity
//! and a year of five digits, MySQL refuses both). Refused here, it is one behaviour.
//!
//! Invariants: a value that passes is stored by both servers and read back the same.
//!
//! Must not know: drivers.

use super::value::Bound;

/// 0000-01-01 00:00:00, in microseconds since 1970.
const FIRST_MICROS: i64 = -62_167_219_200_000_000;
/// 9999-12-31 23:59:59.999999, in microseconds since 1970.
const LAST_MICROS: i64 = 253_402_300_799_999_999;

/// What is wrong with `value`, if anything.
pub(super) fn refusal(value: Bound<'_>) -> Option<String> {
    match value {
        Bound::Real(v) if !v.is_finite() => Some(format!("{v} is no number that a database holds")),
        Bound::Instant(t) => outside(t.micros()),
        Bound::Date(d) => outside(d.micros()),
        _ => None,
    }
}

/// The float that both stores give back for `v`: SQLite keeps whole numbers as integers, which have
/// no negative zero, so neither store is given one.
pub(super) fn stored(v: f64) -> f64 {
    v + 0.0
}

fn outside(micros: i64) -> Option<String> {
    let inside = (FIRST_MICROS..=LAST_MICROS).contains(&micros);
    (!inside).then(|| format!("{micros} microseconds since 1970 lie outside the years 0000 to 9999"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::{Timestamp, WorkoutDate};

    #[test]
    fn the_bounds_are_the_first_and_last_instant_of_four_digit_years() {
        assert_eq!(
            Timestamp::from_micros(FIRST_MICROS).to_string(),
            "0000-01-01 00:00:00.000000"
        );
        assert_eq!(
            Timestamp::from_micros(LAST_MICROS).to_string(),
            "9999-12-31 23:59:59.999999"
        );
        for micros in [FIRST_MICROS, 0, LAST_MICROS] {
            assert_eq!(refusal(Bound::Instant(Timestamp::from_micros(micros))), None);
        }
        for micros in [FIRST_MICROS - 1, LAST_MICROS + 1, i64::MAX, i64::MIN] {
            assert!(refusal(Bound::Date(WorkoutDate::from_micros(micros))).is_some());
        }
    }

    #[test]
    fn floats_that_no_server_holds_are_refused() {
        for v in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert!(refusal(Bound::Real(v)).is_some());
        }
        assert_eq!(refusal(Bound::Real(f64::MIN_POSITIVE)), None);
        assert_eq!(stored(-0.0).to_bits(), 0.0f64.to_bits());
    }
}
