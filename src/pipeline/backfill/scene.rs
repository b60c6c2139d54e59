//! A backfill's model and windows, before and beside the writing.
//!
//! Why: a plan and a backfill agree because both stand here; what differs is only whether the windows are
//! written.
//!
//! Invariants: the model is chosen once; the gate is asked before anything is registered for good.
//!
//! Must not know: how a window is written.

use std::sync::Arc;

use crate::config::Pipeline;
use crate::id::RunId;
use crate::stage::model::Model;
use crate::store::backfill::{NewBackfill, Reopen, StoredWindow};
use crate::store::lifecycle::Registration;
use crate::store::taught::Answered;
use crate::store::{Store, StoreError};
use crate::time::WorkoutDate;

use super::super::choose::{Choice, Chooser, Chosen};
use super::super::gate::Gated;
use super::super::report::{decision_of, model_of};
use super::super::run::Desk;
use super::super::write::rows_of;
use super::super::{Ambient, Kind, RETRIES, RunError, retrying};
use super::ahead::Ahead;
use super::engine::retry_one;
use super::report::{BackfillReport, FailedWindow, Totals, WindowCounts, WindowPlan};
use super::sample::{self, Judged};
use super::start::{Job, Resolved, Way, command};
use super::window::Preparer;
use super::windows::{DateWindow, Span, shown};
use super::{BackfillOptions, Reprocess};

/// The most stretches of windows that are counted one by one for the progress bar.
const COUNTED_STRETCHES: usize = 32;

/// A backfill's model, its windows, and what of them is to be done.
pub(super) struct Scene<'a> {
    pipeline: &'a Pipeline,
    options: &'a BackfillOptions,
    resolved: Resolved,
    seen_active: Option<String>,
    chosen: Chosen,
    model: Arc<Model>,
    decision: String,
    gate: Option<Gated>,
    refused_before: bool,
    again: Option<Answered>,
    pub jobs: Vec<Job>,
}

impl<'a> Scene<'a> {
    /// Chooses the model.
    pub async fn set(
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
        let (judged, seen_active) = retrying(RETRIES, attempt).await?;
        let Judged {
            choice:
                Choice {
                    chosen,
                    model,
                    decision,
                    again,
                },
            gate,
            refused_before,
        } = judged;
        let model_id = chosen.model_ref().map(|(id, _)| id);
        let jobs = resolved.jobs(options, model_id);
        Ok(Self {
            pipeline,
            options,
            resolved,
            seen_active,
            model: Arc::new(model),
            decision,
            gate,
            refused_before,
            again,
            jobs,
            chosen,
        })
    }

    pub fn model_ref(&self) -> Option<(String, String)> {
        let owned = |(id, version): (&str, &str)| (id.to_owned(), version.to_owned());
        self.chosen.model_ref().map(owned)
    }

    pub fn preparer(&self, store: &Store, ambient: &Ambient) -> Preparer {
        Preparer {
            store: store.clone(),
            activities: Arc::new(self.pipeline.activities.clone()),
            model: Arc::clone(&self.model),
            model_id: self.model_ref().map(|(id, _)| id),
            ambient: ambient.clone(),
        }
    }

    pub fn command(&self) -> String {
        let Resolved { from, to, span, .. } = &self.resolved;
        command(&self.options.command, *from, *to, &span.to_string())
    }

    /// What every window would write, all together and one by one; nothing is written.
    pub async fn compare(&self, store: &Store, ambient: &Ambient) -> Result<(Totals, Vec<WindowPlan>), RunError> {
        let mut totals = Totals::default();
        let mut plans = Vec::with_capacity(self.jobs.len());
        ambient.progress.begin("comparing", self.rows_to_read(store).await?);
        let windows = self.jobs.iter().map(|job| job.window);
        let mut ahead = Ahead::new(self.preparer(store, ambient), windows, self.options.cutting());
        for job in &self.jobs {
            let mut window = Totals::default();
            while let Some(slice) = ahead.next().await {
                let ready = slice.prepared?;
                window.add_planned(&ready, rows_of(&ready.changes, self.pipeline.log_refreshed));
                ambient.progress.at(totals.rows.read + window.rows.read);
                if slice.is_last {
                    break;
                }
            }
            plans.push(WindowPlan {
                window_no: job.window_no,
                from: shown(job.window.from),
                to: shown(job.window.to),
                rows: window.rows,
                changes: window.changes,
                rows_written: window.rows_written,
            });
            totals.add(&window);
        }
        ambient.progress.end();
        Ok((totals, plans))
    }

    pub fn is_too_much(&self, churn: f64) -> bool {
        churn > self.pipeline.max_churn && !self.options.run.accept_churn
    }

    fn desk<'d>(&'d self, store: &'d Store, run_id: &'d RunId, ambient: &'d Ambient) -> Desk<'d> {
        Desk {
            store,
            run_id,
            gate: self.gate.as_ref(),
            ambient,
        }
    }

