//! `backfill_windows`: what a backfill has to do, and how far it is.
//!
//! Why: a backfill that is killed goes on where it stopped, also in another process and a week later;
//! what is left is a question to a table, not to a memory.
//!
//! Invariants: a window is marked as completed in the transaction that writes the last of it, and only
//! while the model that classified it is in production; all windows are entered before the first is begun.
//!
//! Must not know: how windows are cut, or what order they are done in.

use crate::db::error::DbError;
use crate::db::statement::{Batch, Expect, Insert, Statement, Step, Transaction};
use crate::db::value::{Params, Row};
use crate::id::RunId;
use crate::sql;
use crate::time::{Timestamp, WorkoutDate};

use super::runs::{OutcomeCounts, RowCounts, RunFailure};
use super::write::{SealedChunk, Written, as_conflict};
use super::{Store, StoreError};

static LIST: Statement = sql!("query/backfill_list");
static WINDOWS: Statement = sql!("query/backfill_windows");
static ABANDON: Statement = sql!("query/backfill_abandon");
static REOPEN: Statement = sql!("query/backfill_reopen");
static COMPLETE: Statement = sql!("query/backfill_complete");
static FAIL: Statement = sql!("query/backfill_fail");
static MODEL: Statement = sql!("query/backfill_model");

static INSERT: Insert = Insert {
    table: "backfill_windows",
    columns: &[
        "backfill_id",
        "window_no",
        "pipeline",
        "span",
        "window_from",
        "window_to",
        "status",
        "updated_at",
    ],
    mysql_tail: "",
    sqlite_tail: "",
};

/// The most characters of an error that a window keeps.
const MAX_ERROR_CHARS: usize = 4_000;

/// A backfill, as far as it has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredBackfill {
    /// The run that began it.
    pub backfill_id: String,
    /// The length of its windows, as it was given.
    pub span: String,
    /// Start of its range, inclusive.
    pub from: WorkoutDate,
    /// Its end, exclusive.
    pub to: WorkoutDate,
    /// Windows in all.
    pub windows: u64,
    /// Of which done.
    pub completed: u64,
    /// Of which failed.
    pub failed: u64,
}

/// One window of a backfill.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredWindow {
    /// Its number, from 0, by date.
    pub window_no: u32,
    /// Inclusive.
    pub from: WorkoutDate,
    /// Exclusive.
    pub to: WorkoutDate,
    /// `pending`, `completed`, `failed`.
    pub status: String,
    /// How often it has been tried.
    pub attempts: i64,
    /// The run that last worked on it.
    pub run_id: Option<String>,
    /// The model that classified it.
    pub model_id: Option<String>,
    /// Why it failed.
    pub failure: Option<RunFailure>,
}

/// A backfill that is about to begin.
#[derive(Debug, Clone)]
pub struct NewBackfill<'a> {
    /// The run that begins it.
    pub backfill_id: &'a RunId,
    /// Its pipeline.
    pub pipeline: &'a str,
    /// The length of its windows.
    pub span: &'a str,
    /// Its windows, by date.
    pub windows: &'a [(WorkoutDate, WorkoutDate)],
    /// Backfills whose place it takes.
    pub instead_of: &'a [String],
    /// The instant.
    pub now: Timestamp,
}

/// Which windows of a backfill are opened again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Reopen<'a> {
    /// Those that failed.
    pub failed: bool,
    /// Those that are done.
    pub completed: bool,
    /// Those that are done by another model than this one, in any case; None is the era rule.
    pub model_id: Option<&'a str>,
}

/// A window of a backfill, the run that works on it, and the model it works with.
#[derive(Debug, Clone, Copy)]
pub struct WindowKey<'a> {
    /// The backfill.
    pub backfill_id: &'a str,
    /// The window.
    pub window_no: u32,
    /// The run.
    pub run_id: &'a RunId,
    /// The model; None for the era rule.
    pub model_id: Option<&'a str>,
}

