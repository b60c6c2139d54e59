//! Values to and from rusqlite's.
//!
//! Invariants: an instant is text with six digits of fraction and a date is text to the second, so
//! that the order of the texts is the order of the times; a blob is an error, never a guess.
//!
//! Must not know: statements' meaning.

use rusqlite::types::{ToSqlOutput, Value as Owned, ValueRef};

use super::errors;
use crate::db::error::DbError;
use crate::db::limits;
use crate::db::value::{Bound, Cell, Params, Value};

/// Binds every parameter of `prepared` by its name.
///
/// # Errors
/// [`DbError::Other`] where one has no value; [`DbError::Constraint`] for a value that no store holds.
pub(super) fn bind(
    target: &str,
    statement: &str,
    prepared: &mut rusqlite::CachedStatement<'_>,
    params: &Params,
) -> Result<(), DbError> {
    for index in 1..=prepared.parameter_count() {
        let name = prepared.parameter_name(index).unwrap_or("?").to_owned();
        let value = lookup(params, name.trim_start_matches(':')).ok_or_else(|| DbError::Other {
            statement: statement.to_owned(),
            detail: format!("its parameter {name} was given no value"),
        })?;
        prepared
            .raw_bind_parameter(index, bound(statement, value.borrowed())?)
            .map_err(|e| errors::in_use(target, statement, &e))?;
    }
    Ok(())
}

/// The value of `name`, or of element N of a list where it is `list_N`.
fn lookup<'p>(params: &'p Params, name: &str) -> Option<&'p Value> {
    if let Some((_, value)) = params.values.iter().find(|(n, _)| *n == name) {
        return Some(value);
    }
    let (list, index) = name.rsplit_once('_')?;
    let (_, values) = params.lists.iter().find(|(n, _)| *n == list)?;
    values.get(index.parse::<usize>().ok()?)
}

/// The driver's value, borrowed where it can be.
///
/// # Errors
/// [`DbError::Constraint`] for a value that no store holds.
pub(super) fn bound<'v>(statement: &str, value: Bound<'v>) -> Result<ToSqlOutput<'v>, DbError> {
    if let Some(detail) = limits::refusal(value) {
        return Err(DbError::Constraint {
            statement: statement.to_owned(),
            detail,
        });
    }
    Ok(match value {
        Bound::Null => ToSqlOutput::Owned(Owned::Null),
        Bound::Int(v) => ToSqlOutput::Owned(Owned::Integer(v)),
        Bound::Real(v) => ToSqlOutput::Owned(Owned::Real(limits::stored(v))),
        Bound::Text(v) => ToSqlOutput::Borrowed(ValueRef::Text(v.as_bytes())),
        Bound::Instant(v) => ToSqlOutput::Owned(Owned::Text(v.to_string())),
        Bound::Date(v) => ToSqlOutput::Owned(Owned::Text(v.to_string())),
    })
}

/// A row of rusqlite, with the result's column names.
pub(in crate::db) struct SqliteCells<'a> {
    pub(super) row: &'a rusqlite::Row<'a>,
    pub(super) names: &'a [String],
}

impl SqliteCells<'_> {
    #[inline]
    pub(in crate::db) fn cell(&self, index: usize) -> Result<Cell<'_>, String> {
        match self.row.get_ref(index).map_err(|e| e.to_string())? {
            ValueRef::Null => Ok(Cell::Null),
            ValueRef::Integer(v) => Ok(Cell::Int(v)),
            ValueRef::Real(v) => Ok(Cell::Real(v)),
            ValueRef::Text(bytes) => std::str::from_utf8(bytes)
                .map(Cell::Text)
                .map_err(|_| format!("{} bytes that are not UTF-8", bytes.len())),
            ValueRef::Blob(bytes) => Err(format!("a blob of {} bytes", bytes.len())),
        }
    }

    pub(in crate::db) fn name(&self, index: usize) -> String {
        self.names.get(index).cloned().unwrap_or_else(|| format!("#{index}"))
    }
}
