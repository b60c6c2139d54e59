//! A run's hold on its pipeline: taken before the first stage, kept alive beside the work, given
//! back at the end.
//!
//! Why: see `store::lease` for what the fence is good for. Here is what makes a lease practical: signs of
//! life in the background, so that a long training does not look like a crash; and takeovers that need
//! no waiting, where the holder is known to be dead or a person says so.
//!
//! Clocks: who gives signs of life and who judges them may be two machines. Where their clocks differ by more
//! than [`TTL`], runs may take pipelines from each other; the fence keeps that harmless, but not useful.
//!
//! Invariants: all verdicts and models of a run are written through [`Lease::store`]; a lease that is
//! dropped stops showing life and expires by itself; a run whose lease is taken from it is closed in the
//! ledger by the taker.
//!
//! Must not know: what a run does.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::AbortHandle;
use tracing::Instrument;

use crate::id::RunId;
use crate::store::Store;
use crate::store::lease::{Claim, Claimed, Fence, LeaseRow};
use crate::store::runs::RunFailure;
use crate::time::Timestamp;

use super::{Ambient, Kind, RETRIES, RunError, retrying, spans};

/// How long a run is believed to be alive without a sign of life.
pub const TTL: Duration = Duration::from_secs(60);
/// How often it gives one.
const BEAT: Duration = Duration::from_secs(10);

/// Who runs: for people, and for telling whether a holder is dead.
#[derive(Clone)]
pub struct Process {
    /// In words: `process 4711 on host`.
    pub name: String,
    /// What no other process of any time has; None where this cannot be told.
    pub identity: Option<String>,
    /// Whether the process of such an identity is known to have ended. False where it cannot be told.
    pub is_gone: Arc<dyn Fn(&str) -> bool + Send + Sync>,
}

impl Default for Process {
    /// A process that knows nothing of itself or of others.
    fn default() -> Self {
        Self {
            name: "unnamed process".to_owned(),
            identity: None,
            is_gone: Arc::new(|_| false),
        }
    }
}

/// A pipeline that is held for a run.
pub struct Lease {
    ledger: Store,
    fence: Fence,
    beat: AbortHandle,
}

/// Why a pipeline could not be had.
#[derive(Debug)]
pub enum Refused {
    /// Another run holds it.
    Held(LeaseRow),
    /// The store failed.
    Failed(RunError),
}

impl From<RunError> for Refused {
    fn from(error: RunError) -> Self {
        Self::Failed(error)
    }
}

impl Lease {
    /// Takes a pipeline for a run: where it is free, where its holder's process is gone, or, with
    /// `take_over`, from whoever holds it.
    ///
    /// # Errors
    /// [`Refused`].
    pub async fn acquire(
        store: &Store,
        pipeline: &str,
        run_id: &RunId,
        take_over: bool,
        ambient: &Ambient,
    ) -> Result<Self, Refused> {
        let process = &ambient.process;
        let is_gone = |row: &LeaseRow| row.process.as_deref().is_some_and(|p| (process.is_gone)(p));
        let attempt = || async {
            let now = ambient.now();
            let claim = Claim {
                pipeline,
                run_id,
                holder: &process.name,
                process: process.identity.as_deref(),
                now,
                expires_at: expiry(now),
            };
            let claimed = store.acquire_lease(&claim, |row| take_over || is_gone(row)).await;
            claimed.map_err(|error| RunError::store("lease", error))
        };
        let (fence, taken_from) = match retrying(RETRIES, attempt).await? {
            Claimed::Granted { fence, taken_from } => (fence, taken_from),
            Claimed::Held(row) => return Err(Refused::Held(row)),
        };
        let lease = Self {
            beat: beat_beside(store.clone(), fence.clone(), run_id, ambient.clone()),
            ledger: store.clone(),
            fence,
        };
        if let Err(error) = lease.close_predecessors(taken_from.as_ref(), run_id, ambient).await {
            lease.release(ambient.now()).await;
            return Err(error.into());
        }
        Ok(lease)
    }

    /// The store that this run writes verdicts and models through: each transaction checks the fence.
    pub fn store(&self) -> Store {
        self.ledger.fenced(self.fence.clone())
    }