/// What a window that is done has cost.
#[derive(Debug, Clone, Copy)]
pub struct WindowDone {
    /// Attempts of this run.
    pub attempts: u32,
    /// Row counts.
    pub rows: RowCounts,
    /// Outcomes.
    pub changes: OutcomeCounts,
    /// History rows and current rows.
    pub rows_written: u64,
    /// The instant.
    pub now: Timestamp,
}

impl WindowKey<'_> {
    fn params(&self) -> Params {
        Params::none()
            .with("backfill_id", self.backfill_id)
            .with("window_no", self.window_no)
            .with("run_id", self.run_id.as_str())
    }

    /// First in a transaction: the model must be the one in production.
    fn guard(&self, mut transaction: Transaction) -> Transaction {
        if let Some(model_id) = self.model_id {
            let check = Step::Execute {
                statement: &MODEL,
                params: Params::none().with("model_id", model_id),
                expect: Expect::Rows(1),
            };
            transaction.steps.insert(0, check);
        }
        transaction
    }

    fn complete(&self, transaction: Transaction, done: &WindowDone) -> Transaction {
        let params = self
            .params()
            .with("model_id", self.model_id)
            .with("attempts", done.attempts)
            .with("rows_read", done.rows.read as i64)
            .with("rows_classified", done.rows.classified as i64)
            .with("new_count", done.changes.new as i64)
            .with("changed_count", done.changes.changed as i64)
            .with("refreshed_count", done.changes.refreshed as i64)
            .with("protected_count", done.changes.protected as i64)
            .with("rows_written", done.rows_written as i64)
            .with("now", done.now);
        transaction.execute(&COMPLETE, params, Expect::Rows(1))
    }
}

fn decode_backfill(row: &Row<'_>) -> Result<StoredBackfill, DbError> {
    let date = |index| Ok::<_, DbError>(WorkoutDate::from_micros(row.opt_micros(index)?.unwrap_or_default()));
    let count = |index| Ok::<_, DbError>(row.int(index)?.max(0) as u64);
    Ok(StoredBackfill {
        backfill_id: row.text(0)?.to_owned(),
        span: row.text(1)?.to_owned(),
        from: date(2)?,
        to: date(3)?,
        windows: count(4)?,
        completed: count(5)?,
        failed: count(6)?,
    })
}

fn decode_window(row: &Row<'_>) -> Result<StoredWindow, DbError> {
    let date = |index| Ok::<_, DbError>(WorkoutDate::from_micros(row.opt_micros(index)?.unwrap_or_default()));
    let text = |index| Ok::<_, DbError>(row.opt_text(index)?.map(str::to_owned));
    let failure = text(9)?.map(|message| {
        Ok::<_, DbError>(RunFailure {
            stage: text(7)?.unwrap_or_default(),
            kind: text(8)?.unwrap_or_default(),
            message,
        })
    });
    Ok(StoredWindow {
        window_no: row.int(0)?.max(0) as u32,
        from: date(1)?,
        to: date(2)?,
        status: row.text(3)?.to_owned(),
        attempts: row.int(4)?,
        run_id: text(5)?,
        model_id: text(6)?,
        failure: failure.transpose()?,
    })
}

