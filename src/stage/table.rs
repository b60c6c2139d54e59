//! The columns of a features frame as slices, and one row of them: what the arithmetic works on.
//!
//! Invariants: an absent number is NaN here, which no bound admits, so no stage asks twice.
//!
//! Must not know: models.

use polars::prelude::*;

use super::features::Bounds;
use super::frame::{Features, Frame};
use crate::time::WorkoutDate;

/// The columns of a [`Features`] frame, borrowed; an absent number is NaN.
pub(super) struct Table<'a> {
    /// Microseconds of the local calendar.
    date: &'a [i64],
    pace: Numbers<'a>,
    distance: Numbers<'a>,
    duration: Numbers<'a>,
}

/// A column of numbers; with gaps it is read through its mask and not copied.
enum Numbers<'a> {
    Whole(&'a [f64]),
    Gaps(&'a <Float64Type as PolarsDataType>::Array),
}

/// One workout as a model sees it; NaN stands for an absent number.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row {
    /// When it was.
    pub date: WorkoutDate,
    /// Minutes per mile.
    pub pace: f64,
    /// Miles.
    pub distance: f64,
    /// Minutes.
    pub duration: f64,
}

impl<'a> Table<'a> {
    /// Borrows the frame's columns.
    pub fn of(features: &'a Frame<Features>) -> Self {
        Self {
            date: features.micros("workout_date").downcast_as_array().values(),
            pace: Numbers::of(features.real("avg_pace")),
            distance: Numbers::of(features.real("distance_mi")),
            duration: Numbers::of(features.real("duration_min")),
        }
    }

    /// Rows.
    pub fn len(&self) -> usize {
        self.date.len()
    }

    /// Row `i`, counted from 0.
    pub fn row(&self, i: usize) -> Row {
        Row {
            date: WorkoutDate::from_micros(self.date[i]),
            pace: self.pace.at(i),
            distance: self.distance.at(i),
            duration: self.duration.at(i),
        }
    }

    /// The rows that `bounds` admit, ascending. Numbered as Polars numbers rows: with 32 bits.
    pub fn valid(&self, bounds: &Bounds) -> Vec<u32> {
        let rows = u32::try_from(self.len()).expect("a frame has fewer than 2^32 rows");
        (0..rows).filter(|i| self.row(*i as usize).admitted(bounds)).collect()
    }
}

impl Row {
    /// True where a model may speak on this row.
    pub fn admitted(&self, bounds: &Bounds) -> bool {
        bounds.admits(self.pace, self.distance, self.duration)
    }
}

impl<'a> Numbers<'a> {
    /// A frame's column: it is one chunk.
    fn of(column: &'a Float64Chunked) -> Self {
        let array = column.downcast_as_array();
        match column.null_count() {
            0 => Self::Whole(array.values()),
            _ => Self::Gaps(array),
        }
    }

    fn at(&self, i: usize) -> f64 {
        match self {
            Self::Whole(values) => values[i],
            Self::Gaps(array) => array.get(i).unwrap_or(f64::NAN),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_absent_number_is_nan_and_the_others_are_themselves() {
        let column = Float64Chunked::from_iter_options("x".into(), [Some(1.5), None, Some(0.0)].into_iter());
        let numbers = Numbers::of(&column);
        assert!(matches!(numbers, Numbers::Gaps(_)));
        assert_eq!((numbers.at(0), numbers.at(2)), (1.5, 0.0));
        assert!(numbers.at(1).is_nan());
        let whole = Float64Chunked::from_slice("x".into(), &[1.5, f64::NAN]);
        let numbers = Numbers::of(&whole);
        assert!(matches!(numbers, Numbers::Whole(_)) && numbers.at(0) == 1.5 && numbers.at(1).is_nan());
    }
}
