//! Numeric cells: blank, a number, or unreadable.
//!
//! Why: exports hold `x`, `NaN` and blanks where numbers should stand. A workout is worth keeping
//! without them, but how many were lost must be countable.
//!
//! Invariants: a value is always finite. Nothing is clamped: an impossible number is kept as it
//! came, because judging it is the classifier's work.
//!
//! Must not know: columns, units, vendors.

/// What a numeric cell holds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Cell<T> {
    /// Nothing, or only white space.
    Blank,
    /// A finite number.
    Value(T),
    /// Text, an infinity, not a number, or a number too large for its type.
    Unreadable,
}

impl<T> Cell<T> {
    /// The value, if there is one; an unreadable cell adds one to `unreadable`.
    pub fn or_count(self, unreadable: &mut u32) -> Option<T> {
        match self {
            Self::Blank => None,
            Self::Value(value) => Some(value),
            Self::Unreadable => {
                *unreadable += 1;
                None
            }
        }
    }
}

/// A real number, in the forms that Rust's `f64` reads, as long as it is finite.
pub(super) fn real(cell: &[u8]) -> Cell<f64> {
    let Ok(text) = std::str::from_utf8(cell) else {
        return Cell::Unreadable;
    };
    let text = text.trim();
    if text.is_empty() {
        return Cell::Blank;
    }
    text.parse().map_or(Cell::Unreadable, finite)
}

/// `value`, unless it is an infinity or not a number (a conversion of units may overflow).
pub(super) fn finite(value: f64) -> Cell<f64> {
    if value.is_finite() {
        Cell::Value(value)
    } else {
        Cell::Unreadable
    }
}

/// A whole number. `297.0` is 297; fractions are rounded to the nearest, halves away from zero.
pub(super) fn whole(cell: &[u8]) -> Cell<i64> {
    // Not through f64 first: it would bend integers above 2^53.
    let exact = std::str::from_utf8(cell).ok().and_then(|text| text.trim().parse().ok());
    match (exact, real(cell)) {
        (Some(value), _) => Cell::Value(value),
        (None, Cell::Value(value)) => rounded(value),
        (None, Cell::Blank) => Cell::Blank,
        (None, Cell::Unreadable) => Cell::Unreadable,
    }
}

fn rounded(value: f64) -> Cell<i64> {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0; // 2^63, exact in f64
    let value = value.round();
    if (-LIMIT..LIMIT).contains(&value) {
        Cell::Value(value as i64)
    } else {
        Cell::Unreadable
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_are_not_unreadable() {
        for cell in [&b""[..], b"  ", b"\t"] {
            assert_eq!(real(cell), Cell::Blank);
            assert_eq!(whole(cell), Cell::Blank);
        }
    }

    #[test]
    fn what_is_no_finite_number_is_unreadable() {
        let cells = [
            &b"x"[..],
            b"NaN",
            b"inf",
            b"-Infinity",
            b"1e999",
            b"1,234",
            b"0x10",
            b"\xff",
            b"1\0",
        ];
        for cell in cells {
            assert_eq!(real(cell), Cell::Unreadable, "{cell:?}");
            assert_eq!(whole(cell), Cell::Unreadable, "{cell:?}");
        }
        assert_eq!(whole(b"9223372036854775808"), Cell::Unreadable);
        assert_eq!(whole(b"1e300"), Cell::Unreadable);
    }

    #[test]
    fn impossible_but_finite_numbers_are_kept() {
        assert_eq!(real(b"1704734895"), Cell::Value(1_704_734_895.0));
        assert_eq!(real(b"42554500.0"), Cell::Value(42_554_500.0));
        assert_eq!(real(b"-3.5"), Cell::Value(-3.5));
        assert_eq!(whole(b"4077214578"), Cell::Value(4_077_214_578));
        assert_eq!(whole(b"-7"), Cell::Value(-7));
    }

    #[test]
    fn whole_columns_round_fractions_and_keep_large_integers_exact() {
        assert_eq!(whole(b"297.0"), Cell::Value(297));
        assert_eq!(whole(b" 297.5 "), Cell::Value(298));
        assert_eq!(whole(b"-0.4"), Cell::Value(0));
        assert_eq!(whole(b"9007199254740993"), Cell::Value(9_007_199_254_740_993));
        assert_eq!(whole(b"9223372036854775807"), Cell::Value(i64::MAX));
    }

    #[test]
    fn only_unreadable_cells_are_counted() {
        let mut unreadable = 0;
        assert_eq!(real(b"1.5").or_count(&mut unreadable), Some(1.5));
        assert_eq!(real(b"").or_count(&mut unreadable), None);
        assert_eq!(unreadable, 0);
        assert_eq!(real(b"x").or_count(&mut unreadable), None);
        assert_eq!(unreadable, 1);
    }
}
