//! How history leaves the table for a file, and comes back: the small steps of both.
//!
//! Why: a million rows do not move at once, and whoever moves them may be killed at any step. Each step is one
//! transaction that leaves every row where the table or the file has it, and may be done twice.
//!
//! Invariants: a row leaves only under a sealed archive in status `archiving`, which the schema checks too; a row that
//! comes back has its number and every value that it had.
//!
//! Must not know: files; in which order the steps are done (`pipeline::archive` does).

use crate::audit::archive::Record;
use crate::audit::archive::chunks::Portion;
use crate::audit::chain::Link;
use crate::audit::encoding::HistoryRow;
use crate::audit::replay::State;
use crate::db::error::DbError;
use crate::db::statement::{Batch, Expect, Insert, Statement, Transaction};
use crate::db::value::Params;
use crate::sql;
use crate::time::Timestamp;

use super::archive::Status;
use super::chain::{INSERT_SEGMENT, segment_batch};
use super::write::HISTORY_COLUMNS;
use super::{Store, StoreError, settled};

static STATUS: Statement = sql!("query/archive_status");
static DELETE_OWN: Statement = sql!("query/archive_delete_own");
static DELETE_ADOPTED: Statement = sql!("query/archive_delete_adopted");
static CLEAR_SNAPSHOT: Statement = sql!("query/archive_clear_snapshot");
static PRESENT: Statement = sql!("query/archive_present");

static INSERT_ARCHIVE: Insert = Insert {
    table: "audit_archives",
    columns: &[
        "archive_id",
        "segment_id",
        "first_segment",
        "last_segment",
        "head",
        "row_count",
        "newest_at",
        "file_name",
        "file_bytes",
        "file_sha256",
        "snapshot_rows",
        "snapshot_root",
        "made_at",
    ],
    mysql_tail: "",
    sqlite_tail: "",
};

static INSERT_STATUS: Insert = Insert {
    table: "archive_status",
    columns: &["archive_id", "status", "folder", "updated_at"],
    mysql_tail: "",
    sqlite_tail: "",
};

static INSERT_SNAPSHOT: Insert = Insert {
    table: "audit_snapshot",
    columns: &[
        "archive_id",
        "row_no",
        "workout_id",
        "label",
        "is_user_override",
        "change_count",
        "label_model_id",
        "run_id",
        "testimony",
    ],
    mysql_tail: "",
    sqlite_tail: "",
};

/// A history row with its number: only a row that comes back has one.
static INSERT_RESTORED: Insert = Insert {
    table: "workout_classification_history",
    columns: HISTORY_COLUMNS,
    mysql_tail: "",
    sqlite_tail: "",
};

fn record_batch(record: &Record, segment_id: i64) -> Batch {
    Batch::new(1)
        .same(record.archive_id)
        .same(segment_id)
        .same(record.first_segment)
        .same(record.last_segment)
        .same(record.head.to_string())
        .same(record.row_count as i64)
        .same(record.newest_at)
        .same(record.file_name.as_str())
        .same(record.file_bytes as i64)
        .same(record.file_sha256.to_string())
        .same(record.snapshot_rows as i64)
        .same(record.snapshot_root.to_string())
        .same(record.made_at)
}

fn snapshot_batch(archive_id: i64, first_no: i64, states: &[(&str, Option<&State>)]) -> Batch {
    let each = || states.iter().map(|(_, state)| *state);
    Batch::new(states.len())
        .same(archive_id)
        .each(first_no..first_no + states.len() as i64)
        .each(states.iter().map(|(workout, _)| *workout))
        .each(each().map(|s| s.map(|s| s.label.as_str())))
        .each(each().map(|s| i64::from(s.is_some_and(|s| s.is_override))))
        .each(each().map(|s| s.map_or(0, |s| s.change_count)))
        .each(each().map(|s| s.and_then(|s| s.model_id.as_deref())))
        .each(each().map(|s| s.and_then(|s| s.run_id.as_deref())))
        .each(each().map(|s| i64::from(s.is_some_and(|s| s.testimony))))
}

fn restored_batch(rows: &[(i64, HistoryRow)]) -> Batch {
    let each = || rows.iter().map(|(_, row)| row);
    Batch::new(rows.len())
        .each(rows.iter().map(|(id, _)| *id))
        .each(each().map(|r| r.workout_id.as_str()))
        .each(each().map(|r| r.previous_classification.as_deref()))
        .each(each().map(|r| r.new_classification.as_str()))
        .each(each().map(|r| r.classification_source.as_str()))
        .each(each().map(|r| r.classification_confidence))
        .each(each().map(|r| r.classification_method.as_deref()))
        .each(each().map(|r| r.model_id.as_deref()))
        .each(each().map(|r| r.model_version.as_deref()))
        .each(each().map(|r| r.changed_by.as_str()))
        .each(each().map(|r| r.changed_at))
        .each(each().map(|r| r.reason.as_deref()))
        .each(each().map(|r| r.features_used.as_deref()))
        .each(each().map(|r| r.metadata.as_deref()))
        .each(each().map(|r| r.run_id.as_deref()))
        .each(each().map(|r| r.segment_id))
}