    /// The store without the check, for the run's own row in the ledger: a run that was fenced out must
    /// still be able to say so.
    pub fn ledger(&self) -> &Store {
        &self.ledger
    }

    /// Gives the pipeline back.
    pub async fn release(&self, now: Timestamp) {
        self.beat.abort();
        let release = || async {
            let released = self.ledger.release_lease(&self.fence, now).await;
            released.map_err(|error| RunError::store("lease", error))
        };
        if let Err(error) = retrying(RETRIES, release).await {
            // The work is done and committed; the next run merely has to wait for the expiry.
            tracing::warn!(pipeline = self.fence.pipeline, %error, "the lease could not be given back; it expires by itself");
        }
    }

    /// Runs of this pipeline that the ledger has as running: the one that held the lease before and did not
    /// give it back (it crashed, or sleeps and will be fenced out when it wakes), and those that gave it
    /// back and could not close their row, because the store was away or full.
    async fn close_predecessors(
        &self,
        taken_from: Option<&LeaseRow>,
        run_id: &RunId,
        ambient: &Ambient,
    ) -> Result<(), RunError> {
        let pipeline = &self.fence.pipeline;
        let failure = |kind: &str, message: String| RunFailure {
            stage: "lease".to_owned(),
            kind: kind.to_owned(),
            message,
        };
        if let Some((row, old)) = taken_from.and_then(|row| Some((row, row.run_id.as_deref()?))) {
            let why = format!(
                "{run_id} took over pipeline '{pipeline}': {} gave its last sign of life at {} UTC",
                row.describe(),
                row.heartbeat_at
            );
            tracing::warn!(pipeline, "{why}");
            let failure = failure("taken_over", why);
            retrying(RETRIES, || async {
                let closed = self.ledger.abandon_run(old, &failure, ambient.now()).await;
                closed.map_err(|error| RunError::store("lease", error))
            })
            .await?;
        }
        let failure = failure(
            "abandoned",
            format!("it left its row open; {run_id} found it and closed it"),
        );
        retrying(RETRIES, || async {
            let closed = self
                .ledger
                .abandon_others(pipeline, run_id, &failure, ambient.now())
                .await;
            closed.map_err(|error| RunError::store("lease", error))
        })
        .await
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.beat.abort();
    }
}

fn expiry(now: Timestamp) -> Timestamp {
    Timestamp::from_micros(now.micros() + TTL.as_micros() as i64)
}

/// Signs of life until the handle is aborted or the lease is lost.
fn beat_beside(store: Store, fence: Fence, run_id: &RunId, ambient: Ambient) -> AbortHandle {
    // Of its own: it ends a moment after the run, whose span would wait for it.
    let span = spans::beside_run("lease", run_id, &fence.pipeline);
    let beat = async move {
        loop {
            tokio::time::sleep(BEAT).await;
            let now = ambient.now();
            match store.beat_lease(&fence, now, expiry(now)).await {
                Ok(true) => {}
                Ok(false) => {
                    tracing::warn!(
                        pipeline = fence.pipeline,
                        "the lease is lost; the run stops at its next write"
                    );
                    return;
                }
                // The next one may get through in time; if none does, the fence keeps the peace.
                Err(error) => tracing::warn!(pipeline = fence.pipeline, %error, "no sign of life could be given"),
            }
        }
    };
    tokio::spawn(beat.instrument(span)).abort_handle()
}

/// The error for a person who asked for a run of a pipeline that is held.
pub fn held(pipeline: &str, row: &LeaseRow) -> RunError {
    let found = held_sentence(pipeline, row);
    let hint = "wait for it, or, if it is known to be dead, run again with --take-over";
    RunError::new("lease", Kind::LeaseHeld, found, hint)
}

/// Who holds a pipeline, and until when.
pub fn held_sentence(pipeline: &str, row: &LeaseRow) -> String {
    format!(
        "pipeline '{pipeline}' is held by {} until {} UTC, last sign of life at {} UTC",
        row.describe(),
        row.expires_at,
        row.heartbeat_at
    )
}
