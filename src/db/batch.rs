//! The rows of a multi-row statement, column-wise.
//!
//! Why: a night writes thirty million cells. A `String` for each of them costs more than all else that the
//! program does while it writes, so the texts of a column stand one after the other in one buffer, and what is
//! the same in every row is held, checked, formatted and bound once.
//!
//! Invariants: every column has one value for each row; a batch owns what it holds, so it can be made on
//! another thread while an earlier one is written.
//!
//! Must not know: tables, drivers.

use std::ops::Range;

use super::value::{Bound, Value};
use crate::time::{Timestamp, WorkoutDate};

/// The rows of a multi-row insert, column-wise.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Batch {
    rows: usize,
    columns: Vec<Column>,
}

#[derive(Debug, Clone, PartialEq)]
enum Column {
    /// The same value in every row.
    Same(Value),
    /// A value for each row.
    Each(Cells),
}

/// The values of one column, in row order.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Cells {
    slots: Vec<Slot>,
    text: String,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Slot {
    Null,
    Int(i64),
    Real(f64),
    /// Where the text stands in the buffer, in bytes.
    Text {
        start: usize,
        length: u32,
    },
    Instant(Timestamp),
    Date(WorkoutDate),
}

/// What can be a cell of a [`Batch`].
pub trait Entry {
    /// Adds it to a column.
    fn enter(self, cells: &mut Cells);
}

impl Cells {
    fn push(&mut self, value: Bound<'_>) {
        let slot = match value {
            Bound::Null => Slot::Null,
            Bound::Int(v) => Slot::Int(v),
            Bound::Real(v) => Slot::Real(v),
            Bound::Text(text) => {
                let start = self.text.len();
                self.text.push_str(text);
                let length = u32::try_from(text.len()).expect("a column holds less than 4 GiB");
                Slot::Text { start, length }
            }
            Bound::Instant(v) => Slot::Instant(v),
            Bound::Date(v) => Slot::Date(v),
        };
        self.slots.push(slot);
    }

    fn get(&self, row: usize) -> Bound<'_> {
        match self.slots[row] {
            Slot::Null => Bound::Null,
            Slot::Int(v) => Bound::Int(v),
            Slot::Real(v) => Bound::Real(v),
            Slot::Text { start, length } => Bound::Text(&self.text[start..start + length as usize]),
            Slot::Instant(v) => Bound::Instant(v),
            Slot::Date(v) => Bound::Date(v),
        }
    }
}

impl Entry for &str {
    fn enter(self, cells: &mut Cells) {
        cells.push(Bound::Text(self));
    }
}

impl Entry for &String {
    fn enter(self, cells: &mut Cells) {
        cells.push(Bound::Text(self));
    }
}

impl<T: Entry> Entry for Option<T> {
    fn enter(self, cells: &mut Cells) {
        match self {
            Some(value) => value.enter(cells),
            None => cells.push(Bound::Null),
        }
    }
}

macro_rules! entries {
    ($($from:ty),+ $(,)?) => {
        $(impl Entry for $from {
            fn enter(self, cells: &mut Cells) {
                cells.push(Value::from(self).borrowed());
            }
        })+
    };
}

entries!(Value, i64, u32, bool, f64, String, Timestamp, WorkoutDate);

impl Batch {
    /// A batch of `rows` rows without columns yet.
    pub fn new(rows: usize) -> Self {
        Self {
            rows,
            columns: Vec::new(),
        }
    }

    /// Adds a column that holds `value` in every row.
    #[must_use]
    pub fn same(mut self, value: impl Into<Value>) -> Self {
        self.columns.push(Column::Same(value.into()));
        self
    }

