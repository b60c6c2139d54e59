//! Values to and from mysql_async's.
//!
//! Invariants: a DATETIME is written from calendar parts, never from text, so no session setting
//! can read it otherwise; a zero date, a TIME, bytes that are no UTF-8 and an integer above i64 are
//! errors with the value in them, never a panic and never a guess.
//!
//! Must not know: statements' meaning.

use std::collections::HashMap;

use chrono::{Datelike, NaiveDate, NaiveDateTime, Timelike};

use crate::db::error::DbError;
use crate::db::limits;
use crate::db::value::{Bound, Cell, Params, Value};

/// The driver's named parameters for a statement of this text.
///
/// # Errors
/// [`DbError::Constraint`] for a value that no store holds.
pub(super) fn named(statement: &str, text: &str, params: &Params) -> Result<mysql_async::Params, DbError> {
    let mut map: HashMap<Vec<u8>, mysql_async::Value> = HashMap::new();
    for (name, value) in &params.values {
        map.insert(name.as_bytes().to_vec(), bound(statement, value.borrowed())?);
    }
    for (name, values) in &params.lists {
        for (i, value) in values.iter().enumerate() {
            map.insert(format!("{name}_{i}").into_bytes(), bound(statement, value.borrowed())?);
        }
    }
    // The driver refuses named parameters, even none, for a text without a placeholder.
    if map.is_empty() || !text.contains(':') {
        return Ok(mysql_async::Params::Empty);
    }
    Ok(mysql_async::Params::Named(map))
}

/// The bytes of all texts among the parameters: what can make a packet large.
pub(super) fn text_bytes(params: &Params) -> usize {
    let listed = params.lists.iter().flat_map(|(_, values)| values);
    params
        .values
        .iter()
        .map(|(_, value)| value)
        .chain(listed)
        .map(|value| match value {
            Value::Text(text) => text.len(),
            _ => 0,
        })
        .sum()
}

/// The driver's value.
///
/// # Errors
/// [`DbError::Constraint`] for a value that no store holds.
pub(super) fn bound(statement: &str, value: Bound<'_>) -> Result<mysql_async::Value, DbError> {
    if let Some(detail) = limits::refusal(value) {
        return Err(DbError::Constraint {
            statement: statement.to_owned(),
            detail,
        });
    }
    Ok(match value {
        Bound::Null => mysql_async::Value::NULL,
        Bound::Int(v) => mysql_async::Value::Int(v),
        Bound::Real(v) => mysql_async::Value::Double(limits::stored(v)),
        Bound::Text(v) => mysql_async::Value::Bytes(v.as_bytes().to_vec()),
        Bound::Instant(v) => datetime(v.naive(), true),
        // DATETIME without fraction rounds up; cut here it is what SQLite's text holds.
        Bound::Date(v) => datetime(v.naive(), false),
    })
}

fn datetime(at: NaiveDateTime, fraction: bool) -> mysql_async::Value {
    let micros = if fraction { at.nanosecond() / 1000 } else { 0 };
    mysql_async::Value::Date(
        at.year() as u16,
        at.month() as u8,
        at.day() as u8,
        at.hour() as u8,
        at.minute() as u8,
        at.second() as u8,
        micros,
    )
}

/// A row of mysql_async.
pub(in crate::db) struct MySqlCells<'a>(pub(super) &'a mysql_async::Row);

impl MySqlCells<'_> {
    #[inline(always)]
    pub(in crate::db) fn cell(&self, index: usize) -> Result<Cell<'_>, String> {
        let value = self
            .0
            .as_ref(index)
            .ok_or_else(|| format!("no column {index} in this result"))?;
        cell(value)
    }

    pub(in crate::db) fn name(&self, index: usize) -> String {
        match self.0.columns_ref().get(index) {
            Some(column) => column.name_str().into_owned(),
            None => format!("#{index}"),
        }
    }
}

#[inline(always)]
fn cell(value: &mysql_async::Value) -> Result<Cell<'_>, String> {
    use mysql_async::Value as V;
    match value {
        V::NULL => Ok(Cell::Null),
        V::Int(v) => Ok(Cell::Int(*v)),
        V::UInt(v) => unsigned(*v),
        V::Float(v) => Ok(Cell::Single(*v)),
        V::Double(v) => Ok(Cell::Real(*v)),
        V::Bytes(bytes) => text(bytes),
        V::Date(year, month, day, hour, minute, second, micros) => {
            date(*year, [*month, *day, *hour, *minute, *second], *micros)
        }
        V::Time(..) => time(),
    }
}

#[inline(always)]
pub(super) fn text(bytes: &[u8]) -> Result<Cell<'_>, String> {
    std::str::from_utf8(bytes)
        .map(Cell::Text)
        .map_err(|_| format!("{} bytes that are not UTF-8", bytes.len()))
}

pub(super) fn unsigned(number: u64) -> Result<Cell<'static>, String> {
    i64::try_from(number)
        .map(Cell::Int)
        .map_err(|_| format!("{number}, beyond 64 signed bits"))
}

/// A date of calendar parts; after the year come month, day, hour, minute and second.
#[inline(always)]
pub(super) fn date(year: u16, parts: [u8; 5], micros: u32) -> Result<Cell<'static>, String> {
    let [month, day, hour, minute, second] = parts.map(u32::from);
    NaiveDate::from_ymd_opt(i32::from(year), month, day)
        .and_then(|date| date.and_hms_micro_opt(hour, minute, second, micros))
        .map(|at| Cell::Micros(at.and_utc().timestamp_micros()))
        .ok_or_else(|| format!("the impossible date {year:04}-{month:02}-{day:02}"))
}

pub(super) fn time() -> Result<Cell<'static>, String> {
    Err("a TIME, where a DATETIME belongs".into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use mysql_async::Value as V;

    #[test]
    fn impossible_dates_are_errors() {
        for (year, month, day) in [(0, 0, 0), (2024, 0, 10), (2024, 2, 30)] {
            let found = cell(&V::Date(year, month, day, 0, 0, 0, 0)).map(|_| ());
            assert_eq!(found, Err(format!("the impossible date {year:04}-{month:02}-{day:02}")));
        }
    }

    #[test]
    fn what_has_no_cell_says_why() {
        assert!(cell(&V::UInt(u64::MAX)).is_err());
        assert!(cell(&V::Bytes(vec![0xff])).is_err());
        assert!(cell(&V::Time(false, 0, 1, 0, 0, 0)).is_err());
        assert_eq!(cell(&V::UInt(7)), Ok(Cell::Int(7)));
    }

    #[test]
    fn a_workout_date_is_cut_to_the_second_and_an_instant_is_not() {
        let at = 1_700_000_000_999_999;
        let date = Value::Date(crate::time::WorkoutDate::from_micros(at));
        let instant = Value::Instant(crate::time::Timestamp::from_micros(at));
        let micros = |value: &Value| match bound("t", value.borrowed()).expect("in range") {
            V::Date(.., micros) => micros,
            other => panic!("{other:?}"),
        };
        assert_eq!((micros(&date), micros(&instant)), (0, 999_999));
    }
}
