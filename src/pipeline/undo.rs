//! Undo: each workout that a run changed returns to what it was before.
//!
//! Why: a bad model has relabelled a thousand workouts, and somebody notices in the morning. What it did is
//! not erased: the way back is one more run, recorded as history like any other, and can itself be undone.
//!
//! Invariants: a workout that anything newer has touched, or that a person has set, is left and listed; a
//! workout that was new in the run keeps its label, because history cannot say that it never had one; what is
//! written is sealed and replays as any verdict does.
//!
//! Not undone: a verdict that was only refreshed (the same label by another model or with another confidence)
//! is in no history, unless `audit.log = "all"` recorded it.
//!
//! Must not know: how a report is printed.

pub mod report;

use tracing::Instrument;

use crate::audit::chain::Link;
use crate::id::RunId;
use crate::store::runs::{LedgerRun, OutcomeCounts, RowCounts, RunOutcome};
use crate::store::undo::{PastVerdict, Touched};
use crate::store::workouts::Window;
use crate::store::write::VerdictChunk;
use crate::store::{Store, StoreError};
use crate::vocab::{RunStatus, Trigger};

use super::lease::{self, Lease, Refused};
use super::run::check_privileges;
use super::{Ambient, Kind, RETRIES, RunError, adopt, retrying, spans};
use report::{UndoReport, chunks, report, verdict};

/// What the caller may say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UndoOptions {
    /// Who undoes it, for the history.
    pub user: String,
    /// Why, for the history.
    pub reason: Option<String>,
    /// Takes the pipeline from whoever holds it.
    pub take_over: bool,
}

fn failed(stage: &'static str) -> impl Fn(StoreError) -> RunError {
    move |error| RunError::store(stage, error)
}

/// What an undo of a run would do; writes nothing.
///
/// # Errors
/// [`RunError`] of kind data where there is no such run.
pub async fn plan_undo(store: &Store, run_id: &str) -> Result<UndoReport, RunError> {
    let run = known(store, run_id).await?;
    let touched = store.touched_by(run_id).await.map_err(failed("load"))?;
    report(store, &run, &touched, None, "planned").await
}

/// Undoes a run.
///
/// # Errors
/// [`RunError`]: of kind data where there is no such run, of kind lease held while it, or another run of its
/// pipeline, is still going on.
pub async fn undo(
    store: &Store,
    run_id: &str,
    options: &UndoOptions,
    ambient: &Ambient,
) -> Result<UndoReport, RunError> {
    let run = known(store, run_id).await?;
    check_privileges(store).await?;
    let own = RunId::generate(ambient.now(), (ambient.entropy)());
    let span = spans::of_run(&own, &run.pipeline, Trigger::Manual);
    held(store, &own, &run, options, ambient).instrument(span).await
}

/// Takes the pipeline, undoes the run, and gives it back.
async fn held(
    store: &Store,
    own: &RunId,
    run: &LedgerRun,
    options: &UndoOptions,
    ambient: &Ambient,
) -> Result<UndoReport, RunError> {
    let run_id = run.run_id.as_str();
    let lease = match Lease::acquire(store, &run.pipeline, own, options.take_over, ambient).await {
        Ok(lease) => lease,
        Err(Refused::Failed(error)) => return Err(error),
        Err(Refused::Held(row)) if row.run_id.as_deref() == Some(run_id) => {
            let found = format!(
                "run {run_id} is still going on: {}",
                lease::held_sentence(&run.pipeline, &row)
            );
            let hint = "wait for its end, then undo it; --take-over ends it first";
            return Err(RunError::new("lease", Kind::LeaseHeld, found, hint));
        }
        Err(Refused::Held(row)) => return Err(lease::held(&run.pipeline, &row)),
    };
    let result = under(&lease, own, run, options, ambient).await;
    lease.release(ambient.now()).await;
    result
}

async fn known(store: &Store, run_id: &str) -> Result<LedgerRun, RunError> {
    let found = store.run(run_id).await.map_err(failed("look up"))?;
    found.ok_or_else(|| {
        let hint = "`paceline runs list` shows those there are; imports and people's answers are no runs";
        RunError::new("look up", Kind::Data, format!("there is no run '{run_id}'"), hint)
    })
}

