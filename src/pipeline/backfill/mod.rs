//! Backfill: a range of dates, classified a window at a time by one model.
//!
//! Why: ten years of workouts are more than one transaction, and more than one evening; a backfill is bounded
//! in memory (see [`SLICE_ROWS`]), can be killed at any instant and goes on where it stopped, and what fails in one window stays
//! in that window.
//!
//! Invariants: one model for all windows: it is chosen before the first, checked in each transaction, and
//! where another has become active the backfill stops; resumed, it does again what another model than the one
//! then chosen has done. The churn gate looks at the whole backfill, before the first write. Everything is
//! written under the pipeline's lease.
//!
//! Must not know: how a report is printed.

mod ahead;
mod engine;
mod own;
pub mod report;
mod sample;
mod scene;
mod start;
mod window;
pub mod windows;
mod work;

use tracing::{Instrument, info_span};

use crate::config::Pipeline;
use crate::id::RunId;
use crate::store::runs::{RunFailure, RunOutcome};
use crate::store::workouts::Window;
use crate::store::{Store, StoreError, privileges};
use crate::time::WorkoutDate;
use crate::vocab::{RunStatus, Trigger};

use super::lease::{self, Lease, Refused};
use super::prepare::Options;
use super::run::check_privileges;
use super::{Ambient, RETRIES, RunError, adopt, memory, retrying, spans};
use ahead::Cutting;
pub use ahead::SLICE_ROWS;
use engine::{Engine, Setup};
use report::{BackfillReport, Totals, WindowCounts};
pub use sample::TRAINING_ROWS;
use scene::{Scene, idle, nothing};
use start::{Resolved, resolve};
use windows::{DateWindow, Span};

/// The most windows, or slices of one, that are prepared side by side.
pub const MAX_CONCURRENCY: usize = 8;
/// The most failed windows that the ledger lists.
const LEDGER_FAILURES: usize = 100;

/// What becomes of an unfinished backfill of the same pipeline, range and window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Start {
    /// It is refused: the person must say.
    #[default]
    Ask,
    /// It goes on; where there is none, one begins.
    Resume,
    /// It is given up, and one begins.
    Restart,
}

/// Which windows are done again that have been tried before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reprocess {
    /// None.
    #[default]
    None,
    /// Those that failed.
    Failed,
    /// Those that failed and those that are done.
    Completed,
}

/// What the caller may say beside the pipeline file.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct BackfillOptions {
    /// Inclusive; None: the pipeline's, or the first workout's.
    pub from: Option<WorkoutDate>,
    /// Exclusive; None: the pipeline's, or the last workout's.
    pub to: Option<WorkoutDate>,
    /// The length of a window; None: a month.
    pub span: Option<Span>,
    /// Windows, or slices of one, that are prepared side by side, 1 to [`MAX_CONCURRENCY`].
    pub concurrency: usize,
    /// The most workouts of a window that are in memory at once; None: [`SLICE_ROWS`].
    pub slice_rows: Option<usize>,
    /// The newest window first.
    pub newest_first: bool,
    /// What becomes of an unfinished one.
    pub start: Start,
    /// Which windows are done again.
    pub reprocess: Reprocess,
    /// Retraining, algorithm, seed, notes, churn, takeover; its window is not looked at.
    pub run: Options,
    /// The command line without range and window, for hints.
    pub command: String,
}

impl BackfillOptions {
    pub(super) fn cutting(&self) -> Cutting {
        Cutting {
            concurrency: self.concurrency.clamp(1, MAX_CONCURRENCY),
            slice_rows: self.slice_rows.unwrap_or(SLICE_ROWS).max(1),
        }
    }
}

/// Why there is no report.
#[derive(Debug)]
pub enum Failure {
    /// What was asked for means nothing, or more than one thing.
    Usage(String),
    /// It failed.
    Run(RunError),
}

impl From<RunError> for Failure {
    fn from(error: RunError) -> Self {
        Self::Run(error)
    }
}

