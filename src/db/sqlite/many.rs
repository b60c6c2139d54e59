//! Many rows in few executions.
//!
//! Why: what SQLite sets up for each execution of an INSERT (a table for every `IN` list of a CHECK, a cursor on
//! every index) costs more than half of what the row itself does; five hundred rows share it. And of each page that
//! an execution with several rows changes, SQLite keeps what it was, in case a row is refused.
//!
//! Invariants: the rows go in batch order. A group has the most rows or half, a quarter, .. of them, so that a
//! connection needs few statements in all. What is the same in every row is one parameter, and bound once.
//!
//! Must not know: the table's meaning.

use std::ops::Range;

use rusqlite::{CachedStatement, Connection};

use super::{convert, errors};
use crate::db::batch::halved;
use crate::db::check_width;
use crate::db::error::DbError;
use crate::db::statement::{Batch, Insert, Update};

/// More rows an execution gain little.
const MAX_ROWS: usize = 500;
/// SQLite's own bound on the parameters of a statement.
const MAX_PARAMETERS: usize = 32_766;

/// Inserts the whole batch; returns its rows, as on MySQL.
pub(super) fn insert(connection: &Connection, target: &str, insert: &Insert, rows: &Batch) -> Result<u64, DbError> {
    let name = format!("insert into {}", insert.table);
    check_width(&name, insert.columns.len(), rows)?;
    let most = (MAX_PARAMETERS / rows.width().max(1)).clamp(1, MAX_ROWS);
    let layout = Layout::of(rows);
    let text = |size: usize| layout.insert(insert, size);
    run(connection, (target, &name), &layout, most, &text)?;
    Ok(rows.rows() as u64)
}

/// Updates the row of each key; returns how many there were.
pub(super) fn update(connection: &Connection, target: &str, update: &Update, rows: &Batch) -> Result<u64, DbError> {
    let name = update.name();
    check_width(&name, update.columns.len() + 1, rows)?;
    let layout = Layout::of(rows);
    let text = |_: usize| layout.update(update);
    run(connection, (target, &name), &layout, 1, &text)
}

/// Runs a statement for each group of rows; returns the rows it affected. `who` is the store and the name of
/// the statement.
fn run(
    connection: &Connection,
    who: (&str, &str),
    layout: &Layout<'_>,
    most: usize,
    text: &dyn Fn(usize) -> String,
) -> Result<u64, DbError> {
    let failed = |error| errors::in_use(who.0, who.1, &error);
    let mut affected = 0;
    let mut prepared: Option<(usize, CachedStatement<'_>)> = None;
    for group in halved(0..layout.rows.rows(), most) {
        // A statement keeps its bindings from one execution to the next.
        let statement = match &mut prepared {
            Some((size, statement)) if *size == group.len() => statement,
            _ => {
                let mut statement = connection.prepare_cached(&text(group.len())).map_err(failed)?;
                layout.bind_shared(who, &mut statement)?;
                &mut prepared.insert((group.len(), statement)).1
            }
        };
        layout.bind_each(who, statement, group)?;
        affected += statement.raw_execute().map_err(failed)? as u64;
    }
    Ok(affected)
}

/// Where the values of a batch stand among a statement's parameters: first what is the same in every row, then
/// row by row what is not.
struct Layout<'b> {
    rows: &'b Batch,
    /// By column: its parameter where it is the same in every row, else its place within the row.
    places: Vec<Place>,
    shared: usize,
    each: usize,
}

enum Place {
    Shared(usize),
    Each(usize),
}

impl<'b> Layout<'b> {
    fn of(rows: &'b Batch) -> Self {
        let (mut shared, mut each) = (0, 0);
        let place = |column| match rows.shared(column) {
            Some(_) => {
                shared += 1;
                Place::Shared(shared)
            }
            None => {
                each += 1;
                Place::Each(each)
            }
        };
        let places = (0..rows.width()).map(place).collect();
        Self {
            rows,
            places,
            shared,
            each,
        }
    }

    /// The number of the parameter of a column in a group's row.
    fn parameter(&self, row: usize, column: usize) -> usize {
        match self.places[column] {
            Place::Shared(number) => number,
            Place::Each(place) => self.shared + row * self.each + place,
        }
    }

    /// `INSERT INTO t (a, b) VALUES (?2, ?1), (?3, ?1) tail`.
    fn insert(&self, insert: &Insert, size: usize) -> String {
        let row = |row: usize| {
            let numbers = (0..self.places.len()).map(|column| format!("?{}", self.parameter(row, column)));
            format!("({})", numbers.collect::<Vec<_>>().join(", "))
        };
        format!(
            "INSERT INTO {} ({}) VALUES {} {}",
            insert.table,
            insert.columns.join(", "),
            (0..size).map(row).collect::<Vec<_>>().join(", "),
            insert.sqlite_tail
        )
    }

    /// `UPDATE t SET a = ?1 WHERE k = ?2`.
    fn update(&self, update: &Update) -> String {
        let Update { table, key, columns } = update;
        let set = |(column, name): (usize, &&str)| format!("{name} = ?{}", self.parameter(0, column));
        let set: Vec<String> = (1..).zip(*columns).map(set).collect();
        let number = self.parameter(0, 0);
        format!("UPDATE {table} SET {} WHERE {key} = ?{number}", set.join(", "))
    }

    fn bind_shared(&self, (target, name): (&str, &str), statement: &mut CachedStatement<'_>) -> Result<(), DbError> {
        for (column, place) in self.places.iter().enumerate() {
            if let (Place::Shared(number), Some(value)) = (place, self.rows.shared(column)) {
                let bound = statement.raw_bind_parameter(*number, convert::bound(name, value)?);
                bound.map_err(|e| errors::in_use(target, name, &e))?;
            }
        }
        Ok(())
    }

    fn bind_each(
        &self,
        (target, name): (&str, &str),
        statement: &mut CachedStatement<'_>,
        group: Range<usize>,
    ) -> Result<(), DbError> {
        let mut base = self.shared;
        for row in group {
            for (column, place) in self.places.iter().enumerate() {
                if let Place::Each(place) = place {
                    let value = convert::bound(name, self.rows.value(row, column))?;
                    let bound = statement.raw_bind_parameter(base + place, value);
                    bound.map_err(|e| errors::in_use(target, name, &e))?;
                }
            }
            base += self.each;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_the_same_is_one_parameter() {
        let rows = Batch::new(2).each([1i64, 2]).same("x").each([3i64, 4]);
        let layout = Layout::of(&rows);
        let insert = Insert {
            table: "t",
            columns: &["a", "b", "c"],
            mysql_tail: "",
            sqlite_tail: "ON CONFLICT DO NOTHING",
        };
        assert_eq!(
            layout.insert(&insert, 2),
            "INSERT INTO t (a, b, c) VALUES (?2, ?1, ?3), (?4, ?1, ?5) ON CONFLICT DO NOTHING"
        );
        let update = Update {
            table: "t",
            key: "a",
            columns: &["b", "c"],
        };
        assert_eq!(layout.update(&update), "UPDATE t SET b = ?1, c = ?3 WHERE a = ?2");
    }
}
