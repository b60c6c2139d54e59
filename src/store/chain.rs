//! The audit chain's head: what a writer must have seen to be allowed to write.
//!
//! Why: each write of verdicts extends the chain by one segment whose number follows the head that
//! was read *before* the state was. A second writer that read the same head collides on the
//! segment's key and rolls back, without a lock held while stages compute.
//!
//! Invariants: segment numbers have no gaps; each segment's `prev_head` is its predecessor's `head`.
//!
//! Must not know: what the rows mean.

use crate::audit::chain::{Link, Segment};
use crate::db::error::DbError;
use crate::db::statement::{Batch, Insert, Statement, Transaction};
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

    /// Commits a transaction that extends the chain by `segment`. Where the connection is lost during COMMIT,
    /// the chain tells whether it took effect: nobody else writes that head.
    ///
    /// # Errors
    /// [`StoreError::Db`]; a [`DbError::Conflict`] where another writer has extended the chain before.
    /// Nothing is written then.
    pub(super) async fn transact_sealed(&self, transaction: Transaction, segment: &Segment) -> Result<(), StoreError> {
        let written = self.transact(transaction).await.map_err(as_conflict);
        settled(written, || async { self.is_sealed(segment).await }).await
    }

    async fn is_sealed(&self, segment: &Segment) -> Result<bool, StoreError> {
        let ours = segment.head.to_string();
        let params = Params::none().with("segment_id", segment.segment_id);
        let found = self.row(&SEGMENT_HEAD, &params, |row| Ok(row.text(0)? == ours)).await?;
        Ok(found.unwrap_or(false))
    }
}
