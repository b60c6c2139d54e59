//! The spans of a run: which run a line is of, and how long its stages take.
//!
//! Why: a run is at work in several tasks and threads. Each of them is told which span it belongs to, or its lines
//! would belong to nobody.
//!
//! Invariants: the span of a run carries `run_id`, and is of the level ERROR so that no filter drops it; stages
//! are spans of the level INFO directly below it. Both cost a look at a flag where nobody records them.
//!
//! Must not know: who records.

use tracing::{Span, error_span};

use crate::id::RunId;
use crate::vocab::Trigger;

/// The span that everything of a run happens in.
pub fn of_run(run_id: &RunId, pipeline: &str, trigger: Trigger) -> Span {
    error_span!("run", run_id = run_id.as_str(), pipeline, trigger = trigger.as_str())
}

/// The span of what goes on beside a run and may outlive it, such as the signs of life of its lease.
pub(super) fn beside_run(name: &'static str, run_id: &RunId, pipeline: &str) -> Span {
    error_span!(parent: None, "beside", of = name, run_id = run_id.as_str(), pipeline)
}

/// Work for another thread, in the span that it was made in.
pub(super) fn carried<T>(work: impl FnOnce() -> T) -> impl FnOnce() -> T {
    let span = Span::current();
    move || span.in_scope(work)
}
