//! What goes into a statement and what comes out of a row, the same for both servers.
//!
//! Why: mysql_async and rusqlite each have their own values; the store is written once over these.
//!
//! Invariants: a [`Timestamp`] written and read back is the same to the microsecond, a
//! [`WorkoutDate`] to the second (both stores cut what is finer); a float is the same bit for bit
//! (binary protocol on MySQL, REAL on SQLite), but for negative zero, which becomes zero.
//!
//! Must not know: tables.

use crate::time::{Timestamp, WorkoutDate};

use super::error::DbError;
use super::mysql::{MySqlCells, WireCells};
use super::sqlite::SqliteCells;

/// A value bound to a placeholder.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// SQL NULL.
    Null,
    /// An integer or a boolean (0, 1).
    Int(i64),
    /// A float; never NaN or infinite (MySQL has neither).
    Real(f64),
    /// Text.
    Text(String),
    /// A UTC instant: DATETIME(6) on MySQL, fixed-width TEXT on SQLite.
    Instant(Timestamp),
    /// A zoneless date and time: DATETIME on MySQL, fixed-width TEXT on SQLite.
    Date(WorkoutDate),
}

/// A [`Value`], borrowed: what is handed to a driver.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Bound<'a> {
    /// SQL NULL.
    Null,
    /// An integer or a boolean (0, 1).
    Int(i64),
    /// A float.
    Real(f64),
    /// Text.
    Text(&'a str),
    /// A UTC instant.
    Instant(Timestamp),
    /// A zoneless date and time.
    Date(WorkoutDate),
}

impl Value {
    /// The value, borrowed.
    pub fn borrowed(&self) -> Bound<'_> {
        match self {
            Self::Null => Bound::Null,
            Self::Int(v) => Bound::Int(*v),
            Self::Real(v) => Bound::Real(*v),
            Self::Text(v) => Bound::Text(v),
            Self::Instant(v) => Bound::Instant(*v),
            Self::Date(v) => Bound::Date(*v),
        }
    }
}

macro_rules! into_value {
    ($($from:ty => |$v:ident| $body:expr),+ $(,)?) => {
        $(impl From<$from> for Value { fn from($v: $from) -> Self { $body } })+
    };
}

into_value! {
    i64 => |v| Value::Int(v),
    u32 => |v| Value::Int(i64::from(v)),
    bool => |v| Value::Int(i64::from(v)),
    f64 => |v| if v.is_finite() { Value::Real(v) } else { Value::Null },
    String => |v| Value::Text(v),
    &str => |v| Value::Text(v.to_owned()),
    Timestamp => |v| Value::Instant(v),
    WorkoutDate => |v| Value::Date(v),
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Value::Null, Into::into)
    }
}

/// Named parameters of a statement (`:name`), and at most a few lists (`IN (:name)`).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Params {
    pub(super) values: Vec<(&'static str, Value)>,
    pub(super) lists: Vec<(&'static str, Vec<Value>)>,
}

impl Params {
    /// No parameters.
    pub fn none() -> Self {
        Self::default()
    }

    /// With `:name` bound to `value`.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.values.push((name, value.into()));
        self
    }

    /// With `(:name)` expanded to the list; an empty list matches nothing (`(NULL)`).
    #[must_use]
    pub fn with_list(mut self, name: &'static str, values: Vec<Value>) -> Self {
        self.lists.push((name, values));
        self
    }
}

/// A cell of a row, borrowed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Cell<'a> {
    /// SQL NULL.
    Null,
    /// Integer.
    Int(i64),
    /// A 4-byte float (MySQL FLOAT); widened it is seldom the decimal its writer meant.
    Single(f32),
    /// An 8-byte float.
    Real(f64),
    /// Text, and DECIMAL (MySQL's SUM arrives so).
    Text(&'a str),
    /// DATE, DATETIME or TIMESTAMP, in microseconds since 1970 (MySQL only).
    Micros(i64),
}

/// What a backend hands out for each row. Not a trait object: a night reads twelve million cells, and a call
/// that cannot be inlined costs as much as what it reads.
pub(super) enum Cells<'a> {
    MySql(MySqlCells<'a>),
    Wire(WireCells<'a>),
    Sqlite(SqliteCells<'a>),
}

impl Cells<'_> {
    /// The cell of column `index`, or why it is unreadable.
    #[inline(always)]
    fn cell(&self, index: usize) -> Result<Cell<'_>, String> {
        match self {
            Self::MySql(cells) => cells.cell(index),
            Self::Wire(cells) => cells.cell(index),
            Self::Sqlite(cells) => cells.cell(index),
        }
    }

    /// The column's name, for messages.
    fn name(&self, index: usize) -> String {
        match self {
            Self::MySql(cells) => cells.name(index),
            Self::Wire(cells) => cells.name(index),
            Self::Sqlite(cells) => cells.name(index),
        }
    }
}

/// One row of a result, valid during the callback. Columns count from 0 in SELECT order.
pub struct Row<'a> {
    pub(super) cells: Cells<'a>,
}