fn step(archive_id: i64, seen: Status, next: Status, now: Timestamp) -> Params {
    Params::none()
        .with("archive_id", archive_id)
        .with("seen", seen.as_str())
        .with("next", next.as_str())
        .with("now", now)
}

impl Store {
    /// Takes back the snapshot of an archive that was never sealed.
    ///
    /// # Errors
    /// [`StoreError::Db`]; [`DbError::Constraint`] where it is sealed.
    pub async fn clear_snapshot(&self, archive_id: i64) -> Result<(), StoreError> {
        let params = Params::none().with("archive_id", archive_id);
        let clear = Transaction::new("clear a snapshot").execute(&CLEAR_SNAPSHOT, params, Expect::Any);
        self.transact(clear).await
    }

    /// Writes a part of a snapshot that is not sealed yet, numbered from `first_no`.
    ///
    /// # Errors
    /// [`StoreError::Db`].
    pub async fn write_snapshot(
        &self,
        archive_id: i64,
        first_no: i64,
        states: &[(&str, Option<&State>)],
    ) -> Result<(), StoreError> {
        self.insert_all(&INSERT_SNAPSHOT, snapshot_batch(archive_id, first_no, states))
            .await
    }

    /// Seals an archive in the segment after `head`; from then on its rows may leave the table.
    ///
    /// # Errors
    /// [`StoreError::Db`]; a [`DbError::Conflict`] where another writer has extended the chain since `head` was read.
    /// Nothing is written then.
    pub async fn seal_archive(
        &self,
        record: &Record,
        folder: &str,
        head: &Link,
        now: Timestamp,
    ) -> Result<Link, StoreError> {
        let segment = record.seal(head);
        let status = Batch::new(1)
            .same(record.archive_id)
            .same(Status::Archiving.as_str())
            .same(folder)
            .same(now);
        let transaction = Transaction::new("seal an archive")
            .insert_many(&INSERT_SEGMENT, segment_batch(&segment, None, now))
            .insert_many(&INSERT_ARCHIVE, record_batch(record, segment.segment_id))
            .insert_many(&INSERT_STATUS, status);
        self.transact_sealed(transaction, &segment.link()).await?;
        Ok(segment.link())
    }

    /// Moves an archive on. Where it is there already, nothing happens.
    ///
    /// # Errors
    /// [`StoreError::Db`]; a [`DbError::Conflict`] where it is in neither status.
    pub async fn move_archive(
        &self,
        archive_id: i64,
        seen: Status,
        next: Status,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let is_there = || async {
            let archives = self.archives().await?;
            let found = archives.all.iter().find(|a| a.record.archive_id == archive_id);
            Ok(found.is_some_and(|archive| archive.status == next))
        };
        let params = step(archive_id, seen, next, now);
        let step = Transaction::new("move an archive on").execute(&STATUS, params, Expect::Rows(1));
        match settled(self.transact(step).await, is_there).await {
            Err(StoreError::Db(DbError::Conflict { .. })) if is_there().await? => Ok(()),
            moved => moved,
        }
    }

    /// Takes a portion of an archive's rows out of the table, where they are still there.
    ///
    /// # Errors
    /// [`StoreError::Db`]; a [`DbError::Conflict`] where the archive is not in status `archiving`.
    pub async fn take_out(&self, archive_id: i64, portion: &Portion, now: Timestamp) -> Result<(), StoreError> {
        let guard = step(archive_id, Status::Archiving, Status::Archiving, now);
        let rows = Params::none().with("first", portion.first).with("last", portion.last);
        let transaction = Transaction::new("take rows out").execute(&STATUS, guard, Expect::Rows(1));
        let transaction = match portion.segments {
            Some((first, last)) => {
                let rows = rows.with("first_segment", first).with("last_segment", last);
                transaction.execute(&DELETE_OWN, rows, Expect::Any)
            }
            None => transaction.execute(&DELETE_ADOPTED, rows, Expect::Any),
        };
        self.transact(transaction).await
    }

    /// Puts rows of an archive back into the table, but those that are there.
    ///
    /// # Errors
    /// [`StoreError::Db`]; a [`DbError::Conflict`] where the archive is not in status `restoring`.
    pub async fn put_back(
        &self,
        archive_id: i64,
        mut rows: Vec<(i64, HistoryRow)>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let numbers = || rows.iter().map(|(id, _)| *id);
        let (Some(first), Some(last)) = (numbers().min(), numbers().max()) else {
            return Ok(());
        };
        let between = Params::none().with("first", first).with("last", last);
        let present = self.rows(&PRESENT, &between, |row| row.int(0)).await?;
        rows.retain(|(id, _)| present.binary_search(id).is_err());
        let guard = step(archive_id, Status::Restoring, Status::Restoring, now);
        let transaction = Transaction::new("put rows back")
            .execute(&STATUS, guard, Expect::Rows(1))
            .insert_many(&INSERT_RESTORED, restored_batch(&rows));
        self.transact(transaction).await
    }
}
