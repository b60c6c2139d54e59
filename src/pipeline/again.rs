//! Trying again after a passing fault: the one policy of all commands.
//!
//! Why: a deadlock or a lost connection must not end a night. What fails for any other reason fails at once.
//!
//! Invariants: only [`Kind::Transient`] is tried again, a bounded number of times, with growing pauses and
//! jitter, so that two commands which collided do not collide again in step.
//!
//! Must not know: what is tried.

use std::time::{Duration, Instant};

use backon::{ExponentialBuilder, Retryable};

use crate::store::StoreError;

use super::{Kind, RunError};

/// How often a run begins again after a passing fault.
pub const MAX_RETRIES: u32 = 4;
/// How often a short step is tried again: some 20 s in all. Somebody's correction may have to find its
/// place between the transactions of a long run.
const STEP_RETRIES: usize = 10;

/// No try begins later than this after the first: each may have to wait for a lock that never comes free.
const PATIENCE: Duration = Duration::from_secs(60);

/// The pauses: 50 ms, growing to 5 s.
pub(super) fn pauses() -> ExponentialBuilder {
    ExponentialBuilder::default()
        .with_jitter()
        .with_min_delay(Duration::from_millis(50))
        .with_max_delay(Duration::from_secs(5))
        .with_max_times(STEP_RETRIES)
}

/// Does `work`, and does it again after a passing fault.
///
/// # Errors
/// The last error of `work`.
pub async fn retried<T, F>(work: impl FnMut() -> F) -> Result<T, RunError>
where
    F: Future<Output = Result<T, RunError>>,
{
    let began = Instant::now();
    work.retry(pauses())
        .when(|error| may_pass(error) && began.elapsed() < PATIENCE)
        .await
}

/// A race that was lost stays lost: who asked had another state in mind.
fn may_pass(error: &RunError) -> bool {
    let lost = matches!(error.source.downcast_ref(), Some(StoreError::LostRace { .. }));
    error.kind == Kind::Transient && !lost
}