async fn under(
    lease: &Lease,
    own: &RunId,
    run: &LedgerRun,
    options: &UndoOptions,
    ambient: &Ambient,
) -> Result<UndoReport, RunError> {
    let store = lease.store();
    let touched = store.touched_by(&run.run_id).await.map_err(failed("load"))?;
    let planned = report(&store, run, &touched, None, "succeeded").await?;
    if planned.workouts.restored == 0 {
        return Ok(planned);
    }
    let ledger = lease.ledger();
    let everything = Window::default();
    let started = ledger.start_run(own, &run.pipeline, Trigger::Manual, everything, ambient.now());
    started.await.map_err(failed("start"))?;
    let undoing = Undoing {
        store: &store,
        own,
        run,
        options,
        ambient,
    };
    let result = retrying(RETRIES, || undoing.attempt()).await;
    let written = undoing.committed().await;
    let outcome = outcome_of(&result, run, written, ambient);
    let closed = ledger.finish_run(own, &outcome).await;
    if let Err(error) = &closed {
        tracing::warn!(%error, "the ledger could not be told how the undo ended");
    }
    let report = result?;
    closed.map_err(failed("finish"))?;
    Ok(UndoReport {
        rows_written: written.1,
        ..report
    })
}

struct Undoing<'a> {
    store: &'a Store,
    own: &'a RunId,
    run: &'a LedgerRun,
    options: &'a UndoOptions,
    ambient: &'a Ambient,
}

impl Undoing<'_> {
    /// Restores what is not restored yet. The head goes first: whoever writes between makes it collide.
    async fn attempt(&self) -> Result<UndoReport, RunError> {
        adopt::before_writing(self.store, self.ambient).await?;
        let mut head = self.store.chain_head().await.map_err(failed("load"))?;
        let touched = self.store.touched_by(&self.run.run_id).await.map_err(failed("load"))?;
        let report = report(self.store, self.run, &touched, Some(self.own), "succeeded").await?;
        let mut chunk_no = self.committed().await.0;
        for chunk in chunks(&touched) {
            let done = || format!("{chunk_no} transactions are written");
            self.ambient.stop.check("write", done)?;
            head = self.write(chunk_no, &chunk, &head).await?;
            chunk_no += 1;
        }
        Ok(report)
    }

    async fn write(&self, chunk_no: u32, rows: &[(&Touched, &PastVerdict)], head: &Link) -> Result<Link, RunError> {
        let model = rows.first().and_then(|(_, before)| {
            let version = before.model_version.as_deref().unwrap_or_default();
            before.model_id.as_deref().map(|id| (id, version))
        });
        let mut reason = format!("undo of {}", self.run.run_id);
        if let Some(why) = &self.options.reason {
            reason.push_str(": ");
            reason.push_str(why);
        }
        let chunk = VerdictChunk {
            run: Some((self.own, chunk_no)),
            model,
            changed_by: &self.options.user,
            reason: &reason,
            now: self.ambient.now(),
            log_refreshed: true,
            verdicts: rows.iter().map(|(row, before)| verdict(row, before)).collect(),
        };
        self.ambient.reached("before_chunk");
        let written = self.store.write_verdicts(&chunk, head).await.map_err(failed("write"))?;
        self.ambient.reached("after_chunk");
        Ok(written.head)
    }

    /// Transactions and rows that this undo has committed, as the ledger has them.
    async fn committed(&self) -> (u32, u64) {
        match self.store.chunks(self.own.as_str()).await {
            Ok(chunks) => {
                let rows = chunks.iter().map(|chunk| chunk.rows_written.max(0) as u64).sum();
                (chunks.len() as u32, rows)
            }
            Err(error) => {
                tracing::warn!(%error, "the transactions could not be counted");
                (0, 0)
            }
        }
    }
}

fn outcome_of(
    result: &Result<UndoReport, RunError>,
    run: &LedgerRun,
    (chunks, rows_written): (u32, u64),
    ambient: &Ambient,
) -> RunOutcome {
    let report = result.as_ref().ok();
    let touched = report.map_or(0, |report| report.rows.len() as u64);
    let restored = report.map_or(0, |report| report.workouts.restored);
    let detail = serde_json::json!({"undo_of": run.run_id, "workouts": report.map(|report| report.workouts)});
    RunOutcome {
        status: match result {
            Ok(_) => RunStatus::Succeeded,
            Err(_) if chunks > 0 => RunStatus::Partial,
            Err(_) => RunStatus::Failed,
        },
        finished_at: ambient.now(),
        model: None,
        decision: None,
        rows: RowCounts {
            read: touched,
            classified: touched,
            ..RowCounts::default()
        },
        changes: OutcomeCounts {
            changed: restored,
            unchanged: touched - restored,
            ..OutcomeCounts::default()
        },
        rows_written,
        matrix: report.and_then(|report| serde_json::to_string(&report.matrix).ok()),
        detail: Some(detail.to_string()),
        failure: result.as_ref().err().map(Into::into),
    }
}
