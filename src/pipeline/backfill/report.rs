//! What a backfill says of itself.
//!
//! Why: the same numbers go to a person, to other programs as JSON, and to the ledger; a window that failed
//! must be found again, with the command that tries just it.
//!
//! Invariants: `windows.total = completed + already + failed + left`; `rows` and `changes` count what this
//! run did and no earlier one; a key that has been published stays.
//!
//! Must not know: how it is printed.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::stage::diff::churn;
use crate::store::runs::{OutcomeCounts, RowCounts, RunFailure};

use super::super::gate::Gated;
use super::super::report::{DecisionSummary, MatrixCell, ModelSummary};
use super::window::Ready;

/// The windows of a backfill by what became of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct WindowCounts {
    /// All windows of the range.
    pub total: u64,
    /// Done by this run.
    pub completed: u64,
    /// Done before it, and not done again.
    pub already: u64,
    /// Failed, in this run or before it and not tried again.
    pub failed: u64,
    /// Not reached.
    pub left: u64,
}

/// A window that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FailedWindow {
    /// Its number, from 0, by date.
    pub window_no: u32,
    /// Inclusive.
    pub from: String,
    /// Exclusive.
    pub to: String,
    /// How often it was tried, by all runs.
    pub attempts: u64,
    /// The error.
    pub failure: RunFailure,
    /// The command that tries just this one again.
    pub retry: String,
}

/// What a window did, or would do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WindowPlan {
    /// Its number, from 0, by date.
    pub window_no: u32,
    /// Inclusive.
    pub from: String,
    /// Exclusive.
    pub to: String,
    /// Row counts.
    pub rows: RowCounts,
    /// Outcome counts.
    pub changes: OutcomeCounts,
    /// History rows and current rows that would be written.
    pub rows_written: u64,
}

/// What a backfill did, or would do.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BackfillReport {
    /// Its run; None for a plan, and where there was nothing to do.
    pub run_id: Option<String>,
    /// The run that began this backfill: the same where it was not resumed.
    pub backfill_id: Option<String>,
    /// The pipeline.
    pub pipeline: String,
    /// `succeeded`, `partial` (windows failed or are left), `failed` (none is done), `planned`.
    pub status: &'static str,
    /// Start of the range, inclusive; None without workouts.
    pub window_from: Option<String>,
    /// End of the range, exclusive.
    pub window_to: Option<String>,
    /// The length of a window.
    pub window: String,
    /// The windows, counted.
    pub windows: WindowCounts,
    /// Row counts.
    pub rows: RowCounts,
    /// Outcome counts.
    pub changes: OutcomeCounts,
    /// Changed among the already classified, 0 to 1.
    pub churn: f64,
    /// True where the churn would stop a backfill that is not told to accept it.
    pub stopped_by_churn: bool,
    /// History rows and current rows written; for a plan, what would be.
    pub rows_written: u64,
    /// From-to matrix of new and changed.
    pub matrix: Vec<MatrixCell>,
    /// Whether a model was trained or reused, and why; None where nothing had to be decided.
    pub decision: Option<DecisionSummary>,
    /// The model.
    pub model: Option<ModelSummary>,
    /// A fresh model and what the gate said of it; None where none was compared.
    pub gate: Option<Gated>,
    /// Skipped rows by activity.
    pub skipped: BTreeMap<String, u64>,
    /// Transactions that were committed.
    pub chunks: u32,
    /// The windows that failed, by date.
    pub failed: Vec<FailedWindow>,
    /// The command that tries all of them again.
    pub retry: Option<String>,
    /// Why it stopped before the last window.
    pub stopped: Option<String>,
    /// For a plan: what each window would write.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub planned: Vec<WindowPlan>,
}

/// What is summed up over windows.
#[derive(Debug, Clone, Default)]
pub(super) struct Totals {
    pub rows: RowCounts,
    pub changes: OutcomeCounts,
    pub rows_written: u64,
    pub chunks: u32,
    pub skipped: BTreeMap<String, u64>,
    pub matrix: BTreeMap<(Option<String>, String), u64>,
}

impl Totals {
    /// Counts what was read in a window.
    pub fn add_read(&mut self, rows: &RowCounts, skipped: &BTreeMap<String, u64>) {
        self.rows.read += rows.read;
        self.rows.classified += rows.classified;
        self.rows.fallback += rows.fallback;
        self.rows.skipped += rows.skipped;
        self.rows.quarantined += rows.quarantined;
        for (activity, n) in skipped {
            *self.skipped.entry(activity.clone()).or_default() += n;
        }
    }

    /// Counts outcomes.
    pub fn add_changes(&mut self, changes: &OutcomeCounts) {
        self.changes.new += changes.new;
        self.changes.changed += changes.changed;
        self.changes.refreshed += changes.refreshed;
        self.changes.protected += changes.protected;
        self.changes.unchanged += changes.unchanged;
    }

    /// Counts transitions.
    pub fn add_matrix(&mut self, cells: &[MatrixCell]) {
        for cell in cells {
            *self.matrix.entry((cell.from.clone(), cell.to.clone())).or_default() += cell.count;
        }
    }

    /// Counts what a part has counted.
    pub fn add(&mut self, part: &Self) {
        self.add_read(&part.rows, &part.skipped);
        self.add_changes(&part.changes);
        for (transition, n) in &part.matrix {
            *self.matrix.entry(transition.clone()).or_default() += n;
        }
        self.rows_written += part.rows_written;
        self.chunks += part.chunks;
    }

    /// Counts a slice as its diff would write it.
    pub fn add_planned(&mut self, ready: &Ready, rows_written: u64) {
        self.add_read(&ready.rows, &ready.skipped);
        self.add_changes(&super::super::report::outcome_counts(&ready.changes.counts));
        self.add_matrix(&super::super::report::matrix_cells(&ready.changes));
        self.rows_written += rows_written;
    }

    /// Changed among the already classified that no person has set.
    pub fn churn(&self) -> f64 {
        churn(self.changes.changed, self.changes.refreshed, self.changes.unchanged)
    }

    /// The from-to matrix.
    pub fn matrix_cells(&self) -> Vec<MatrixCell> {
        let cell = |((from, to), count): (&(Option<String>, String), &u64)| MatrixCell {
            from: from.clone(),
            to: to.clone(),
            count: *count,
        };
        self.matrix.iter().map(cell).collect()
    }
}
