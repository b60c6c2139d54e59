//! One run, top to bottom: ledger, prepare, gate, register, write, ledger.
//!
//! Why: this is the order that makes a crash harmless. Until the gate has passed nothing is written
//! but the ledger row; the model goes into production in one transaction, the verdicts in chunks of
//! one transaction each, and a rerun finds what is left by the same diff.
//!
//! Invariants: a run holds its pipeline's lease from before it is entered until after it is closed, and
//! writes verdicts and models only under its fence; only a transient fault begins the run again, at most [`MAX_RETRIES`] times; a run that
//! has been entered is closed, whatever happened.
//!
//! Must not know: how a report is printed.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};

use crate::config::Pipeline;
use crate::id::RunId;
use crate::stage::diff::{Change, ChangeSet, Outcome};
use crate::store::Store;
use crate::store::lifecycle::Registration;
use crate::store::models::NewModel;
use crate::store::privileges;
use crate::store::quarantine::Stamp;
use crate::store::runs::{OutcomeCounts, RunFailure, RunOutcome};
use crate::store::workouts::Window;
use crate::store::write::{Verdict, VerdictChunk};
use crate::vocab::{RunStatus, Source, Trigger};

use super::adopt;
use super::choose::Chosen;
use super::lease::{self, Lease, Refused};
use super::plan::report_of;
use super::prepare::{Options, Prepared, prepare};
use super::report::{DecisionSummary, MatrixCell, RunReport, model_summary};
use super::{Ambient, Kind, RunError};

/// How often a run begins again after a passing fault.
pub const MAX_RETRIES: u32 = 4;

/// What earlier attempts of this run have committed: a retry must neither lose nor recount it.
#[derive(Debug, Default)]
struct Committed {
    outcomes: OutcomeCounts,
    matrix: Vec<MatrixCell>,
    rows: u64,
    chunks: u32,
    /// The first attempt's report of its decision: the retry finds the model active already.
    trained: Option<(String, DecisionSummary)>,
}

/// Runs a pipeline.
///
/// # Errors
/// [`RunError`]; its kind decides the exit code. The ledger has the run as failed then; as skipped where
/// another run holds the pipeline and nobody is waiting at a terminal to be told so; not at all where the
/// login may not write all that a run writes.
pub async fn run(
    store: &Store,
    pipeline: &Pipeline,
    options: &Options,
    trigger: Trigger,
    ambient: &Ambient,
) -> Result<RunReport, RunError> {
    check_privileges(store).await?;
    let run_id = RunId::generate(ambient.now(), (ambient.entropy)());
    let lease = match Lease::acquire(store, &pipeline.name, &run_id, options.take_over, ambient).await {
        Ok(lease) => lease,
        Err(Refused::Failed(error)) => return Err(error),
        Err(Refused::Held(row)) => {
            let held = lease::held(&pipeline.name, &row);
            if trigger != Trigger::Manual {
                skip(
                    store,
                    &run_id,
                    pipeline,
                    options,
                    trigger,
                    &held.source.to_string(),
                    ambient,
                )
                .await?;
            }
            return Err(held);
        }
    };
    let result = run_under(&lease, &run_id, pipeline, options, trigger, ambient).await;
    lease.release(ambient.now()).await;
    result
}

/// Refuses a login that may not write all that a run writes, before anything is written.
///
/// # Errors
/// [`RunError`] of kind config that names what is missing.
pub async fn check_privileges(store: &Store) -> Result<(), RunError> {
    for needs in [&privileges::RUN[..], &privileges::VERDICTS] {
        store.require(needs).await.map_err(|e| RunError::store("start", e))?;
    }
    Ok(())
}

fn window_of(pipeline: &Pipeline, options: &Options) -> Window {
    options.window.unwrap_or(Window {
        from: pipeline.from,
        to: pipeline.to,
    })
}

/// Enters a run that does not begin, and why.
///
/// # Errors
/// [`RunError`] of the store.
pub async fn skip(
    store: &Store,
    run_id: &RunId,
    pipeline: &Pipeline,
    options: &Options,
    trigger: Trigger,
    why: &str,
    ambient: &Ambient,
) -> Result<(), RunError> {
    tracing::warn!(run_id = run_id.as_str(), pipeline = pipeline.name, why, "run skipped");
    let window = window_of(pipeline, options);
    let entered = store
        .skip_run(run_id, &pipeline.name, trigger, window, why, ambient.now())
        .await;
    entered.map_err(|e| RunError::store("lease", e))
}

