//! The feedback rule: do enough corrections wait to begin a run for them.
//!
//! Why: a person who has corrected a handful of workouts should not have to wait for the night to see that
//! the model has learnt. But a run may leave its corrections waiting (it failed, or there was too little to
//! train on), and must not be begun again every minute for them.
//!
//! Invariants: between two runs of one pipeline for feedback lies a rest, unless as many corrections as are
//! asked for were given since the first began; so what begins runs is people or time, never a run.
//!
//! Must not know: how corrections are counted (`pipeline::waiting`), what a run does.

use crate::pipeline::RunError;
use crate::pipeline::waiting::Waiting;
use crate::store::Store;
use crate::store::runs::ScheduledRun;
use crate::time::Timestamp;
use crate::vocab::Trigger;

use super::Entry;

/// How long the corrections that a run has left waiting do not begin another one, in microseconds.
const REST: i64 = 3_600_000_000;

/// Whether to begin a run for `waiting` at `now`, where the last one for feedback began at `last`.
pub fn enough(waiting: &Waiting, threshold: u64, last: Option<Timestamp>, now: Timestamp) -> bool {
    let counted = match last {
        Some(last) if now.micros().saturating_sub(last.micros()) < REST => waiting.since(last),
        _ => waiting.count(),
    };
    counted >= threshold
}

/// What a look at the feedback found.
pub(super) struct Seen {
    /// How many corrections wait.
    pub(super) waiting: u64,
    /// Whether a run is to begin for them.
    pub(super) enough: bool,
    /// The last run of the pipeline for feedback.
    pub(super) last: Option<ScheduledRun>,
}

/// Looks at the feedback for a pipeline that watches it; None for another. `failed` is when a run for
/// feedback was tried last and could not even be entered.
pub(super) async fn look(
    store: &Store,
    entry: &Entry,
    failed: Option<Timestamp>,
    now: Timestamp,
) -> Result<Option<Seen>, RunError> {
    let Some(threshold) = entry.watches() else {
        return Ok(None);
    };
    let last = store.last_begun(&entry.pipeline.name, Trigger::Feedback).await;
    let last = last.map_err(|error| RunError::store("schedule", error))?;
    let waiting = Waiting::read(store).await?;
    let begun = last.as_ref().map(|run| run.started_at).max(failed);
    Ok(Some(Seen {
        waiting: waiting.count(),
        enough: enough(&waiting, threshold, begun, now),
        last,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn t(minute: i64) -> Timestamp {
        Timestamp::from_micros(minute * 60_000_000)
    }

    #[test]
    fn the_first_run_begins_with_the_last_correction_that_is_asked_for() {
        let waiting = Waiting::of([t(1), t(2), t(2)]);
        assert!(!enough(&waiting, 4, None, t(3)));
        assert!(enough(&waiting, 3, None, t(3)));
        assert!(!enough(&Waiting::default(), 1, None, t(3)));
    }

    #[test]
    fn what_a_run_has_left_waiting_rests_for_an_hour() {
        let waiting = Waiting::of([t(1), t(2), t(3)]);
        for minute in 4..64 {
            assert!(!enough(&waiting, 3, Some(t(4)), t(minute)), "minute {minute}");
        }
        assert!(enough(&waiting, 3, Some(t(4)), t(64)));
    }

    #[test]
    fn as_many_new_ones_as_are_asked_for_do_not_wait_for_it() {
        let two_new = Waiting::of([t(1), t(2), t(3), t(4), t(5)]);
        assert!(!enough(&two_new, 3, Some(t(4)), t(6)));
        let three_new = Waiting::of([t(1), t(4), t(5), t(6)]);
        assert!(enough(&three_new, 3, Some(t(4)), t(6)));
    }
}
