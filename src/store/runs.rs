//! `pipeline_runs` and `pipeline_chunks`: the ledger.
//!
//! Why: "what did last night do" is answered from here, and so is "what is left of a crashed run".
//!
//! Invariants: a run is entered before its first stage and closed once; a run that is still
//! `running` long after its start has crashed; chunks are written by `write`, in the transaction
//! that they mark.
//!
//! Must not know: what a run does.

use serde::Serialize;
use serde_json::value::RawValue;

use crate::db::error::DbError;
use crate::db::statement::{Expect, Statement, Transaction};
use crate::db::value::{Params, Row};
use crate::id::RunId;
use crate::sql;
use crate::time::{Timestamp, WorkoutDate};
use crate::vocab::{RunStatus, Trigger};

use super::workouts::Window;
use super::{Store, StoreError, settled};

static START: Statement = sql!("query/run_start");
static FINISH: Statement = sql!("query/run_finish");
static SKIP: Statement = sql!("query/run_skip");
static ABANDON: Statement = sql!("query/run_abandon");
static ABANDON_OTHERS: Statement = sql!("query/run_abandon_others");
static LAST_SCHEDULED: Statement = sql!("query/last_scheduled");
static LAST_BEGUN: Statement = sql!("query/last_begun");
static BY_ID: Statement = sql!("query/run_by_id");
static LIST: Statement = sql!("query/list_runs");
static CHUNKS: Statement = sql!("query/chunks_by_run");

/// What a run did with the rows it read. `read = classified + skipped + quarantined`, and the
/// fallbacks are among the classified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct RowCounts {
    /// Rows read.
    pub read: u64,
    /// Rows with a verdict.
    pub classified: u64,
    /// Rows among them that got the era fallback.
    pub fallback: u64,
    /// Rows of other sports.
    pub skipped: u64,
    /// Rows refused.
    pub quarantined: u64,
}

/// The outcomes of a diff, counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct OutcomeCounts {
    /// Never classified before.
    pub new: u64,
    /// Another label than before.
    pub changed: u64,
    /// The same label by another model or with another confidence.
    pub refreshed: u64,
    /// A person's label stood.
    pub protected: u64,
    /// Nothing to do.
    pub unchanged: u64,
}

/// The error that ended a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RunFailure {
    /// The stage that failed.
    pub stage: String,
    /// Transient, data, config or bug.
    pub kind: String,
    /// The error chain.
    pub message: String,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq)]
pub struct RunOutcome {
    /// Succeeded, partial, failed.
    pub status: RunStatus,
    /// When it ended.
    pub finished_at: Timestamp,
    /// The model used.
    pub model: Option<(String, String)>,
    /// The decision, JSON.
    pub decision: Option<String>,
    /// Row counts.
    pub rows: RowCounts,
    /// Diff counts.
    pub changes: OutcomeCounts,
    /// History rows and current rows written.
    pub rows_written: u64,
    /// From-to matrix, JSON.
    pub matrix: Option<String>,
    /// Skipped rows by activity and whatever else is worth keeping, JSON.
    pub detail: Option<String>,
    /// The error.
    pub failure: Option<RunFailure>,
}

/// One run as the ledger has it.
#[derive(Debug, Clone, Serialize)]
pub struct LedgerRun {
    /// Its id.
    pub run_id: String,
    /// The pipeline.
    pub pipeline: String,
    /// What started it.
    pub trigger: String,
    /// Where it stands.
    pub status: String,
    /// Start of its window, inclusive.
    pub window_from: Option<String>,
    /// End of its window, exclusive.
    pub window_to: Option<String>,
    /// When it began, UTC.
    pub started_at: String,
    /// When it ended, UTC.
    pub finished_at: Option<String>,
    /// The model used.
    pub model_id: Option<String>,
    /// That model's version.
    pub model_version: Option<String>,
    /// Why it trained or reused.
    pub decision: Option<Box<RawValue>>,
    /// Row counts.
    pub rows: RowCounts,
    /// Diff counts.
    pub changes: OutcomeCounts,
    /// History rows and current rows written.
    pub rows_written: u64,
    /// From-to matrix.
    pub matrix: Option<Box<RawValue>>,
    /// Skipped rows by activity.
    pub detail: Option<Box<RawValue>>,
    /// The error.
    pub failure: Option<RunFailure>,
}

