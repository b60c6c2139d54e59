//! Backfill: a range of dates, classified a window at a time by one model.
//!
//! Why: ten years of workouts are more than one transaction, and more than one evening; a backfill is bounded
//! in memory, can be killed at any instant and goes on where it stopped, and what fails in one window stays
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
mod start;
mod window;
pub mod windows;

use std::sync::Arc;

use crate::config::Pipeline;
use crate::id::RunId;
use crate::stage::model::Model;
use crate::store::backfill::{NewBackfill, Reopen};
use crate::store::lifecycle::Registration;
use crate::store::runs::{RunFailure, RunOutcome};
use crate::store::workouts::Window;
use crate::store::{Store, StoreError, privileges};
use crate::time::WorkoutDate;
use crate::vocab::{RunStatus, Trigger};

use super::choose::{Choice, Chooser, Chosen};
use super::lease::{self, Lease, Refused};
use super::prepare::Options;
use super::report::{decision_of, model_of, outcome_counts};
use super::run::{check_privileges, register};
use super::write::rows_of;
use super::{Ambient, Kind, RETRIES, RunError, retrying};
use ahead::Ahead;
use engine::{Engine, Setup, retry_one};
use report::{BackfillReport, FailedWindow, Totals, WindowCounts, WindowPlan};
use start::{Job, Resolved, Way, command, resolve};
use window::Preparer;
use windows::{DateWindow, Span, shown};

/// The most windows that are prepared side by side.
pub const MAX_CONCURRENCY: usize = 8;
/// The most stretches of windows that are counted one by one for the progress bar.
const COUNTED_STRETCHES: usize = 32;
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
    /// Windows that are prepared side by side, 1 to [`MAX_CONCURRENCY`].
    pub concurrency: usize,
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
    check_privileges(store).await?;
    let needs = store.require(&privileges::BACKFILL).await;
    needs.map_err(|error| RunError::store("start", error))?;
    let run_id = RunId::generate(ambient.now(), (ambient.entropy)());
    let take_over = options.run.take_over;
    let lease = match Lease::acquire(store, &pipeline.name, &run_id, take_over, ambient).await {
        Ok(lease) => lease,
        Err(Refused::Failed(error)) => return Err(error.into()),
        Err(Refused::Held(row)) => return Err(lease::held(&pipeline.name, &row).into()),
    };
    let result = under(&lease, &run_id, pipeline, options, ambient).await;
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
    let Some(resolved) = resolve(store, pipeline, options).await? else {
        return Ok(nothing(pipeline, options));
    };
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
                tracing::warn!(run_id = run_id.as_str(), error = %ledger, "the ledger could not be told that the backfill failed");
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
    let scene = Scene::set(store, pipeline, options, resolved, ambient).await?;
    ambient.reached("after_train");
    scene.gate(store, ambient).await?;
    scene.activate(store).await?;
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
        concurrency: options.concurrency.clamp(1, MAX_CONCURRENCY),
        command: &options.command,
    });
    let rows = scene.rows_to_read(store).await?;
    let worked = engine.work(&scene.jobs, rows).await;
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

/// A backfill's model, its windows, and what of them is to be done.
struct Scene<'a> {
    pipeline: &'a Pipeline,
    options: &'a BackfillOptions,
    resolved: Resolved,
    seen_active: Option<String>,
    chosen: Chosen,
    model: Arc<Model>,
    decision: String,
    jobs: Vec<Job>,
}

impl<'a> Scene<'a> {
    /// Chooses the model.
    async fn set(
        store: &Store,
        pipeline: &'a Pipeline,
        options: &'a BackfillOptions,
        resolved: Resolved,
        ambient: &Ambient,
    ) -> Result<Self, RunError> {
        let seed = options.run.seed.unwrap_or(pipeline.seed);
        let attempt = || async {
            let chooser = Chooser::new(store, pipeline, &options.run, ambient).await?;
            let choice = sample::choose(store, pipeline, &chooser, seed, ambient).await?;
            Ok((choice, chooser.active_id()))
        };
        let (choice, seen_active) = retrying(RETRIES, attempt).await?;
        let Choice {
            chosen,
            model,
            decision,
        } = choice;
        let model_id = chosen.model_ref().map(|(id, _)| id);
        let jobs = resolved.jobs(options, model_id);
        Ok(Self {
            pipeline,
            options,
            resolved,
            seen_active,
            model: Arc::new(model),
            decision,
            jobs,
            chosen,
        })
    }