impl Store {
    /// The backfills of a pipeline that were not given up, newest first.
    ///
    /// # Errors
    /// [`StoreError::Db`].
    pub async fn backfills(&self, pipeline: &str) -> Result<Vec<StoredBackfill>, StoreError> {
        let mut found = Vec::new();
        let each = |row: &Row<'_>| {
            found.push(decode_backfill(row)?);
            Ok(())
        };
        let params = Params::none().with("pipeline", pipeline);
        self.db.query(&LIST, &params, each).await?;
        Ok(found)
    }

    /// The windows of a backfill, by date.
    ///
    /// # Errors
    /// [`StoreError::Db`].
    pub async fn backfill_windows(&self, backfill_id: &str) -> Result<Vec<StoredWindow>, StoreError> {
        let mut found = Vec::new();
        let each = |row: &Row<'_>| {
            found.push(decode_window(row)?);
            Ok(())
        };
        let params = Params::none().with("backfill_id", backfill_id);
        self.db.query(&WINDOWS, &params, each).await?;
        Ok(found)
    }

    /// Enters every window as pending, and gives up the backfills whose place this one takes.
    ///
    /// # Errors
    /// [`StoreError::Db`], [`StoreError::Fenced`]; nothing is entered then.
    pub async fn begin_backfill(&self, new: &NewBackfill<'_>) -> Result<(), StoreError> {
        let mut transaction = Transaction::new("begin backfill");
        for old in new.instead_of {
            let params = Params::none().with("backfill_id", old.as_str()).with("now", new.now);
            transaction = transaction.execute(&ABANDON, params, Expect::Any);
        }
        let batch = Batch::new(new.windows.len())
            .same(new.backfill_id.as_str())
            .each(0..new.windows.len() as u32)
            .same(new.pipeline)
            .same(new.span)
            .each(new.windows.iter().map(|(from, _)| *from))
            .each(new.windows.iter().map(|(_, to)| *to))
            .same("pending")
            .same(new.now);
        self.transact(transaction.insert_many(&INSERT, batch)).await
    }

    /// Opens windows of a backfill again.
    ///
    /// # Errors
    /// [`StoreError::Db`], [`StoreError::Fenced`].
    pub async fn reopen_windows(&self, backfill_id: &str, which: Reopen<'_>, now: Timestamp) -> Result<(), StoreError> {
        let params = Params::none()
            .with("backfill_id", backfill_id)
            .with("failed", which.failed)
            .with("completed", which.completed)
            .with("model_id", which.model_id)
            .with("now", now);
        self.transact(Transaction::new("reopen windows").execute(&REOPEN, params, Expect::Any))
            .await
    }

    /// Writes one chunk of a window in one transaction that extends the chain from the head it was sealed to; the last one,
    /// with `done`, marks the window as completed.
    ///
    /// # Errors
    /// As [`Store::write_verdicts`]; [`StoreError::LostRace`] where another model is in production now.
    /// Nothing is written then.
    pub async fn write_window(
        &self,
        key: &WindowKey<'_>,
        chunk: SealedChunk,
        done: Option<&WindowDone>,
    ) -> Result<Written, StoreError> {
        let SealedChunk { transaction, written } = chunk;
        let transaction = match done {
            Some(done) => key.complete(transaction, done),
            None => transaction,
        };
        self.commit_window(key, transaction).await?;
        Ok(written)
    }

    /// Marks a window in which nothing had to be written as completed.
    ///
    /// # Errors
    /// As [`Store::write_window`].
    pub async fn complete_window(&self, key: &WindowKey<'_>, done: &WindowDone) -> Result<(), StoreError> {
        let transaction = key.complete(Transaction::new("complete window"), done);
        self.commit_window(key, transaction).await
    }

    async fn commit_window(&self, key: &WindowKey<'_>, transaction: Transaction) -> Result<(), StoreError> {
        match self.transact(key.guard(transaction)).await.map_err(as_conflict) {
            Err(StoreError::Db(DbError::Conflict { statement, .. })) if statement == MODEL.name => {
                let now = self.active_model().await?;
                Err(StoreError::LostRace {
                    what: "write a window".to_owned(),
                    seen: key.model_id.unwrap_or("none").to_owned(),
                    now: now.map_or_else(|| "none".to_owned(), |row| row.model_id),
                })
            }
            result => result,
        }
    }

    /// Marks a window as failed.
    ///
    /// # Errors
    /// [`StoreError::Db`], [`StoreError::Fenced`].
    pub async fn fail_window(
        &self,
        key: &WindowKey<'_>,
        attempts: u32,
        failure: &RunFailure,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let message: String = failure.message.chars().take(MAX_ERROR_CHARS).collect();
        let params = key
            .params()
            .with("attempts", attempts)
            .with("error_stage", failure.stage.as_str())
            .with("error_kind", failure.kind.as_str())
            .with("error_message", message)
            .with("now", now);
        self.transact(Transaction::new("fail window").execute(&FAIL, params, Expect::Rows(1)))
            .await
    }
}