/// Runs a pipeline that is held already; the lease stays the caller's to give back.
///
/// # Errors
/// As [`run`].
pub async fn run_under(
    lease: &Lease,
    run_id: &RunId,
    pipeline: &Pipeline,
    options: &Options,
    trigger: Trigger,
    ambient: &Ambient,
) -> Result<RunReport, RunError> {
    let ledger = lease.ledger();
    let window = window_of(pipeline, options);
    let started = ledger
        .start_run(run_id, &pipeline.name, trigger, window, ambient.now())
        .await;
    started.map_err(|e| RunError::store("start", e))?;
    tracing::info!(run_id = run_id.as_str(), pipeline = pipeline.name, "run started");
    let mut committed = Committed::default();
    let result = attempts(&lease.store(), pipeline, options, run_id, &mut committed, ambient).await;
    let outcome = outcome_of(&result, &committed, ambient);
    let closed = ledger.finish_run(run_id, &outcome).await;
    match (result, closed) {
        (Ok(report), Ok(())) => {
            tracing::info!(
                run_id = run_id.as_str(),
                rows_written = report.rows_written,
                "run finished"
            );
            Ok(report)
        }
        (Ok(_), Err(error)) => Err(RunError::store("finish", error)),
        (Err(error), closed) => {
            // The run's own error is the one to report; that the ledger could not be told either is
            // worth a line, because `runs list` will show the run as running.
            if let Err(ledger) = closed {
                tracing::warn!(run_id = run_id.as_str(), error = %ledger, "the ledger could not be told that the run failed");
            }
            Err(error)
        }
    }
}

async fn attempts(
    store: &Store,
    pipeline: &Pipeline,
    options: &Options,
    run_id: &RunId,
    committed: &mut Committed,
    ambient: &Ambient,
) -> Result<RunReport, RunError> {
    let mut backoff = ExponentialBuilder::default()
        .with_jitter()
        .with_min_delay(Duration::from_millis(50))
        .with_max_delay(Duration::from_secs(5))
        .with_max_times(MAX_RETRIES as usize)
        .build();
    let mut retries = 0;
    loop {
        let error = match attempt(store, pipeline, options, run_id, committed, ambient).await {
            Ok(report) => return Ok(RunReport { retries, ..report }),
            Err(error) => error,
        };
        let wait = if error.kind == Kind::Transient {
            backoff.next()
        } else {
            None
        };
        let Some(wait) = wait else { return Err(error) };
        retries += 1;
        tracing::warn!(run_id = run_id.as_str(), retries, %error, "passing fault: the run begins again");
        tokio::time::sleep(wait).await;
    }
}

async fn attempt(
    store: &Store,
    pipeline: &Pipeline,
    options: &Options,
    run_id: &RunId,
    committed: &mut Committed,
    ambient: &Ambient,
) -> Result<RunReport, RunError> {
    adopt::before_writing(store, ambient).await?;
    let prepared = prepare(store, pipeline, options, ambient).await?;
    let mut report = report_of(&prepared, pipeline, options);
    report.run_id = Some(run_id.to_string());
    store
        .quarantine(
            &prepared.refused,
            Stamp {
                run_id: Some(run_id),
                now: ambient.now(),
            },
        )
        .await
        .map_err(|e| RunError::store("quarantine", e))?;
    if let Chosen::Fresh(fresh) = &prepared.chosen {
        if options.no_activate {
            register(store, fresh, &Registration::Archive, None).await?;
            report.status = "candidate";
            report.model = model_summary(&prepared, false);
            report.chunks = 0;
            return Ok(report);
        }
        if report.stopped_by_churn {
            let note = format!("stopped by the churn gate: {}", churn_sentence(&report, pipeline));
            register(store, fresh, &Registration::Archive, Some(note)).await?;
        }
    }
    if report.stopped_by_churn {
        return Err(stopped_by_churn(&report, pipeline));
    }
    if let Chosen::Fresh(fresh) = &prepared.chosen {
        let registration = Registration::Activate {
            seen_active: prepared.seen_active.clone(),
        };
        register(store, fresh, &registration, None).await?;
        committed.trained = Some((fresh.model_id.to_string(), report.decision.clone()));
        ambient.reached("after_activate");
    }
    write(store, pipeline, run_id, &prepared, committed, ambient).await?;
    Ok(merge(report, committed))
}

