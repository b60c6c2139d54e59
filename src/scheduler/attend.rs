//! One run of one pipeline: lease, a second look, the run, and what became of it.
//!
//! Why: two schedulers may both see that a pipeline is due, or that enough corrections wait. Whoever gets
//! the lease looks again, because the other may have begun and ended between the look and the grasp; under
//! the lease nobody can begin meanwhile.
//!
//! Invariants: a run that panics is closed in the ledger and its lease is given back; nothing here
//! panics because a run did.
//!
//! Must not know: when the next occurrence is.

use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::JoinError;
use tracing::Instrument;

use crate::id::RunId;
use crate::pipeline::lease::{Lease, Refused, held_sentence};
use crate::pipeline::prepare::Options;
use crate::pipeline::run::{check_privileges, run_under, skip};
use crate::pipeline::{Ambient, RunError, spans};
use crate::store::Store;
use crate::store::lease::LeaseRow;
use crate::time::Timestamp;
use crate::vocab::Trigger;

use super::{Entry, Outcome, watch};

/// What all runs of a scheduler share.
pub(super) struct World {
    pub(super) store: Store,
    pub(super) ambient: Ambient,
    /// One permit: two runs at once on one store would only make each other begin again.
    pub(super) turn: Semaphore,
}

/// Why a pipeline is to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    /// It has been due since then.
    Due(Timestamp),
    /// Enough corrections wait.
    Feedback,
}

impl Cause {
    fn trigger(self) -> Trigger {
        match self {
            Self::Due(_) => Trigger::Schedule,
            Self::Feedback => Trigger::Feedback,
        }
    }
}

/// Runs an entry.
pub(super) async fn attend(world: Arc<World>, entry: Arc<Entry>, cause: Cause) -> Outcome {
    // Closed: the scheduler stops.
    let Ok(_turn) = world.turn.acquire().await else {
        return Outcome::Stopped;
    };
    attended(&world, &entry, cause).await.unwrap_or_else(Outcome::Failed)
}

async fn attended(world: &Arc<World>, entry: &Arc<Entry>, cause: Cause) -> Result<Outcome, RunError> {
    let (store, ambient, name) = (&world.store, &world.ambient, &entry.pipeline.name);
    check_privileges(store).await?;
    let run_id = RunId::generate(ambient.now(), (ambient.entropy)());
    let span = spans::of_run(&run_id, name, cause.trigger());
    held(world, entry, &run_id, cause).instrument(span).await
}

/// Takes the pipeline, runs it where that is still wanted, and gives it back.
async fn held(world: &Arc<World>, entry: &Arc<Entry>, run_id: &RunId, cause: Cause) -> Result<Outcome, RunError> {
    let (store, ambient, name) = (&world.store, &world.ambient, &entry.pipeline.name);
    let lease = match Lease::acquire(store, name, run_id, false, ambient).await {
        Ok(lease) => Arc::new(lease),
        Err(Refused::Failed(error)) => return Err(error),
        Err(Refused::Held(row)) => {
            return match cause {
                Cause::Due(at) => in_the_way(world, entry, run_id, at, &row).await,
                // No time is missed: the corrections still wait at the next look.
                Cause::Feedback => Ok(Outcome::Busy {
                    why: held_sentence(name, &row),
                }),
            };
        }
    };
    let outcome = match still_wanted(world, entry, cause).await {
        Ok(true) => guarded_run(world, entry, &lease, run_id, cause.trigger()).await,
        Ok(false) => Ok(Outcome::DoneElsewhere),
        Err(error) => Err(error),
    };
    lease.release(ambient.now()).await;
    outcome
}

/// The second look.
async fn still_wanted(world: &World, entry: &Entry, cause: Cause) -> Result<bool, RunError> {
    match cause {
        Cause::Due(at) => {
            let last = world.store.last_begun(&entry.pipeline.name, Trigger::Schedule).await;
            let last = last.map_err(|error| RunError::store("schedule", error))?;
            Ok(last.is_none_or(|last| last.started_at < at))
        }
        Cause::Feedback => {
            let seen = watch::look(&world.store, entry, None, world.ambient.now()).await?;
            Ok(seen.is_some_and(|seen| seen.enough))
        }
    }
}

/// The pipeline is held. A holder that has been seen alive since `at` is an overlap. One that has not
/// may be dead, and its lease will expire soon; to skip the night for its sake would be wrong.
async fn in_the_way(
    world: &World,
    entry: &Entry,
    run_id: &RunId,
    at: Timestamp,
    row: &LeaseRow,
) -> Result<Outcome, RunError> {
    let why = format!("due at {at} UTC; {}", held_sentence(&entry.pipeline.name, row));
    if row.heartbeat_at < at {
        return Ok(Outcome::Waiting { why });
    }
    let (options, trigger) = (Options::default(), Trigger::Schedule);
    skip(
        &world.store,
        run_id,
        &entry.pipeline,
        &options,
        trigger,
        &why,
        &world.ambient,
    )
    .await?;
    Ok(Outcome::Skipped {
        run_id: run_id.to_string(),
        why,
    })
}

/// The run, in a task of its own, so that its panic ends there.
async fn guarded_run(
    world: &Arc<World>,
    entry: &Arc<Entry>,
    lease: &Arc<Lease>,
    run_id: &RunId,
    trigger: Trigger,
) -> Result<Outcome, RunError> {
    let task = {
        let (world, entry) = (Arc::clone(world), Arc::clone(entry));
        let (lease, run_id) = (Arc::clone(lease), run_id.clone());
        async move {
            let options = Options::default();
            run_under(&lease, &run_id, &entry.pipeline, &options, trigger, &world.ambient).await
        }
    };
    let error = match tokio::spawn(task.in_current_span()).await {
        Ok(result) => return result.map(|report| Outcome::Succeeded(Box::new(report))),
        Err(error) => panicked(error),
    };
    let closed = world
        .store
        .abandon_run(run_id.as_str(), &(&error).into(), world.ambient.now())
        .await;
    if let Err(ledger) = closed {
        tracing::warn!(error = %ledger, "the ledger could not be told that the run panicked");
    }
    Err(error)
}

/// A task that panicked, or was cut off, as an error.
pub(super) fn panicked(error: JoinError) -> RunError {
    let what = match error.try_into_panic() {
        Ok(payload) => {
            let text = payload
                .downcast_ref::<&str>()
                .map(ToString::to_string)
                .or_else(|| payload.downcast_ref::<String>().cloned());
            format!(
                "the run panicked: {}",
                text.unwrap_or_else(|| "without a message".to_owned())
            )
        }
        Err(error) => error.to_string(),
    };
    RunError::bug("run", what)
}