/// A run that a scheduler began, or skipped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScheduledRun {
    /// Its id.
    pub run_id: String,
    /// Where it stands.
    pub status: String,
    /// When it began, or was skipped.
    pub started_at: Timestamp,
}

/// One committed transaction of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LedgerChunk {
    /// Its number, from 0.
    pub chunk_no: i64,
    /// First workout in it.
    pub first_workout_id: Option<String>,
    /// Last workout in it.
    pub last_workout_id: Option<String>,
    /// Rows it wrote.
    pub rows_written: i64,
    /// The segment that seals it.
    pub segment_id: Option<i64>,
    /// When it was committed, UTC.
    pub committed_at: String,
}

fn raw(row: &Row<'_>, index: usize) -> Result<Option<Box<RawValue>>, DbError> {
    let Some(text) = row.opt_text(index)? else {
        return Ok(None);
    };
    RawValue::from_string(text.to_owned())
        .map(Some)
        .map_err(|error| DbError::Decode {
            column: index.to_string(),
            expected: "JSON text",
            found: error.to_string(),
        })
}

pub(super) fn decode(row: &Row<'_>) -> Result<LedgerRun, DbError> {
    let date = |index| Ok::<_, DbError>(row.opt_micros(index)?.map(|m| WorkoutDate::from_micros(m).to_string()));
    let count = |index| Ok::<_, DbError>(row.int(index)? as u64);
    let failure = match row.opt_string(26)? {
        Some(message) => Some(RunFailure {
            stage: row.opt_string(24)?.unwrap_or_default(),
            kind: row.opt_string(25)?.unwrap_or_default(),
            message,
        }),
        None => None,
    };
    Ok(LedgerRun {
        run_id: row.text(0)?.to_owned(),
        pipeline: row.text(1)?.to_owned(),
        trigger: row.text(2)?.to_owned(),
        status: row.text(3)?.to_owned(),
        window_from: date(4)?,
        window_to: date(5)?,
        started_at: row.instant(6)?.to_string(),
        finished_at: row.opt_instant(7)?.map(|t| t.to_string()),
        model_id: row.opt_string(8)?,
        model_version: row.opt_string(9)?,
        decision: raw(row, 10)?,
        rows: RowCounts {
            read: count(11)?,
            classified: count(12)?,
            fallback: count(13)?,
            skipped: count(14)?,
            quarantined: count(15)?,
        },
        changes: OutcomeCounts {
            new: count(16)?,
            changed: count(17)?,
            refreshed: count(18)?,
            protected: count(19)?,
            unchanged: count(20)?,
        },
        rows_written: count(21)?,
        matrix: raw(row, 22)?,
        detail: raw(row, 23)?,
        failure,
    })
}

fn decode_scheduled(row: &Row<'_>) -> Result<ScheduledRun, DbError> {
    Ok(ScheduledRun {
        run_id: row.text(0)?.to_owned(),
        status: row.text(1)?.to_owned(),
        started_at: row.instant(2)?,
    })
}

fn decode_chunk(row: &Row<'_>) -> Result<LedgerChunk, DbError> {
    Ok(LedgerChunk {
        chunk_no: row.int(0)?,
        first_workout_id: row.opt_string(1)?,
        last_workout_id: row.opt_string(2)?,
        rows_written: row.int(3)?,
        segment_id: row.opt_int(4)?,
        committed_at: row.instant(5)?.to_string(),
    })
}