async fn register(
    store: &Store,
    fresh: &NewModel,
    registration: &Registration,
    note: Option<String>,
) -> Result<(), RunError> {
    let mut model = fresh.clone();
    if note.is_some() {
        model.performance_notes = note;
    }
    store
        .register_model(&model, registration)
        .await
        .map_err(|e| RunError::store("register", e))
}

fn churn_sentence(report: &RunReport, pipeline: &Pipeline) -> String {
    format!(
        "{} of the already classified workouts ({:.1} %) would get another label; gate.max_churn allows {:.1} %",
        report.changes.changed,
        report.churn * 100.0,
        pipeline.max_churn * 100.0
    )
}

fn stopped_by_churn(report: &RunReport, pipeline: &Pipeline) -> RunError {
    RunError::new(
        "gate",
        Kind::Gate,
        churn_sentence(report, pipeline),
        "nothing was classified; look at `paceline plan --rows`, then run again with --accept-churn or raise gate.max_churn",
    )
}

/// The chunks of a change set: consecutive changes, at most `chunk_rows` each.
pub(super) fn chunks_of(changes: &ChangeSet, chunk_rows: usize) -> std::slice::Chunks<'_, Change> {
    changes.changes.chunks(chunk_rows.max(1))
}

/// How many history rows and current rows writing `changes` touches.
pub(super) fn rows_of(changes: &ChangeSet, log_refreshed: bool) -> u64 {
    let rows = |change: &Change| match change.outcome {
        Outcome::New | Outcome::Changed => 2,
        Outcome::Refreshed => 1 + u64::from(log_refreshed),
        Outcome::Protected => 1,
        Outcome::Unchanged => 0,
    };
    changes.changes.iter().map(rows).sum()
}

async fn write(
    store: &Store,
    pipeline: &Pipeline,
    run_id: &RunId,
    prepared: &Prepared,
    committed: &mut Committed,
    ambient: &Ambient,
) -> Result<(), RunError> {
    let total = prepared.changes.changes.len() as u64;
    ambient.progress.begin("writing", Some(total));
    let mut head = prepared.head;
    let mut done = 0;
    let reason = reason(prepared);
    for changes in chunks_of(&prepared.changes, pipeline.chunk_rows) {
        let chunk = VerdictChunk {
            run: Some((run_id, committed.chunks)),
            model: prepared.model_ref(),
            changed_by: "system",
            reason: &reason,
            now: ambient.now(),
            log_refreshed: pipeline.log_refreshed,
            verdicts: changes.iter().map(|change| verdict(prepared, change)).collect(),
        };
        ambient.reached("before_chunk");
        let written = store
            .write_verdicts(&chunk, &head)
            .await
            .map_err(|e| RunError::store("write", e))?;
        ambient.reached("after_chunk");
        head = written.head;
        committed.add(changes, &chunk.verdicts, written.rows);
        done += changes.len() as u64;
        ambient.progress.at(done);
    }
    ambient.progress.end();
    Ok(())
}

/// Why the history rows of this run were written.
fn reason(prepared: &Prepared) -> String {
    match (&prepared.chosen, prepared.model_ref()) {
        (Chosen::Fresh(_), Some((_, version))) => format!("model {version}, trained because {}", prepared.decision),
        (_, Some((_, version))) => format!("model {version}"),
        (_, None) => "era rule: no model".to_owned(),
    }
}

fn verdict<'p>(prepared: &'p Prepared, change: &Change) -> Verdict<'p> {
    let row = change.prediction;
    let text = |name: &str| prepared.predictions.text(name).get(row);
    let method = text("method");
    let source = match (method, change.outcome) {
        (Some("era_fallback"), _) => Source::EraFallback,
        (_, Outcome::New) => Source::MlPrediction,
        _ => Source::MlBatchUpdate,
    };
    let stored = prepared.current.text("current_classification");
    Verdict {
        outcome: change.outcome,
        workout_id: text("workout_id").unwrap_or_default(),
        previous: change.current.and_then(|row| stored.get(row)),
        label: text("label").unwrap_or_default(),
        confidence: prepared.predictions.real("confidence").get(row),
        method,
        source,
        features: features_json(prepared, row),
    }
}

