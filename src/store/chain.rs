//! The audit chain's head: what a writer must have seen to be allowed to write.
//!
//! Why: each write of verdicts extends the chain by one segment whose number follows the head that
//! was read *before* the state was. A second writer that read the same head collides on the
//! segment's key and rolls back, without a lock held while stages compute.
//!
//! Invariants: segment numbers have no gaps; each segment's `prev_head` is its predecessor's `head`.
//!
//! Must not know: what the rows mean.

use crate::audit::chain::{Link, Sealer, Segment};
use crate::audit::encoding::HistoryRowRef;
use crate::audit::leaves::{self, Leaf};
use crate::db::error::DbError;
use crate::db::statement::{Batch, Insert, Statement, Transaction};
use crate::db::turn::Turn;
use crate::db::value::{Params, Row};
use crate::id::RunId;
use crate::sql;
use crate::time::Timestamp;

use super::write::as_conflict;
use super::{Store, StoreError, settled};

static HEAD: Statement = sql!("query/chain_head");
static SEGMENT_HEAD: Statement = sql!("query/segment_head");

pub(super) static INSERT_SEGMENT: Insert = Insert {
    table: "audit_segments",
    columns: &[
        "segment_id",
        "run_id",
        "row_count",
        "merkle_root",
        "prev_head",
        "head",
        "encoding_version",
        "sealed_at",
    ],
    mysql_tail: "",
    sqlite_tail: "",
};

static INSERT_LEAVES: Insert = Insert {
    table: "audit_leaves",
    columns: &["segment_id", "part_no", "leaves"],
    mysql_tail: "",
    sqlite_tail: "",
};

/// Leaves in one row of the list: small enough for any server's packet, many enough to be few rows.
const LEAVES_A_ROW: usize = 1_000;

/// A segment and the list of its leaves, ready to be written.
pub(super) struct SealedSegment {
    pub(super) segment: Segment,
    pub(super) leaves: Vec<Leaf>,
}

impl SealedSegment {
    /// Seals `rows` of ours, in the order in which they will be written, as the segment after `prev`.
    pub(super) fn of<'a>(prev: &Link, rows: impl IntoIterator<Item = HistoryRowRef<'a>>) -> Self {
        let mut sealer = Sealer::new(prev);
        let leaf = |row: HistoryRowRef<'a>| Leaf {
            hash: sealer.push(row),
            workout_id: row.workout_id.to_owned(),
        };
        let leaves = rows.into_iter().map(leaf).collect();
        Self {
            segment: sealer.finish(),
            leaves,
        }
    }

    /// Adds the segment, which collides with any other writer's, and its list to a transaction.
    pub(super) fn write(&self, transaction: Transaction, run_id: Option<&RunId>, now: Timestamp) -> Transaction {
        let parts = leaves::parts(&self.leaves, LEAVES_A_ROW);
        let list = Batch::new(parts.len())
            .same(self.segment.segment_id)
            .each(0..parts.len() as i64)
            .each(parts);
        transaction
            .insert_many(&INSERT_SEGMENT, segment_batch(&self.segment, run_id, now))
            .insert_many(&INSERT_LEAVES, list)
    }
}

pub(super) fn segment_batch(segment: &Segment, run_id: Option<&RunId>, now: Timestamp) -> Batch {
    Batch::new(1)
        .same(segment.segment_id)
        .same(run_id.map(RunId::as_str))
        .same(segment.row_count as i64)
        .same(segment.merkle_root.to_string())
        .same(segment.prev_head.to_string())
        .same(segment.head.to_string())
        .same(i64::from(segment.encoding_version))
        .same(now)
}

fn decode(row: &Row<'_>) -> Result<Link, DbError> {
    let text = row.text(1)?;
    let head = text.parse().map_err(|_| DbError::Decode {
        column: "head".to_owned(),
        expected: "SHA-256 in hexadecimal",
        found: text.to_owned(),
    })?;
    Ok(Link {
        segment_id: row.int(0)?,
        head,
    })
}

impl Store {
    /// The last segment's number and head, or the genesis link on a fresh store.
    ///
    /// # Errors
    /// [`StoreError::Db`], with [`DbError::Decode`] where the head is no hash.
    pub async fn chain_head(&self) -> Result<Link, StoreError> {
        let link = self.row(&HEAD, &Params::none(), decode).await?;
        Ok(link.unwrap_or_else(Link::genesis))
    }

    /// Commits a transaction after which the chain ends at `end`. Where the connection is lost during COMMIT,
    /// the chain tells whether it took effect: nobody else writes that head.
    ///
    /// # Errors
    /// [`StoreError::Db`]; a [`DbError::Conflict`] where another writer has extended the chain before.
    /// Nothing is written then.
    pub(super) async fn transact_sealed(&self, transaction: Transaction, end: &Link) -> Result<(), StoreError> {
        let written = self.transact(transaction).await.map_err(as_conflict);
        settled(written, || async { self.is_sealed(end).await }).await
    }

    /// [`Store::transact_sealed`] in a line of transactions, each of which extends the chain from where the one
    /// before it ends.
    ///
    /// # Errors
    /// As [`Store::transact_sealed`]; [`DbError::Transient`] where one before it in the line failed.
    pub(super) async fn transact_sealed_in_turn(
        &self,
        transaction: Transaction,
        end: &Link,
        turn: Turn,
    ) -> Result<(), StoreError> {
        let written = self.transact_in_turn(transaction, turn).await.map_err(as_conflict);
        settled(written, || async { self.is_sealed(end).await }).await
    }

    async fn is_sealed(&self, end: &Link) -> Result<bool, StoreError> {
        let ours = end.head.to_string();
        let params = Params::none().with("segment_id", end.segment_id);
        let found = self.row(&SEGMENT_HEAD, &params, |row| Ok(row.text(0)? == ours)).await?;
        Ok(found.unwrap_or(false))
    }
}
