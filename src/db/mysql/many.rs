//! Many rows sent in groups, each one prepared statement.
//!
//! Why: one row a statement is a round trip a row (137 s a million, measured); LOAD DATA LOCAL drops rows
//! silently; groups of prepared rows are within 15 % of the fastest and strict. While the server is at one
//! group, the values of the next are made ready.
//!
//! Invariants: a group holds no more rows, placeholders and bytes than it may; the rows go in batch order. A
//! group has the most rows or half, a quarter, .. of them, so that a connection needs few statements in all
//! and keeps them prepared.
//!
//! Must not know: what the statement does.

use std::ops::Range;

use mysql_async::prelude::Queryable;

use super::{convert, errors, fits};
use crate::db::batch::halved;
use crate::db::error::DbError;
use crate::db::statement::Batch;
use crate::db::value::Bound;

/// The protocol counts placeholders in 16 bits.
pub(super) const MAX_PLACEHOLDERS: usize = 65_535;
/// Above this a larger packet gains nothing, and costs memory on both sides.
const MAX_BYTES: usize = 4 << 20;

/// A statement for several rows at once.
pub(super) trait Grouped {
    /// The most rows of a group.
    fn most(&self, width: usize) -> usize;
    /// The text for a group of so many rows.
    fn text(&self, rows: usize) -> String;
    /// The values of a group, in the order of the text's placeholders.
    fn values(&self, bind: &Binder<'_>, group: Range<usize>) -> Result<Vec<mysql_async::Value>, DbError>;
}

/// The values of a batch as the driver takes them.
pub(super) struct Binder<'b> {
    name: &'b str,
    pub(super) rows: &'b Batch,
    /// By column: what is the same in every row.
    shared: Vec<Option<mysql_async::Value>>,
}

impl<'b> Binder<'b> {
    fn new(name: &'b str, rows: &'b Batch) -> Result<Self, DbError> {
        let shared = |column| rows.shared(column).map(|value| convert::bound(name, value)).transpose();
        Ok(Self {
            name,
            rows,
            shared: (0..rows.width()).map(shared).collect::<Result<_, _>>()?,
        })
    }

    /// The value at a row and column.
    pub(super) fn value(&self, row: usize, column: usize) -> Result<mysql_async::Value, DbError> {
        match &self.shared[column] {
            Some(value) => Ok(value.clone()),
            None => convert::bound(self.name, self.rows.value(row, column)),
        }
    }
}

/// Sends the whole batch within the caller's transaction; returns what the server counted. `packet` is its
/// `max_allowed_packet`.
pub(super) async fn send<Q: Queryable>(
    conn: &mut Q,
    name: &str,
    statement: &impl Grouped,
    rows: &Batch,
    packet: usize,
) -> Result<u64, DbError> {
    let failed = |error| errors::in_use(name, &error);
    let bind = Binder::new(name, rows)?;
    let mut groups = groups(rows, statement.most(rows.width()), MAX_BYTES.min(packet / 4)).into_iter();
    let mut ready = || {
        let Some(group) = groups.next() else { return Ok(None) };
        if group.len() == 1 {
            fits(name, row_bytes(rows, group.start), packet)?;
        }
        Ok(Some((group.len(), statement.values(&bind, group)?)))
    };
    let mut affected = 0;
    let mut next = ready()?;
    while let Some((size, values)) = next {
        let prepared = conn.prep(statement.text(size)).await.map_err(failed)?;
        let sent = async {
            let result = conn
                .exec_iter(&prepared, mysql_async::Params::Positional(values))
                .await?;
            let affected = result.affected_rows();
            result.drop_result().await?;
            Ok(affected)
        };
        let (sent, ahead) = tokio::join!(biased; sent, async { ready() });
        affected += sent.map_err(failed)?;
        next = ahead?;
    }
    Ok(affected)
}

/// The batch in order, in groups that fit; a row that is too large by itself stands alone.
fn groups(rows: &Batch, most: usize, budget: usize) -> Vec<Range<usize>> {
    let mut groups = Vec::new();
    let (mut start, mut bytes) = (0, 0);
    for row in 0..rows.rows() {
        let size = row_bytes(rows, row);
        if row > start && (row - start == most || bytes + size > budget) {
            groups.extend(halved(start..row, most));
            (start, bytes) = (row, 0);
        }
        bytes += size;
    }
    groups.extend(halved(start..rows.rows(), most));
    groups
}

/// What a row takes in the packet at most: the values, their types (2 bytes each) and NULL bits.
fn row_bytes(rows: &Batch, row: usize) -> usize {
    let value_bytes = |value: Bound<'_>| match value {
        Bound::Null => 0,
        Bound::Int(_) | Bound::Real(_) => 8,
        Bound::Text(text) => text.len() + 9,
        Bound::Instant(_) | Bound::Date(_) => 12,
    };
    (0..rows.width())
        .map(|column| value_bytes(rows.value(row, column)) + 3)
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_cover_the_batch_in_order() {
        let found = groups(&Batch::new(2_500).same(1i64), 655, MAX_BYTES);
        assert_eq!(found.first(), Some(&(0..655)));
        assert_eq!(found.last().map(|g| g.end), Some(2_500));
        assert!(found.windows(2).all(|pair| pair[0].end == pair[1].start));
    }

    #[test]
    fn bytes_bound_a_group_and_one_large_row_stands_alone() {
        let batch = Batch::new(4).each(["a".repeat(10), "b".repeat(5_000), "c".repeat(10), "d".repeat(10)]);
        assert_eq!(groups(&batch, 2, 100), [0..1, 1..2, 2..4]);
    }
}