/// Does a backfill. Windows that fail are in the report.
///
/// # Errors
/// [`Failure`]; what was written before an error stays, and the ledger has it.
pub async fn backfill(
    store: &Store,
    pipeline: &Pipeline,
    options: &BackfillOptions,
    ambient: &Ambient,
) -> Result<BackfillReport, Failure> {
    memory::allows_backfill(pipeline, options)?;
    check_privileges(store).await?;
    let needs = store.require(&privileges::BACKFILL).await;
    needs.map_err(|error| RunError::store("start", error))?;
    // Once before the pipeline is held, so that a refusal leaves no trace; what counts is the look after that.
    if resolve(store, pipeline, options).await?.is_none() {
        return Ok(nothing(pipeline, options));
    }
    let run_id = RunId::generate(ambient.now(), (ambient.entropy)());
    let span = spans::of_run(&run_id, &pipeline.name, Trigger::Backfill);
    held(store, &run_id, pipeline, options, ambient).instrument(span).await
}

/// Takes the pipeline, does the backfill, and gives it back.
async fn held(
    store: &Store,
    run_id: &RunId,
    pipeline: &Pipeline,
    options: &BackfillOptions,
    ambient: &Ambient,
) -> Result<BackfillReport, Failure> {
    let take_over = options.run.take_over;
    let lease = match Lease::acquire(store, &pipeline.name, run_id, take_over, ambient).await {
        Ok(lease) => lease,
        Err(Refused::Failed(error)) => return Err(error.into()),
        Err(Refused::Held(row)) => return Err(lease::held(&pipeline.name, &row).into()),
    };
    let result = under(&lease, run_id, pipeline, options, ambient).await;
    lease.release(ambient.now()).await;
    result
}

/// What a backfill would do, window by window; writes nothing.
///
/// # Errors
/// [`Failure`].
pub async fn plan_backfill(
    store: &Store,
    pipeline: &Pipeline,
    options: &BackfillOptions,
    ambient: &Ambient,
) -> Result<BackfillReport, Failure> {
    memory::allows_backfill(pipeline, options)?;
    let Some(resolved) = resolve(store, pipeline, options).await? else {
        return Ok(nothing(pipeline, options));
    };
    if resolved.is_idle(options) {
        let idle = idle(pipeline, options, &resolved);
        return Ok(BackfillReport {
            status: "planned",
            ..idle
        });
    }
    let scene = Scene::set(store, pipeline, options, resolved, ambient).await?;
    let (totals, planned) = scene.compare(store, ambient).await?;
    let churn = totals.churn();
    let failed = scene.failed_before();
    Ok(BackfillReport {
        stopped_by_churn: scene.is_too_much(churn),
        planned,
        windows: scene.counts(0, &failed),
        failed,
        ..scene.report(&totals, "planned")
    })
}

async fn under(
    lease: &Lease,
    run_id: &RunId,
    pipeline: &Pipeline,
    options: &BackfillOptions,
    ambient: &Ambient,
) -> Result<BackfillReport, Failure> {
    let store = lease.store();
    let Some(resolved) = resolve(&store, pipeline, options).await? else {
        return Ok(nothing(pipeline, options));
    };
    if resolved.is_idle(options) {
        return Ok(idle(pipeline, options, &resolved));
    }
    let ledger = lease.ledger();
    let window = Window::from(DateWindow {
        from: resolved.from,
        to: resolved.to,
    });
    let started = ledger.start_run(run_id, &pipeline.name, Trigger::Backfill, window, ambient.now());
    started.await.map_err(|error| RunError::store("start", error))?;
    let mut totals = Totals::default();
    let result = execute(&store, run_id, pipeline, options, resolved, &mut totals, ambient).await;
    let outcome = outcome_of(&result, &totals, ambient);
    let closed = ledger.finish_run(run_id, &outcome).await;
    match (result, closed) {
        (Ok(report), Ok(())) => Ok(report),
        (Ok(_), Err(error)) => Err(RunError::store("finish", error).into()),
        (Err(error), closed) => {
            if let Err(ledger) = closed {
                tracing::warn!(error = %ledger, "the ledger could not be told that the backfill failed");
            }
            Err(error.into())
        }
    }
}

