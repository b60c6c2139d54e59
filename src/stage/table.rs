//! The columns of a features frame as slices, and one row of them: what the arithmetic works on.
//!
//! Invariants: an absent number is NaN here, which no bound admits, so no stage asks twice.
//!
//! Must not know: models.

use std::borrow::Cow;

use polars::prelude::*;

use super::features::Bounds;
use super::frame::{Features, Frame};
use crate::time::WorkoutDate;

/// The columns of a [`Features`] frame as slices; an absent number is NaN.
pub(super) struct Table<'a> {
    /// Microseconds of the local calendar.
    date: Cow<'a, [i64]>,
    pace: Cow<'a, [f64]>,
    distance: Cow<'a, [f64]>,
    duration: Cow<'a, [f64]>,
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
    /// Borrows the frame's columns; one with nulls is copied.
    pub fn of(features: &'a Frame<Features>) -> Self {
        Self {
            date: contiguous(features.micros("workout_date"), 0),
            pace: contiguous(features.real("avg_pace"), f64::NAN),
            distance: contiguous(features.real("distance_mi"), f64::NAN),
            duration: contiguous(features.real("duration_min"), f64::NAN),
        }
    }

    /// Rows.
    pub fn len(&self) -> usize {
        self.pace.len()
    }

    /// Row `i`, counted from 0.
    pub fn row(&self, i: usize) -> Row {
        Row {
            date: WorkoutDate::from_micros(self.date[i]),
            pace: self.pace[i],
            distance: self.distance[i],
            duration: self.duration[i],
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

fn contiguous<T>(column: &ChunkedArray<T>, absent: T::Native) -> Cow<'_, [T::Native]>
where
    T: PolarsNumericType,
{
    match column.cont_slice() {
        Ok(values) => Cow::Borrowed(values),
        Err(_) => Cow::Owned(column.iter().map(|v| v.unwrap_or(absent)).collect()),
    }
}