/// `{"avg_pace":..,"distance_mi":..,"duration_min":..}` with shortest round-trip numbers.
fn features_json(prepared: &Prepared, row: usize) -> String {
    let value = |name: &str| prepared.features.real(name).get(row).filter(|x| x.is_finite());
    let number = |name: &str| value(name).map_or(serde_json::Value::Null, serde_json::Value::from);
    format!(
        r#"{{"avg_pace":{},"distance_mi":{},"duration_min":{}}}"#,
        number("avg_pace"),
        number("distance_mi"),
        number("duration_min")
    )
}

impl Committed {
    fn add(&mut self, changes: &[Change], verdicts: &[Verdict<'_>], rows: u64) {
        self.rows += rows;
        self.chunks += 1;
        for (change, verdict) in changes.iter().zip(verdicts) {
            match change.outcome {
                Outcome::New => self.outcomes.new += 1,
                Outcome::Changed => self.outcomes.changed += 1,
                Outcome::Refreshed => self.outcomes.refreshed += 1,
                Outcome::Protected | Outcome::Unchanged => {}
            }
            if matches!(change.outcome, Outcome::New | Outcome::Changed) {
                self.count_transition(verdict);
            }
        }
    }

    fn count_transition(&mut self, verdict: &Verdict<'_>) {
        let same = |cell: &MatrixCell| cell.from.as_deref() == verdict.previous && cell.to == verdict.label;
        if let Some(cell) = self.matrix.iter_mut().find(|cell| same(cell)) {
            cell.count += 1;
            return;
        }
        let from = verdict.previous.map(str::to_owned);
        self.matrix.push(MatrixCell {
            from,
            to: verdict.label.to_owned(),
            count: 1,
        });
    }
}

/// The last attempt's report, with what earlier attempts had committed already counted as done by
/// this run and not as unchanged.
fn merge(mut report: RunReport, committed: &mut Committed) -> RunReport {
    let done = committed.outcomes;
    let protected = report.changes.protected;
    report.changes = OutcomeCounts {
        protected,
        unchanged: report.rows.classified - protected - done.new - done.changed - done.refreshed,
        ..done
    };
    committed.matrix.sort();
    report.matrix.clone_from(&committed.matrix);
    report.rows_written = committed.rows;
    report.chunks = committed.chunks;
    report.status = "succeeded";
    if let Some((model_id, decision)) = &committed.trained
        && report.model.model_id.as_ref() == Some(model_id)
    {
        report.decision.clone_from(decision);
    }
    report
}

fn outcome_of(result: &Result<RunReport, RunError>, committed: &Committed, ambient: &Ambient) -> RunOutcome {
    let finished_at = ambient.now();
    match result {
        Ok(report) => RunOutcome {
            status: RunStatus::Succeeded,
            finished_at,
            model: report.model.model_id.clone().zip(report.model.model_version.clone()),
            decision: serde_json::to_string(&report.decision).ok(),
            rows: report.rows,
            changes: report.changes,
            rows_written: report.rows_written,
            matrix: serde_json::to_string(&report.matrix).ok(),
            detail: serde_json::to_string(&serde_json::json!({"skipped": report.skipped, "labels": report.labels}))
                .ok(),
            failure: None,
        },
        Err(error) => RunOutcome {
            status: if committed.chunks > 0 {
                RunStatus::Partial
            } else {
                RunStatus::Failed
            },
            finished_at,
            model: None,
            decision: None,
            rows: Default::default(),
            changes: committed.outcomes,
            rows_written: committed.rows,
            matrix: serde_json::to_string(&committed.matrix).ok(),
            detail: None,
            failure: Some(RunFailure {
                stage: error.stage.to_owned(),
                kind: error.kind.as_str().to_owned(),
                message: error.source.to_string(),
            }),
        },
    }
}