    fn model_ref(&self) -> Option<(String, String)> {
        let owned = |(id, version): (&str, &str)| (id.to_owned(), version.to_owned());
        self.chosen.model_ref().map(owned)
    }

    fn preparer(&self, store: &Store, ambient: &Ambient) -> Preparer {
        Preparer {
            store: store.clone(),
            activities: Arc::new(self.pipeline.activities.clone()),
            model: Arc::clone(&self.model),
            model_id: self.model_ref().map(|(id, _)| id),
            ambient: ambient.clone(),
        }
    }

    fn command(&self) -> String {
        let Resolved { from, to, span, .. } = &self.resolved;
        command(&self.options.command, *from, *to, &span.to_string())
    }

    /// What every window would write, all together and one by one; nothing is written.
    async fn compare(&self, store: &Store, ambient: &Ambient) -> Result<(Totals, Vec<WindowPlan>), RunError> {
        let mut totals = Totals::default();
        let mut plans = Vec::with_capacity(self.jobs.len());
        ambient.progress.begin("comparing", self.rows_to_read(store).await?);
        let concurrency = self.options.concurrency.clamp(1, MAX_CONCURRENCY);
        let windows = self.jobs.iter().map(|job| job.window);
        let mut ahead = Ahead::new(self.preparer(store, ambient), windows, concurrency);
        for job in &self.jobs {
            let Some(ready) = ahead.next().await else { break };
            let ready = ready?;
            let rows_written = rows_of(&ready.changes, self.pipeline.log_refreshed);
            totals.add_planned(&ready, rows_written);
            plans.push(WindowPlan {
                window_no: job.window_no,
                from: shown(job.window.from),
                to: shown(job.window.to),
                rows: ready.rows,
                changes: outcome_counts(&ready.changes.counts),
                rows_written,
            });
            ambient.progress.at(totals.rows.read);
        }
        ambient.progress.end();
        Ok((totals, plans))
    }

    fn is_too_much(&self, churn: f64) -> bool {
        churn > self.pipeline.max_churn && !self.options.run.accept_churn
    }

    /// Stops a backfill that would relabel too much, before anything is written. Its windows are looked at
    /// together: in a month of three workouts one of them is a third.
    async fn gate(&self, store: &Store, ambient: &Ambient) -> Result<(), RunError> {
        let load = |error: StoreError| RunError::store("load", error);
        if self.options.run.accept_churn || !store.has_classifications().await.map_err(load)? {
            return Ok(());
        }
        let (totals, _) = retrying(RETRIES, || self.compare(store, ambient)).await?;
        if !self.is_too_much(totals.churn()) {
            return Ok(());
        }
        let found = format!(
            "{} of the already classified workouts ({:.1} %) would get another label; gate.max_churn allows {:.1} %",
            totals.changes.changed,
            totals.churn() * 100.0,
            self.pipeline.max_churn * 100.0
        );
        if let Chosen::Fresh(fresh) = &self.chosen {
            let note = format!("stopped by the churn gate: {found}");
            register(store, fresh, &Registration::Archive, Some(note)).await?;
        }
        let hint =
            "nothing was classified; look at it with --dry-run, then do it with --accept-churn or raise gate.max_churn";
        Err(RunError::new("gate", Kind::Gate, found, hint))
    }

    async fn activate(&self, store: &Store) -> Result<(), RunError> {
        let Chosen::Fresh(fresh) = &self.chosen else {
            return Ok(());
        };
        let registration = Registration::Activate {
            seen_active: self.seen_active.clone(),
        };
        register(store, fresh, &registration, None).await
    }

    /// Enters the windows of a new backfill, or opens those of an old one again; its id.
    async fn enter(&self, store: &Store, run_id: &RunId, ambient: &Ambient) -> Result<String, RunError> {
        let now = ambient.now();
        let failed = |error: StoreError| RunError::store("start", error);
        let Resolved { span, windows, way, .. } = &self.resolved;
        match way {
            Way::Resume { backfill_id } => {
                let model = self.model_ref();
                let which = Reopen {
                    failed: self.options.reprocess != Reprocess::None,
                    completed: self.options.reprocess == Reprocess::Completed,
                    model_id: model.as_ref().map(|(id, _)| id.as_str()),
                };
                let reopened = retrying(RETRIES, || async {
                    store.reopen_windows(backfill_id, which, now).await.map_err(failed)
                });
                reopened.await?;
                Ok(backfill_id.clone())
            }
            Way::Anew { instead_of } => {
                let windows: Vec<(WorkoutDate, WorkoutDate)> = windows.iter().map(|w| (w.from, w.to)).collect();
                let span = span.to_string();
                let new = NewBackfill {
                    backfill_id: run_id,
                    pipeline: &self.pipeline.name,
                    span: &span,
                    windows: &windows,
                    instead_of,
                    now,
                };
                store.begin_backfill(&new).await.map_err(failed)?;
                Ok(run_id.to_string())
            }
        }
    }