/// The most characters of an error that the ledger keeps: four bytes each, they fit MySQL's TEXT.
const MAX_ERROR_CHARS: usize = 16_000;

fn bounded(message: &str) -> String {
    message.chars().take(MAX_ERROR_CHARS).collect()
}

/// What every row of the ledger is entered with.
fn entry(run_id: &RunId, pipeline: &str, trigger: Trigger, window: Window) -> Params {
    Params::none()
        .with("run_id", run_id.as_str())
        .with("pipeline", pipeline)
        .with("trigger_kind", trigger.as_str())
        .with("window_from", window.from)
        .with("window_to", window.to)
}

impl Store {
    /// Enters a run into the ledger as running.
    ///
    /// # Errors
    /// [`StoreError::Db`].
    pub async fn start_run(
        &self,
        run_id: &RunId,
        pipeline: &str,
        trigger: Trigger,
        window: Window,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let params = entry(run_id, pipeline, trigger, window).with("started_at", now);
        let entered = self.db.execute(&START, &params).await;
        let entered = entered.map(|_| ()).map_err(StoreError::from);
        settled(entered, async || Ok(self.run(run_id.as_str()).await?.is_some())).await
    }

    /// Closes a running run.
    ///
    /// # Errors
    /// [`StoreError::Closed`] where it is not running any more; [`StoreError::Db`].
    pub async fn finish_run(&self, run_id: &RunId, outcome: &RunOutcome) -> Result<(), StoreError> {
        let failure = outcome.failure.as_ref();
        let params = Params::none()
            .with("run_id", run_id.as_str())
            .with("status", outcome.status.as_str())
            .with("finished_at", outcome.finished_at)
            .with("model_id", outcome.model.as_ref().map(|(id, _)| id.as_str()))
            .with(
                "model_version",
                outcome.model.as_ref().map(|(_, version)| version.as_str()),
            )
            .with("decision", outcome.decision.as_deref())
            .with("rows_read", outcome.rows.read as i64)
            .with("rows_classified", outcome.rows.classified as i64)
            .with("rows_fallback", outcome.rows.fallback as i64)
            .with("rows_skipped", outcome.rows.skipped as i64)
            .with("rows_quarantined", outcome.rows.quarantined as i64)
            .with("new_count", outcome.changes.new as i64)
            .with("changed_count", outcome.changes.changed as i64)
            .with("refreshed_count", outcome.changes.refreshed as i64)
            .with("protected_count", outcome.changes.protected as i64)
            .with("unchanged_count", outcome.changes.unchanged as i64)
            .with("rows_written", outcome.rows_written as i64)
            .with("matrix", outcome.matrix.as_deref())
            .with("detail", outcome.detail.as_deref())
            .with("error_stage", failure.map(|f| f.stage.as_str()))
            .with("error_kind", failure.map(|f| f.kind.as_str()))
            .with("error_message", failure.map(|f| bounded(&f.message)));
        let transaction = Transaction::new("finish run").execute(&FINISH, params, Expect::Rows(1));
        let closed = self.db.transact(&transaction).await;
        let closed = closed.map(|_| ()).map_err(StoreError::from);
        let closed = settled(closed, || async {
            let run = self.run(run_id.as_str()).await?;
            Ok(run.is_some_and(|run| run.status == outcome.status.as_str()))
        });
        match closed.await {
            Err(StoreError::Db(conflict @ DbError::Conflict { .. })) => {
                self.closed_before(run_id, outcome, conflict).await
            }
            closed => closed,
        }
    }

    /// Who closed a run's row before the run itself could.
    async fn closed_before(&self, run_id: &RunId, outcome: &RunOutcome, conflict: DbError) -> Result<(), StoreError> {
        let Some(run) = self.run(run_id.as_str()).await? else {
            return Err(conflict.into());
        };
        // An earlier try of ours, whose answer was lost.
        if run.status == outcome.status.as_str() && run.finished_at == Some(outcome.finished_at.to_string()) {
            return Ok(());
        }
        Err(StoreError::Closed {
            run_id: run.run_id,
            status: run.status,
            why: run
                .failure
                .map_or_else(|| "it gives no reason".to_owned(), |failure| failure.message),
        })
    }