async fn execute(
    store: &Store,
    run_id: &RunId,
    pipeline: &Pipeline,
    options: &BackfillOptions,
    resolved: Resolved,
    totals: &mut Totals,
    ambient: &Ambient,
) -> Result<BackfillReport, RunError> {
    retrying(RETRIES, || adopt::before_writing(store, ambient))
        .instrument(info_span!("adopt"))
        .await?;
    let scene = Scene::set(store, pipeline, options, resolved, ambient);
    let scene = scene.instrument(info_span!("choose")).await?;
    ambient.reached("after_train");
    scene
        .gate(store, run_id, ambient)
        .instrument(info_span!("gate"))
        .await?;
    scene
        .activate(store, run_id, ambient)
        .instrument(info_span!("activate"))
        .await?;
    ambient.reached("after_activate");
    let backfill_id = scene.enter(store, run_id, ambient).await?;
    ambient.reached("after_windows");
    let mut engine = Engine::new(Setup {
        pipeline,
        ambient,
        run_id,
        backfill_id: &backfill_id,
        model: scene.model_ref(),
        preparer: scene.preparer(store, ambient),
        cutting: options.cutting(),
        command: &options.command,
    });
    let rows = scene.rows_to_read(store).await?;
    let worked = engine.work(&scene.jobs, rows).instrument(info_span!("windows")).await;
    totals.clone_from(&engine.totals);
    let stopped = match worked {
        Ok(()) => None,
        Err(error) if is_other_model(&error) => Some(format!(
            "{error}; go on with --resume, which does the windows again that another model has done"
        )),
        Err(error) => return Err(error),
    };
    let mut failed = scene.failed_before();
    failed.append(&mut engine.failed);
    failed.sort_by_key(|window| window.window_no);
    let windows = scene.counts(engine.completed, &failed);
    let status = match windows {
        WindowCounts { failed: 0, left: 0, .. } => "succeeded",
        WindowCounts { completed: 0, .. } if totals.chunks == 0 => "failed",
        _ => "partial",
    };
    let retry = (!failed.is_empty()).then(|| format!("{} --resume --reprocess failed", scene.command()));
    Ok(BackfillReport {
        run_id: Some(run_id.to_string()),
        backfill_id: Some(backfill_id),
        windows,
        failed,
        retry,
        stopped,
        ..scene.report(totals, status)
    })
}

fn is_other_model(error: &RunError) -> bool {
    matches!(error.source.downcast_ref(), Some(StoreError::LostRace { .. }))
}

fn outcome_of(result: &Result<BackfillReport, RunError>, totals: &Totals, ambient: &Ambient) -> RunOutcome {
    let status = match result {
        Ok(report) if report.status == "succeeded" => RunStatus::Succeeded,
        Ok(report) if report.status == "partial" => RunStatus::Partial,
        Err(_) if totals.chunks > 0 => RunStatus::Partial,
        Ok(_) | Err(_) => RunStatus::Failed,
    };
    let report = result.as_ref().ok();
    let model = report.and_then(|report| report.model.as_ref());
    let failure = match result {
        Err(error) => Some(error.into()),
        Ok(report) => failure_of(report),
    };
    let detail = report.map(|report| {
        let failed = &report.failed[..report.failed.len().min(LEDGER_FAILURES)];
        serde_json::json!({
            "backfill_id": report.backfill_id,
            "window": report.window,
            "windows": report.windows,
            "failed": failed,
            "skipped": report.skipped,
        })
    });
    RunOutcome {
        status,
        finished_at: ambient.now(),
        model: model.and_then(|model| model.model_id.clone().zip(model.model_version.clone())),
        decision: report.and_then(|report| serde_json::to_string(&report.decision).ok()),
        rows: totals.rows,
        changes: totals.changes,
        rows_written: totals.rows_written,
        matrix: serde_json::to_string(&totals.matrix_cells()).ok(),
        detail: detail.map(|detail| detail.to_string()),
        failure,
    }
}

/// What the ledger says of a backfill that came to its end and did not do everything.
fn failure_of(report: &BackfillReport) -> Option<RunFailure> {
    let WindowCounts {
        total, failed, left, ..
    } = report.windows;
    if failed + left == 0 {
        return None;
    }
    let why = report
        .stopped
        .as_deref()
        .map(|why| format!(": {why}"))
        .unwrap_or_default();
    Some(RunFailure {
        stage: "backfill".to_owned(),
        kind: if report.stopped.is_some() { "stopped" } else { "windows" }.to_owned(),
        message: format!("of {total} windows, {failed} failed and {left} are left{why}"),
    })
}