    /// Stops a backfill whose fresh model the gate refuses, or that would relabel too much, before anything
    /// is classified. Its windows are looked at together: in a month of three workouts one of them is a third.
    pub async fn gate(&self, store: &Store, run_id: &RunId, ambient: &Ambient) -> Result<(), RunError> {
        let desk = self.desk(store, run_id, ambient);
        if let (Chosen::Fresh(fresh), Some(gate)) = (&self.chosen, self.gate.as_ref().filter(|gate| !gate.admitted)) {
            if !self.refused_before {
                desk.register(fresh, &Registration::Archive, Some(gate.note())).await?;
            }
            return Err(gate.refusal());
        }
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
            desk.register(fresh, &Registration::Archive, Some(note)).await?;
        }
        let hint =
            "nothing was classified; look at it with --dry-run, then do it with --accept-churn or raise gate.max_churn";
        Err(RunError::new("gate", Kind::Gate, found, hint))
    }

    pub async fn activate(&self, store: &Store, run_id: &RunId, ambient: &Ambient) -> Result<(), RunError> {
        let desk = self.desk(store, run_id, ambient);
        match &self.chosen {
            Chosen::Fresh(fresh) => {
                let seen_active = self.seen_active.clone();
                desk.register(fresh, &Registration::Activate { seen_active }, None)
                    .await
            }
            Chosen::Active(row) => desk.learn_again(&row.model_id, self.again.as_ref()).await,
            Chosen::EraOnly => Ok(()),
        }
    }

    /// Enters the windows of a new backfill, or opens those of an old one again; its id.
    pub async fn enter(&self, store: &Store, run_id: &RunId, ambient: &Ambient) -> Result<String, RunError> {
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
    pub async fn rows_to_read(&self, store: &Store) -> Result<Option<u64>, RunError> {
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

    pub fn failed_before(&self) -> Vec<FailedWindow> {
        failed_before(&self.resolved, &self.jobs, self.options)
    }

    pub fn counts(&self, completed: u64, failed: &[FailedWindow]) -> WindowCounts {
        counts(&self.resolved, &self.jobs, completed, failed.len() as u64)
    }

    pub fn report(&self, totals: &Totals, status: &'static str) -> BackfillReport {
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
            gate: self.gate.clone(),
            skipped: totals.skipped.clone(),
            chunks: totals.chunks,
            ..nothing(self.pipeline, self.options)
        }
    }
}

/// Windows that failed in an earlier run and are not tried again.
fn failed_before(resolved: &Resolved, jobs: &[Job], options: &BackfillOptions) -> Vec<FailedWindow> {
    let again = |number: u32| jobs.iter().any(|job| job.window_no == number);
    let failed = |window: &StoredWindow| {
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
            retry: retry_one(&options.command, &job),
        })
    };
    let left = resolved
        .windows
        .iter()
        .filter(|w| w.status == "failed" && !again(w.window_no));
    left.filter_map(failed).collect()
}

/// The windows by what became of them, where `completed` of `jobs` are done now and `failed` are not.
fn counts(resolved: &Resolved, jobs: &[Job], completed: u64, failed: u64) -> WindowCounts {
    let is_done = |window: &StoredWindow| window.status == "completed";
    let done = resolved.windows.iter().filter(|window| is_done(window)).count();
    let again = |job: &&Job| resolved.windows.get(job.window_no as usize).is_some_and(is_done);
    let already = (done - jobs.iter().filter(again).count()) as u64;
    let total = resolved.windows.len() as u64;
    WindowCounts {
        total,
        completed,
        already,
        failed,
        left: total - completed - already - failed,
    }
}

/// The report of a backfill of which nothing is to be done any more, or nothing that was asked for.
pub(super) fn idle(pipeline: &Pipeline, options: &BackfillOptions, resolved: &Resolved) -> BackfillReport {
    let failed = failed_before(resolved, &[], options);
    let Resolved {
        from, to, span, way, ..
    } = resolved;
    let again = format!(
        "{} --resume --reprocess failed",
        command(&options.command, *from, *to, &span.to_string())
    );
    BackfillReport {
        backfill_id: match way {
            Way::Resume { backfill_id } => Some(backfill_id.clone()),
            Way::Anew { .. } => None,
        },
        status: if failed.is_empty() { "succeeded" } else { "partial" },
        window_from: Some(shown(*from)),
        window_to: Some(shown(*to)),
        window: span.to_string(),
        windows: counts(resolved, &[], 0, failed.len() as u64),
        retry: (!failed.is_empty()).then_some(again),
        failed,
        ..nothing(pipeline, options)
    }
}

/// The report of a backfill of nothing.
pub(super) fn nothing(pipeline: &Pipeline, options: &BackfillOptions) -> BackfillReport {
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
        gate: None,
        skipped: Default::default(),
        chunks: 0,
        failed: Vec::new(),
        retry: None,
        stopped: None,
        planned: Vec::new(),
    }
}