    /// Enters a run that did not begin because another one holds the pipeline, and says so.
    ///
    /// # Errors
    /// [`StoreError::Db`].
    pub async fn skip_run(
        &self,
        run_id: &RunId,
        pipeline: &str,
        trigger: Trigger,
        window: Window,
        why: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let params = entry(run_id, pipeline, trigger, window)
            .with("message", why)
            .with("now", now);
        self.db.execute(&SKIP, &params).await?;
        Ok(())
    }

    /// Closes a run that cannot close itself any more: `partial` where it has committed chunks, else
    /// `failed`. Nothing happens to a run that is closed.
    ///
    /// # Errors
    /// [`StoreError::Db`].
    pub async fn abandon_run(&self, run_id: &str, failure: &RunFailure, now: Timestamp) -> Result<(), StoreError> {
        let params = Params::none()
            .with("run_id", run_id)
            .with("error_stage", failure.stage.as_str())
            .with("error_kind", failure.kind.as_str())
            .with("message", failure.message.as_str())
            .with("now", now);
        self.db.execute(&ABANDON, &params).await?;
        Ok(())
    }

    /// Closes every other run of a pipeline that is still open, as [`Store::abandon_run`] would; `run_id`
    /// holds the pipeline, so no other one is at work.
    ///
    /// # Errors
    /// [`StoreError::Db`].
    pub async fn abandon_others(
        &self,
        pipeline: &str,
        run_id: &RunId,
        failure: &RunFailure,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let params = Params::none()
            .with("pipeline", pipeline)
            .with("run_id", run_id.as_str())
            .with("error_stage", failure.stage.as_str())
            .with("error_kind", failure.kind.as_str())
            .with("message", failure.message.as_str())
            .with("now", now);
        self.db.execute(&ABANDON_OTHERS, &params).await?;
        Ok(())
    }

    /// The last scheduled run of a pipeline, skipped ones included.
    ///
    /// # Errors
    /// [`StoreError::Db`].
    pub async fn last_scheduled(&self, pipeline: &str) -> Result<Option<ScheduledRun>, StoreError> {
        let params = Params::none().with("pipeline", pipeline);
        self.row(&LAST_SCHEDULED, &params, decode_scheduled).await
    }

    /// The last run of a pipeline by `trigger` that was not skipped.
    ///
    /// # Errors
    /// [`StoreError::Db`].
    pub async fn last_begun(&self, pipeline: &str, trigger: Trigger) -> Result<Option<ScheduledRun>, StoreError> {
        let params = Params::none()
            .with("pipeline", pipeline)
            .with("trigger_kind", trigger.as_str());
        self.row(&LAST_BEGUN, &params, decode_scheduled).await
    }

    /// The latest `limit` runs, newest first.
    ///
    /// # Errors
    /// [`StoreError::Db`].
    pub async fn runs(&self, limit: u32) -> Result<Vec<LedgerRun>, StoreError> {
        let params = Params::none().with("limit", limit);
        self.rows(&LIST, &params, decode).await
    }

    /// One run, or None.
    ///
    /// # Errors
    /// [`StoreError::Db`].
    pub async fn run(&self, run_id: &str) -> Result<Option<LedgerRun>, StoreError> {
        let params = Params::none().with("run_id", run_id);
        self.row(&BY_ID, &params, decode).await
    }

    /// The committed transactions of one run, in order.
    ///
    /// # Errors
    /// [`StoreError::Db`].
    pub async fn chunks(&self, run_id: &str) -> Result<Vec<LedgerChunk>, StoreError> {
        let params = Params::none().with("run_id", run_id);
        self.rows(&CHUNKS, &params, decode_chunk).await
    }
}
