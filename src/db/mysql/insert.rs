//! Multi-row INSERTs, as large as a server takes in one statement.
//!
//! Invariants: a statement holds at most 1,000 rows and 65,535 placeholders.
//!
//! Must not know: the table's meaning.

use std::ops::Range;

use mysql_async::prelude::Queryable;

use super::many::{Binder, Grouped, MAX_PLACEHOLDERS, send};
use crate::db::check_width;
use crate::db::error::DbError;
use crate::db::statement::{Batch, Insert};

/// More rows a statement gain nothing, measured.
const MAX_ROWS: usize = 1_000;

/// Inserts the whole batch within the caller's transaction; returns its rows.
///
/// The server's count would be 2 for each row that an upsert's tail updates; SQLite's is 1.
pub(super) async fn insert<Q: Queryable>(
    conn: &mut Q,
    insert: &Insert,
    rows: &Batch,
    packet: usize,
) -> Result<u64, DbError> {
    let name = format!("insert into {}", insert.table);
    check_width(&name, insert.columns.len(), rows)?;
    send(conn, &name, insert, rows, packet).await?;
    Ok(rows.rows() as u64)
}

impl Grouped for Insert {
    fn most(&self, width: usize) -> usize {
        (MAX_PLACEHOLDERS / width.max(1)).clamp(1, MAX_ROWS)
    }

    /// `INSERT INTO t (a, b) VALUES (?,?),(?,?) tail`.
    fn text(&self, rows: usize) -> String {
        let row = format!("({})", vec!["?"; self.columns.len()].join(","));
        format!(
            "INSERT INTO {} ({}) VALUES {} {}",
            self.table,
            self.columns.join(", "),
            vec![row.as_str(); rows].join(","),
            self.mysql_tail
        )
    }

    fn values(&self, bind: &Binder<'_>, group: Range<usize>) -> Result<Vec<mysql_async::Value>, DbError> {
        let width = bind.rows.width();
        let mut values = Vec::with_capacity(group.len() * width);
        for row in group {
            for column in 0..width {
                values.push(bind.value(row, column)?);
            }
        }
        Ok(values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_repeats_the_row_and_ends_with_the_tail() {
        let insert = Insert {
            table: "t",
            columns: &["a", "b"],
            mysql_tail: "ON DUPLICATE KEY UPDATE b = VALUES(b)",
            sqlite_tail: "",
        };
        assert_eq!(
            insert.text(2),
            "INSERT INTO t (a, b) VALUES (?,?),(?,?) ON DUPLICATE KEY UPDATE b = VALUES(b)"
        );
    }

    #[test]
    fn no_group_has_more_rows_or_placeholders_than_it_may() {
        let insert = Insert {
            table: "t",
            columns: &[],
            mysql_tail: "",
            sqlite_tail: "",
        };
        assert_eq!(
            [1, 65, 66, 100, 70_000].map(|w| insert.most(w)),
            [1_000, 1_000, 992, 655, 1]
        );
    }
}
