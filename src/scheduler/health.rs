//! What a supervisor may ask: is the loop alive, and how did each pipeline fare.
//!
//! Invariants: plain values; a key that has been published stays.
//!
//! Must not know: where it is written.

use serde::Serialize;

/// What the loop does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Looking once a minute.
    Watching,
    /// Told to stop; finishing the run that goes on.
    Stopping,
}

/// The loop and its pipelines. Times are UTC.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Health {
    /// The process, in words.
    pub process: String,
    /// What it does.
    pub state: State,
    /// When it began.
    pub started_at: String,
    /// When it looked last: older than a few minutes, it hangs.
    pub last_tick: Option<String>,
    /// Each pipeline.
    pub pipelines: Vec<PipelineHealth>,
}

/// One pipeline. The last run is the ledger's last one that a scheduler began or skipped, whichever scheduler.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PipelineHealth {
    /// Its name.
    pub pipeline: String,
    /// Its pattern; None where it only watches what people say.
    pub cron: Option<String>,
    /// The zone of the pattern.
    pub timezone: &'static str,
    /// How many waiting corrections begin a run; None where it does not watch them.
    pub on_feedback: Option<u64>,
    /// How many waited when they were counted last, which is at each look that finds it neither due nor running.
    pub waiting: Option<u64>,
    /// Whether this scheduler runs it now, or has it waiting in line.
    pub running: bool,
    /// The last run.
    pub last_run_id: Option<String>,
    /// How that stands.
    pub last_status: Option<String>,
    /// When it began, or was skipped.
    pub last_started_at: Option<String>,
    /// What went wrong when it was looked at last, also where the ledger could not be reached.
    pub last_error: Option<String>,
    /// The next occurrence.
    pub next_due: Option<String>,
}
