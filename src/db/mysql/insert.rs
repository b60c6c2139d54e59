//! Multi-row INSERTs, cut to what a server takes in one statement.
//!
//! Why: one row a statement is a round trip a row (137 s a million, measured); LOAD DATA LOCAL
//! drops rows silently; 1,000 rows a prepared statement is within 15 % of the fastest and strict.
//!
//! Invariants: a statement holds at most 1,000 rows, 65,535 placeholders and a quarter of
//! `max_allowed_packet`; the rows go in batch order. All full groups have the same number of rows
//! and so share one prepared statement, also with later batches on the same connection; the statement of a
//! smaller group is closed after it.
//!
//! Must not know: the table's meaning.

use std::ops::Range;

use mysql_async::prelude::Queryable;

use super::{convert, errors, fits, max_allowed_packet};
use crate::db::check_width;
use crate::db::error::DbError;
use crate::db::statement::{Batch, Insert};
use crate::db::value::Value;

/// More rows a statement gain nothing, measured.
const MAX_ROWS: usize = 1_000;
/// The protocol counts placeholders in 16 bits.
const MAX_PLACEHOLDERS: usize = 65_535;
/// Above this a larger packet gains nothing either, and costs memory on both sides.
const MAX_BYTES: usize = 4 << 20;

/// Inserts the whole batch within the caller's transaction; returns its rows.
///
/// The driver's count would be 2 for each row that an upsert's tail updates; SQLite's is 1.
pub(super) async fn insert<Q: Queryable>(conn: &mut Q, insert: &Insert, rows: &Batch) -> Result<u64, DbError> {
    check_width(insert, rows)?;
    let name = format!("insert into {}", insert.table);
    let failed = |error| errors::in_use(&name, &error);
    let packet = max_allowed_packet(conn, &name).await?;
    let full = most_rows(rows) * rows.width();
    let mut prepared: Option<(usize, mysql_async::Statement)> = None;
    for group in groups(rows, MAX_BYTES.min(packet / 4)) {
        if group.len() == 1 {
            fits(&name, row_bytes(rows, group.start), packet)?;
        }
        let statement = match &prepared {
            Some((rows, statement)) if *rows == group.len() => statement.clone(),
            _ => {
                let statement = conn.prep(text(insert, group.len())).await.map_err(failed)?;
                prepared = Some((group.len(), statement.clone()));
                statement
            }
        };
        let mut values = Vec::with_capacity(group.len() * rows.width());
        for row in group {
            for column in 0..rows.width() {
                values.push(convert::bound(&name, rows.value(row, column))?);
            }
        }
        let size = values.len();
        conn.exec_drop(&statement, mysql_async::Params::Positional(values))
            .await
            .map_err(failed)?;
        if size < full {
            // An odd number of rows seldom comes again, and each statement that the connection keeps holds a
            // description of every placeholder: megabytes in all, on both sides.
            prepared = None;
            conn.close(statement).await.map_err(failed)?;
        }
    }
    Ok(rows.rows() as u64)
}

/// `INSERT INTO t (a, b) VALUES (?,?),(?,?) tail`.
fn text(insert: &Insert, rows: usize) -> String {
    let row = format!("({})", vec!["?"; insert.columns.len()].join(","));
    format!(
        "INSERT INTO {} ({}) VALUES {} {}",
        insert.table,
        insert.columns.join(", "),
        vec![row.as_str(); rows].join(","),
        insert.mysql_tail
    )
}

/// The rows of a full group.
fn most_rows(rows: &Batch) -> usize {
    (MAX_PLACEHOLDERS / rows.width().max(1)).clamp(1, MAX_ROWS)
}

/// The batch in order, in groups that fit; a row that is too large by itself stands alone.
fn groups(rows: &Batch, budget: usize) -> Vec<Range<usize>> {
    let most = most_rows(rows);
    let mut groups = Vec::new();
    let (mut start, mut bytes) = (0, 0);
    for row in 0..rows.rows() {
        let size = row_bytes(rows, row);
        if row > start && (row - start == most || bytes + size > budget) {
            groups.push(start..row);
            (start, bytes) = (row, 0);
        }
        bytes += size;
    }
    if start < rows.rows() {
        groups.push(start..rows.rows());
    }
    groups
}

/// What a row takes in the packet at most: the values, their types (2 bytes each) and NULL bits.
fn row_bytes(rows: &Batch, row: usize) -> usize {
    let value_bytes = |value: &Value| match value {
        Value::Null => 0,
        Value::Int(_) | Value::Real(_) => 8,
        Value::Text(text) => text.len() + 9,
        Value::Instant(_) | Value::Date(_) => 12,
    };
    (0..rows.width())
        .map(|column| value_bytes(rows.value(row, column)) + 3)
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_cover_the_batch_in_order_and_keep_every_bound() {
        let wide = Batch::new(2_500);
        let wide = (0..100).fold(wide, |batch, _| batch.same(1i64));
        let found = groups(&wide, MAX_BYTES);
        assert!(found.iter().all(|g| g.len() * 100 <= MAX_PLACEHOLDERS));
        assert_eq!(found.first(), Some(&(0..655)));
        assert_eq!(found.last().map(|g| g.end), Some(2_500));
        assert!(found.windows(2).all(|pair| pair[0].end == pair[1].start));

        let narrow = Batch::new(2_500).same(1i64);
        let lengths: Vec<usize> = groups(&narrow, MAX_BYTES).iter().map(Range::len).collect();
        assert_eq!(lengths, [1_000, 1_000, 500]);
        assert!(groups(&Batch::new(0).same(1i64), MAX_BYTES).is_empty());
    }

    #[test]
    fn bytes_bound_a_group_and_one_large_row_stands_alone() {
        let batch = Batch::new(4).each(["a".repeat(10), "b".repeat(5_000), "c".repeat(10), "d".repeat(10)]);
        assert_eq!(groups(&batch, 100), [0..1, 1..2, 2..4]);
    }

    #[test]
    fn the_text_repeats_the_row_and_ends_with_the_tail() {
        let insert = Insert {
            table: "t",
            columns: &["a", "b"],
            mysql_tail: "ON DUPLICATE KEY UPDATE b = VALUES(b)",
            sqlite_tail: "",
        };
        assert_eq!(
            text(&insert, 2),
            "INSERT INTO t (a, b) VALUES (?,?),(?,?) ON DUPLICATE KEY UPDATE b = VALUES(b)"
        );
    }
}