    /// Adds a column with a value for each row.
    ///
    /// # Panics
    /// When there are not exactly as many values as rows; when a text is 4 GiB or longer.
    #[must_use]
    pub fn each<T: Entry>(mut self, values: impl IntoIterator<Item = T>) -> Self {
        let mut cells = Cells {
            slots: Vec::with_capacity(self.rows),
            text: String::new(),
        };
        for value in values {
            value.enter(&mut cells);
        }
        assert_eq!(
            cells.slots.len(),
            self.rows,
            "a batch column has one value for each row"
        );
        self.columns.push(Column::Each(cells));
        self
    }

    /// Rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Columns.
    pub fn width(&self) -> usize {
        self.columns.len()
    }

    /// The value that a column holds in every row; None where it has one for each.
    pub fn shared(&self, column: usize) -> Option<Bound<'_>> {
        match &self.columns[column] {
            Column::Same(value) => Some(value.borrowed()),
            Column::Each(_) => None,
        }
    }

    /// The value at a row and column.
    pub fn value(&self, row: usize, column: usize) -> Bound<'_> {
        match &self.columns[column] {
            Column::Same(value) => value.borrowed(),
            Column::Each(cells) => cells.get(row),
        }
    }
}

/// Cuts a stretch of rows into groups of `most`, then half of that, a quarter, ..: every batch is made of the
/// same few sizes, so a connection that keeps a prepared statement for each keeps few.
pub(super) fn halved(mut stretch: Range<usize>, most: usize) -> Vec<Range<usize>> {
    let mut groups = Vec::with_capacity(stretch.len() / most.max(1) + 8);
    let mut size = most.max(1);
    while !stretch.is_empty() {
        if stretch.len() >= size {
            groups.push(stretch.start..stretch.start + size);
            stretch.start += size;
        } else {
            size /= 2;
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stretch_is_cut_in_order_into_few_sizes() {
        let lengths = |rows, most| halved(0..rows, most).iter().map(Range::len).collect::<Vec<_>>();
        assert_eq!(lengths(2_500, 1_000), [1_000, 1_000, 500]);
        assert_eq!(lengths(813, 1_000), [500, 250, 62, 1]);
        assert_eq!(lengths(3, 1), [1, 1, 1]);
        assert!(lengths(0, 1_000).is_empty());
        let sizes: std::collections::BTreeSet<usize> = (0..2_000).flat_map(|rows| lengths(rows, 1_000)).collect();
        assert_eq!(sizes.len(), 10, "{sizes:?}");
        let groups = halved(7..130, 50);
        assert!(groups[0].start == 7 && groups.last().map(|g| g.end) == Some(130));
        assert!(groups.windows(2).all(|pair| pair[0].end == pair[1].start));
    }

    #[test]
    fn every_kind_of_cell_comes_back_as_it_went_in() {
        let instant = Timestamp::from_micros(7);
        let batch = Batch::new(3)
            .each(["", "a", "é"])
            .each([Some("x"), None, Some("yz")])
            .each([Some(1.5), None, Some(f64::NAN)])
            .each([Value::Int(1), Value::Null, Value::Text("t".to_owned())])
            .each(["own".to_owned(), String::new(), "ed".to_owned()])
            .same(instant)
            .same(None::<&str>);
        let row = |row| (0..batch.width()).map(|c| batch.value(row, c)).collect::<Vec<_>>();
        use Bound::{Instant, Int, Null, Real, Text};
        assert_eq!(
            row(0),
            [
                Text(""),
                Text("x"),
                Real(1.5),
                Int(1),
                Text("own"),
                Instant(instant),
                Null
            ]
        );
        assert_eq!(row(1), [Text("a"), Null, Null, Null, Text(""), Instant(instant), Null]);
        assert_eq!(
            row(2),
            [
                Text("é"),
                Text("yz"),
                Null,
                Text("t"),
                Text("ed"),
                Instant(instant),
                Null
            ]
        );
        assert_eq!((batch.shared(5), batch.shared(0)), (Some(Instant(instant)), None));
    }

    #[test]
    #[should_panic(expected = "one value for each row")]
    fn a_column_of_another_length_is_refused() {
        let _ = Batch::new(2).each([1i64]);
    }
}
