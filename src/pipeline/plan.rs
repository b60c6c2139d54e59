//! What a run would write, without writing it.
//!
//! Why: a person who is about to relabel ten thousand workouts wants to see which.
//!
//! Invariants: a plan followed by a run on the same store writes exactly the planned rows, because
//! both come from `prepare`; a plan writes nothing, not even a ledger row.
//!
//! Must not know: how rows are printed.

use serde::Serialize;

use crate::config::Pipeline;
use crate::stage::diff::Outcome;
use crate::store::Store;

use super::choose::Chosen;
use super::prepare::{Options, Prepared, prepare};
use super::report::{RunReport, decision_summary, label_counts, matrix_cells, model_summary, outcome_counts};
use super::write::{chunks_of, rows_of};
use super::{Ambient, RunError};

/// One row that a run would write.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PlannedRow {
    /// The workout.
    pub workout_id: String,
    /// `new`, `changed`, `refreshed` or `protected`.
    pub outcome: &'static str,
    /// The label before.
    pub from: Option<String>,
    /// The label after; for `protected`, what the model would have said.
    pub to: String,
    /// Its confidence.
    pub confidence: f64,
}

/// A plan: the report of the run that would be, and its rows in workout order.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// Counts, matrix, model, decision.
    pub report: RunReport,
    /// Every row that would be written.
    pub rows: Vec<PlannedRow>,
}

/// Plans a run.
///
/// # Errors
/// [`RunError`] of the stage that failed.
pub async fn plan(store: &Store, pipeline: &Pipeline, options: &Options, ambient: &Ambient) -> Result<Plan, RunError> {
    let prepared = prepare(store, pipeline, options, ambient).await?;
    let rows = planned_rows(&prepared);
    let report = report_of(&prepared, pipeline, options);
    Ok(Plan { report, rows })
}

/// The report of a prepared run before anything is written.
pub(super) fn report_of(prepared: &Prepared, pipeline: &Pipeline, options: &Options) -> RunReport {
    let churn = prepared.changes.churn();
    let would_activate = !(options.no_activate && matches!(prepared.chosen, Chosen::Fresh(_)));
    let chunks = chunks_of(&prepared.changes, pipeline.chunk_rows).count();
    let rows_written = if would_activate {
        rows_of(&prepared.changes, pipeline.log_refreshed)
    } else {
        0
    };
    RunReport {
        run_id: None,
        pipeline: pipeline.name.clone(),
        status: "planned",
        window_from: prepared.window.from.map(|date| date.to_string()),
        window_to: prepared.window.to.map(|date| date.to_string()),
        rows: prepared.rows,
        changes: outcome_counts(&prepared.changes.counts),
        churn,
        rows_written,
        matrix: matrix_cells(&prepared.changes),
        labels: label_counts(prepared),
        decision: decision_summary(prepared),
        model: model_summary(prepared, would_activate && prepared.model_ref().is_some()),
        skipped: prepared.skipped.clone(),
        imports: Vec::new(),
        stopped_by_churn: churn > prepared.allowed_churn && !options.accept_churn,
        gate: prepared.gate.clone(),
        chunks: chunks as u32,
        retries: 0,
    }
}

fn planned_rows(prepared: &Prepared) -> Vec<PlannedRow> {
    let ids = prepared.predictions.ids();
    let labels = prepared.predictions.text("label");
    let confidences = prepared.predictions.real("confidence");
    let stored = prepared.current.texts("current_classification");
    let row = |change: &crate::stage::diff::Change| {
        let row = change.prediction as usize;
        PlannedRow {
            workout_id: ids.get(row).unwrap_or_default().to_owned(),
            outcome: outcome_word(change.outcome),
            from: change
                .current
                .and_then(|row| stored.get(row as usize))
                .map(str::to_owned),
            to: labels.get(row).unwrap_or_default().to_owned(),
            confidence: confidences.get(row).unwrap_or_default(),
        }
    };
    prepared.changes.changes.iter().map(row).collect()
}

fn outcome_word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::New => "new",
        Outcome::Changed => "changed",
        Outcome::Refreshed => "refreshed",
        Outcome::Protected => "protected",
        Outcome::Unchanged => "unchanged",
    }
}