impl Row<'_> {
    #[cold]
    fn wrong(&self, index: usize, expected: &'static str, found: impl std::fmt::Debug) -> DbError {
        DbError::Decode {
            column: self.cells.name(index),
            expected,
            found: format!("{found:?}"),
        }
    }

    /// The cell as it is.
    ///
    /// # Errors
    /// [`DbError::Decode`] where the bytes are no value (bad UTF-8, an impossible date).
    #[inline(always)]
    pub fn cell(&self, index: usize) -> Result<Cell<'_>, DbError> {
        self.cells
            .cell(index)
            .map_err(|found| self.wrong(index, "readable value", found))
    }

    /// An integer, or None for NULL.
    ///
    /// # Errors
    /// [`DbError::Decode`] where the cell is no whole number.
    #[inline(always)]
    pub fn opt_int(&self, index: usize) -> Result<Option<i64>, DbError> {
        match self.cell(index)? {
            Cell::Null => Ok(None),
            Cell::Int(v) => Ok(Some(v)),
            Cell::Real(v) if v.fract() == 0.0 && v.abs() < 9.0e15 => Ok(Some(v as i64)),
            Cell::Text(v) => v.parse().map(Some).map_err(|_| self.wrong(index, "whole number", v)),
            other => Err(self.wrong(index, "whole number", other)),
        }
    }

    /// A float, or None for NULL; a 4-byte float is widened.
    ///
    /// # Errors
    /// [`DbError::Decode`] where the cell is no number.
    #[inline(always)]
    pub fn opt_real(&self, index: usize) -> Result<Option<f64>, DbError> {
        match self.cell(index)? {
            Cell::Null => Ok(None),
            Cell::Int(v) => Ok(Some(v as f64)),
            Cell::Single(v) => Ok(Some(f64::from(v))),
            Cell::Real(v) => Ok(Some(v)),
            Cell::Text(v) => v.parse().map(Some).map_err(|_| self.wrong(index, "number", v)),
            other => Err(self.wrong(index, "number", other)),
        }
    }

    /// Text, or None for NULL.
    ///
    /// # Errors
    /// [`DbError::Decode`] where the cell is no text.
    #[inline(always)]
    pub fn opt_text(&self, index: usize) -> Result<Option<&str>, DbError> {
        match self.cell(index)? {
            Cell::Null => Ok(None),
            Cell::Text(v) => Ok(Some(v)),
            other => Err(self.wrong(index, "text", other)),
        }
    }

    /// Text of one's own, or None for NULL.
    ///
    /// # Errors
    /// [`DbError::Decode`] where the cell is no text.
    pub fn opt_string(&self, index: usize) -> Result<Option<String>, DbError> {
        Ok(self.opt_text(index)?.map(str::to_owned))
    }

    /// Microseconds since 1970 of a date or instant, or None for NULL.
    ///
    /// # Errors
    /// [`DbError::Decode`] where the cell is no date.
    #[inline(always)]
    pub fn opt_micros(&self, index: usize) -> Result<Option<i64>, DbError> {
        match self.cell(index)? {
            Cell::Null => Ok(None),
            Cell::Micros(v) => Ok(Some(v)),
            Cell::Text(v) => {
                let parsed: Result<WorkoutDate, _> = v.parse();
                parsed
                    .map(|d| Some(d.micros()))
                    .map_err(|_| self.wrong(index, "date and time", v))
            }
            other => Err(self.wrong(index, "date and time", other)),
        }
    }

    /// An instant, or None for NULL.
    ///
    /// # Errors
    /// [`DbError::Decode`] where the cell is no date.
    pub fn opt_instant(&self, index: usize) -> Result<Option<Timestamp>, DbError> {
        Ok(self.opt_micros(index)?.map(Timestamp::from_micros))
    }

    /// An integer.
    ///
    /// # Errors
    /// [`DbError::Decode`] for NULL and for what is no whole number.
    pub fn int(&self, index: usize) -> Result<i64, DbError> {
        self.opt_int(index)?
            .ok_or_else(|| self.wrong(index, "whole number", Cell::Null))
    }

    /// Text.
    ///
    /// # Errors
    /// [`DbError::Decode`] for NULL and for what is no text.
    #[inline(always)]
    pub fn text(&self, index: usize) -> Result<&str, DbError> {
        self.opt_text(index)?
            .ok_or_else(|| self.wrong(index, "text", Cell::Null))
    }

    /// An instant.
    ///
    /// # Errors
    /// [`DbError::Decode`] for NULL and for what is no date.
    pub fn instant(&self, index: usize) -> Result<Timestamp, DbError> {
        self.opt_instant(index)?
            .ok_or_else(|| self.wrong(index, "date and time", Cell::Null))
    }

    /// A boolean stored as 0 or 1.
    ///
    /// # Errors
    /// [`DbError::Decode`] for NULL and for what is no whole number.
    pub fn flag(&self, index: usize) -> Result<bool, DbError> {
        Ok(self.int(index)? != 0)
    }
}
