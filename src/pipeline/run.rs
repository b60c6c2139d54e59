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

use backon::BackoffBuilder;
use tracing::{Instrument, info_span};

use crate::config::Pipeline;
use crate::id::RunId;
use crate::stage::decide::Retrain;
use crate::store::Store;
use crate::store::lifecycle::Registration;
use crate::store::models::NewModel;
use crate::store::privileges;
use crate::store::quarantine::Stamp;
use crate::store::runs::RunOutcome;
use crate::store::taught::Answered;
use crate::vocab::{RunStatus, Trigger};

use super::adopt;
use super::choose::Chosen;
use super::gate::Gated;
use super::lease::{self, Lease, Refused};
use super::plan::report_of;
use super::prepare::{Options, Prepared, prepare, window_of};
use super::report::RunReport;
use super::write::{Committed, merge, write};
use super::{Ambient, Kind, RETRIES, RunError, pauses, retrying, spans};

/// How often a run begins again after a passing fault.
pub const MAX_RETRIES: u32 = 4;

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
    let span = spans::of_run(&run_id, &pipeline.name, trigger);
    held_run(store, &run_id, pipeline, options, trigger, ambient)
        .instrument(span)
        .await
}

/// Takes the pipeline, runs it, and gives it back.
async fn held_run(
    store: &Store,
    run_id: &RunId,
    pipeline: &Pipeline,
    options: &Options,
    trigger: Trigger,
    ambient: &Ambient,
) -> Result<RunReport, RunError> {
    let acquired = Lease::acquire(store, &pipeline.name, run_id, options.take_over, ambient);
    let lease = match acquired.instrument(info_span!("lease")).await {
        Ok(lease) => lease,
        Err(Refused::Failed(error)) => return Err(error),
        Err(Refused::Held(row)) => {
            let held = lease::held(&pipeline.name, &row);
            if trigger != Trigger::Manual {
                skip(
                    store,
                    run_id,
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
    let result = run_under(&lease, run_id, pipeline, options, trigger, ambient).await;
    lease.release(ambient.now()).instrument(info_span!("release")).await;
    result
}

/// Refuses a login that may not write all that a run writes, before anything is written.
///
/// # Errors
/// [`RunError`] of kind config that names what is missing.
pub async fn check_privileges(store: &Store) -> Result<(), RunError> {
    for needs in [&privileges::RUN[..], &privileges::VERDICTS] {
        let may = || async { store.require(needs).await.map_err(|e| RunError::store("start", e)) };
        retrying(RETRIES, may).await?;
    }
    Ok(())
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
    let start = || async {
        let started = ledger
            .start_run(run_id, &pipeline.name, trigger, window, ambient.now())
            .await;
        started.map_err(|e| RunError::store("start", e))
    };
    retrying(RETRIES, start).instrument(info_span!("start")).await?;
    tracing::info!("run started");
    let mut committed = Committed::default();
    let result = attempts(&lease.store(), pipeline, options, run_id, &mut committed, ambient).await;
    if result.is_err()
        && let Err(error) = committed.settle(ledger, run_id).await
    {
        tracing::warn!(%error, "it cannot be told whether its last transaction was committed");
    }
    let outcome = outcome_of(&result, &committed, ambient);
    let finish = || async {
        let finished = ledger.finish_run(run_id, &outcome).await;
        finished.map_err(|e| RunError::store("finish", e))
    };
    let closed = retrying(RETRIES, finish).instrument(info_span!("finish")).await;
    match (result, closed) {
        (Ok(report), Ok(())) => {
            tracing::info!(rows_written = report.rows_written, "run finished");
            Ok(report)
        }
        (Ok(_), Err(error)) => Err(error),
        (Err(error), closed) => {
            // The run's own error is the one to report; that the ledger could not be told either is
            // worth a line, because `runs list` will show the run as running.
            if let Err(ledger) = closed {
                tracing::warn!(error = %ledger, "the ledger could not be told that the run failed");
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
    let mut backoff = pauses(MAX_RETRIES as usize).build();
    let mut retries = 0;
    let mut options = options.clone();
    loop {
        let error = match attempt(store, pipeline, &options, run_id, committed, ambient).await {
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
        tracing::warn!(retries, %error, "passing fault: the run begins again");
        tokio::time::sleep(wait).instrument(info_span!("pause")).await;
        if has_activated(store, committed).await? {
            // "Always" means once a run. What somebody said during the training is for the next one.
            options.retrain = options.retrain.or(Some(pipeline.reuse.retrain)).map(unless_asked);
        }
    }
}

/// True where an earlier attempt's model is in production. That the attempt trained one does not say so: it
/// may have failed to register it.
async fn has_activated(store: &Store, committed: &Committed) -> Result<bool, RunError> {
    let Some((trained, ..)) = &committed.trained else {
        return Ok(false);
    };
    let active = retrying(RETRIES, || async {
        store.active_model().await.map_err(|e| RunError::store("decide", e))
    });
    Ok(active.await?.is_some_and(|active| active.model_id == *trained))
}

fn unless_asked(retrain: Retrain) -> Retrain {
    match retrain {
        Retrain::Always => Retrain::Auto,
        Retrain::Auto | Retrain::Never => retrain,
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
    committed.settle(store, run_id).await?;
    ambient.stop.check("start", || committed.in_words())?;
    adopt::before_writing(store, ambient)
        .instrument(info_span!("adopt"))
        .await?;
    let prepared = prepare(store, pipeline, options, ambient).await?;
    ambient.stop.check("prepare", || committed.in_words())?;
    let mut report = info_span!("report").in_scope(|| report_of(&prepared, pipeline, options));
    report.run_id = Some(run_id.to_string());
    let stamp = Stamp {
        run_id: Some(run_id),
        now: ambient.now(),
    };
    let kept = store.quarantine(&prepared.refused, stamp);
    let kept = kept.instrument(info_span!("quarantine")).await;
    kept.map_err(|e| RunError::store("quarantine", e))?;
    let desk = Desk {
        store,
        run_id,
        gate: prepared.gate.as_ref(),
        ambient,
    };
    match &prepared.chosen {
        Chosen::Fresh(fresh) if options.no_activate => {
            let note = refused(&prepared).map(Gated::note);
            desk.register(fresh, &Registration::Archive, note).await?;
            return Ok(unwritten(report, "candidate"));
        }
        Chosen::Fresh(fresh) if let Some(gate) = refused(&prepared) => {
            if !prepared.refused_before {
                desk.register(fresh, &Registration::Archive, Some(gate.note())).await?;
            }
            return Err(gate.refusal());
        }
        Chosen::Fresh(fresh) if report.stopped_by_churn => {
            let note = format!("stopped by the churn gate: {}", churn_sentence(&report, &prepared));
            desk.register(fresh, &Registration::Archive, Some(note)).await?;
        }
        Chosen::Fresh(fresh) => {
            // Before it is known to be registered: where that is never told, the next attempt finds it active.
            committed.trained = Some((
                fresh.model_id.to_string(),
                report.decision.clone(),
                prepared.gate.clone(),
            ));
            let seen_active = prepared.seen_active.clone();
            desk.register(fresh, &Registration::Activate { seen_active }, None)
                .await?;
            ambient.reached("after_activate");
        }
        Chosen::Active(row) => desk.learn_again(&row.model_id, prepared.again.as_ref()).await?,
        Chosen::EraOnly => {}
    }
    if options.train_only {
        return Ok(unwritten(report, "trained"));
    }
    if report.stopped_by_churn {
        return Err(stopped_by_churn(&report, &prepared));
    }
    write(store, pipeline, run_id, &prepared, committed, ambient)
        .instrument(info_span!("write"))
        .await?;
    Ok(merge(report, committed))
}

fn refused(prepared: &Prepared) -> Option<&Gated> {
    prepared.gate.as_ref().filter(|gate| !gate.admitted)
}

/// The report of a run that is to classify nothing.
fn unwritten(report: RunReport, status: &'static str) -> RunReport {
    RunReport {
        status,
        chunks: 0,
        rows_written: 0,
        ..report
    }
}

/// Where models are registered, with the evidence of this run.
pub(super) struct Desk<'a> {
    pub store: &'a Store,
    pub run_id: &'a RunId,
    /// What the gate says of the fresh model, where it was held against another.
    pub gate: Option<&'a Gated>,
    pub ambient: &'a Ambient,
}

impl Desk<'_> {
    /// Registers a fresh model, with `note` in the place of its remarks.
    #[tracing::instrument(name = "register", skip_all)]
    pub async fn register(
        &self,
        fresh: &NewModel,
        registration: &Registration,
        note: Option<String>,
    ) -> Result<(), RunError> {
        let mut model = fresh.clone();
        if note.is_some() {
            model.performance_notes = note;
        }
        let evidence = self
            .gate
            .map(|gate| gate.evidence(Some(self.run_id), self.ambient.now()));
        let registered = self.store.register_model(&model, registration, evidence.as_ref()).await;
        registered.map_err(|e| RunError::store("register", e))
    }

    /// Training on `more` answers gave the active model again: they are learnt.
    pub async fn learn_again(&self, model_id: &str, more: Option<&Answered>) -> Result<(), RunError> {
        let Some(more) = more.filter(|more| !more.is_empty()) else {
            return Ok(());
        };
        let learnt = self.store.learn_again(model_id, more, self.ambient.now()).await;
        learnt.map_err(|e| RunError::store("register", e))
    }
}

fn churn_sentence(report: &RunReport, prepared: &Prepared) -> String {
    format!(
        "{} of the already classified workouts ({:.1} %) would get another label; gate.max_churn allows {:.1} %",
        report.changes.changed,
        report.churn * 100.0,
        prepared.allowed_churn * 100.0
    )
}

fn stopped_by_churn(report: &RunReport, prepared: &Prepared) -> RunError {
    RunError::new(
        "gate",
        Kind::Gate,
        churn_sentence(report, prepared),
        "nothing was classified; look at `paceline plan --rows`, then run again with --accept-churn or raise gate.max_churn",
    )
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
            changes: committed.tally.outcomes,
            rows_written: committed.tally.rows,
            matrix: serde_json::to_string(&committed.tally.matrix).ok(),
            detail: None,
            failure: Some(error.into()),
        },
    }
}