    /// How many workouts the windows to do hold; None where they are too scattered to be counted cheaply.
    async fn rows_to_read(&self, store: &Store) -> Result<Option<u64>, RunError> {
        let mut sorted: Vec<DateWindow> = self.jobs.iter().map(|job| job.window).collect();
        sorted.sort();
        let mut stretches: Vec<DateWindow> = Vec::new();
        for window in sorted {
            match stretches.last_mut().filter(|last| last.to == window.from) {
                Some(last) => last.to = window.to,
                None => stretches.push(window),
            }
        }
        if stretches.len() > COUNTED_STRETCHES {
            return Ok(None);
        }
        let mut rows = 0;
        for stretch in stretches {
            let count = store.count_workouts(stretch.into()).await;
            rows += count.map_err(|error| RunError::store("load", error))?;
        }
        Ok(Some(rows))
    }

    /// Windows that failed in an earlier run and are not tried again.
    fn failed_before(&self) -> Vec<FailedWindow> {
        let again = |number: u32| self.jobs.iter().any(|job| job.window_no == number);
        let failed = |window: &crate::store::backfill::StoredWindow| {
            let failure = window.failure.clone()?;
            let job = Job {
                window_no: window.window_no,
                window: DateWindow {
                    from: window.from,
                    to: window.to,
                },
                attempts: window.attempts.max(0) as u64,
            };
            Some(FailedWindow {
                window_no: job.window_no,
                from: shown(window.from),
                to: shown(window.to),
                attempts: job.attempts,
                failure,
                retry: retry_one(&self.options.command, &job),
            })
        };
        let left = self
            .resolved
            .windows
            .iter()
            .filter(|w| w.status == "failed" && !again(w.window_no));
        left.filter_map(failed).collect()
    }

    fn counts(&self, completed: u64, failed: &[FailedWindow]) -> WindowCounts {
        let total = self.resolved.windows.len() as u64;
        let done = self.resolved.windows.iter().filter(|w| w.status == "completed").count() as u64;
        let again = |job: &&Job| {
            self.resolved
                .windows
                .get(job.window_no as usize)
                .is_some_and(|w| w.status == "completed")
        };
        let already = done - self.jobs.iter().filter(again).count() as u64;
        let failed = failed.len() as u64;
        WindowCounts {
            total,
            completed,
            already,
            failed,
            left: total - completed - already - failed,
        }
    }

    fn report(&self, totals: &Totals, status: &'static str) -> BackfillReport {
        BackfillReport {
            window_from: Some(shown(self.resolved.from)),
            window_to: Some(shown(self.resolved.to)),
            window: self.resolved.span.to_string(),
            status,
            rows: totals.rows,
            changes: totals.changes,
            churn: totals.churn(),
            rows_written: totals.rows_written,
            matrix: totals.matrix_cells(),
            decision: Some(decision_of(&self.chosen, &self.decision)),
            model: Some(model_of(&self.chosen, &self.model, self.chosen.model_ref().is_some())),
            skipped: totals.skipped.clone(),
            chunks: totals.chunks,
            ..nothing(self.pipeline, self.options)
        }
    }
}

/// The report of a backfill of nothing.
fn nothing(pipeline: &Pipeline, options: &BackfillOptions) -> BackfillReport {
    BackfillReport {
        run_id: None,
        backfill_id: None,
        pipeline: pipeline.name.clone(),
        status: "succeeded",
        window_from: None,
        window_to: None,
        window: options.span.unwrap_or(Span::MONTH).to_string(),
        windows: WindowCounts::default(),
        rows: Default::default(),
        changes: Default::default(),
        churn: 0.0,
        stopped_by_churn: false,
        rows_written: 0,
        matrix: Vec::new(),
        decision: None,
        model: None,
        skipped: Default::default(),
        chunks: 0,
        failed: Vec::new(),
        retry: None,
        stopped: None,
        planned: Vec::new(),
    }
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
