//! What a run or a plan says of itself.
//!
//! Why: the same numbers go to a person, to other programs as JSON, and to the ledger; they are
//! gathered once, here.
//!
//! Invariants: `rows.read = classified + skipped + quarantined`; the outcome counts add up to
//! `rows.classified`; a key that has been published stays.
//!
//! Must not know: how it is printed.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::stage::columns::tally;
use crate::stage::diff::{ChangeSet, Counts, Transition};
use crate::stage::model::{Cluster, Model};
use crate::store::runs::{OutcomeCounts, RowCounts};

use super::choose::Chosen;
use super::gate::Gated;
use super::import::ImportReport;
use super::prepare::Prepared;

/// One cell of the from-to matrix: how many workouts went from one label to another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct MatrixCell {
    /// The label before; None for new workouts.
    pub from: Option<String>,
    /// The label after.
    pub to: String,
    /// Workouts.
    pub count: u64,
}

/// Whether a model was trained or reused, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DecisionSummary {
    /// `trained`, `reused`, or `none` for the era rule alone.
    pub action: &'static str,
    /// A sentence.
    pub reason: String,
}

/// The model of a run, and what became of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ModelSummary {
    /// Its id; None where the era rule spoke alone.
    pub model_id: Option<String>,
    /// Its semantic version.
    pub model_version: Option<String>,
    /// The algorithm.
    pub algorithm: String,
    /// Whether it is in production when the run is over.
    pub active: bool,
    /// The clusters: label, centroid in the units of the workouts, rows.
    pub clusters: Vec<ClusterSummary>,
    /// Rows it was trained on.
    pub training_rows: Option<u64>,
    /// SHA-256 of its artifact.
    pub artifact_sha256: Option<String>,
    /// The model it descends from.
    pub parent_model_id: Option<String>,
}

/// One cluster of a model.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ClusterSummary {
    /// The label it gives.
    pub label: String,
    /// Its centre in the units of the workouts (min/mi, mi, min), by column name.
    pub centroid: BTreeMap<&'static str, f64>,
}

/// What a run did, or what it would do.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunReport {
    /// Its id; None for a plan.
    pub run_id: Option<String>,
    /// The pipeline.
    pub pipeline: String,
    /// `succeeded`, `planned`, or for a run that classified nothing: `trained`, `candidate`.
    pub status: &'static str,
    /// Start of the window, inclusive.
    pub window_from: Option<String>,
    /// End of the window, exclusive.
    pub window_to: Option<String>,
    /// Row counts.
    pub rows: RowCounts,
    /// Outcome counts.
    pub changes: OutcomeCounts,
    /// Changed among the already classified, 0 to 1.
    pub churn: f64,
    /// History rows and current rows written; for a plan, what would be.
    pub rows_written: u64,
    /// From-to matrix of new and changed.
    pub matrix: Vec<MatrixCell>,
    /// Verdicts by label.
    pub labels: BTreeMap<String, u64>,
    /// Whether a model was trained or reused, and why.
    pub decision: DecisionSummary,
    /// The model.
    pub model: ModelSummary,
    /// A fresh model and what the gate said of it; None where none was compared.
    pub gate: Option<Gated>,
    /// Skipped rows by activity.
    pub skipped: BTreeMap<String, u64>,
    /// The imports that went before, one per file.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub imports: Vec<ImportReport>,
    /// True where the churn would stop a run that is not told to accept it.
    pub stopped_by_churn: bool,
    /// Chunks that were committed.
    pub chunks: u32,
    /// How often the run began again after a passing fault.
    pub retries: u32,
}

/// The outcome counts of a diff in the ledger's form.
pub fn outcome_counts(counts: &Counts) -> OutcomeCounts {
    OutcomeCounts {
        new: counts.new,
        changed: counts.changed,
        refreshed: counts.refreshed,
        protected: counts.protected,
        unchanged: counts.unchanged,
    }
}

/// The from-to matrix of a diff in the report's form.
pub fn matrix_cells(changes: &ChangeSet) -> Vec<MatrixCell> {
    let cell = |t: &Transition| MatrixCell {
        from: t.from.clone(),
        to: t.to.clone(),
        count: t.count,
    };
    changes.matrix.iter().map(cell).collect()
}

/// Verdicts by label.
pub fn label_counts(prepared: &Prepared) -> BTreeMap<String, u64> {
    tally(prepared.predictions.text("label"))
        .into_iter()
        .map(|(label, count)| (label.to_owned(), count))
        .collect()
}

/// What was decided, and why.
pub fn decision_summary(prepared: &Prepared) -> DecisionSummary {
    decision_of(&prepared.chosen, &prepared.decision)
}

/// What was decided, and why.
pub(super) fn decision_of(chosen: &Chosen, reason: &str) -> DecisionSummary {
    let action = match chosen {
        Chosen::Active(_) => "reused",
        Chosen::Fresh(_) => "trained",
        Chosen::EraOnly => "none",
    };
    DecisionSummary {
        action,
        reason: reason.to_owned(),
    }
}

/// The model of a prepared run; `active` says whether it is in production when the run is over.
pub fn model_summary(prepared: &Prepared, active: bool) -> ModelSummary {
    model_of(&prepared.chosen, &prepared.model, active)
}

/// A chosen model and its artifact; `active` as in [`model_summary`].
pub(super) fn model_of(chosen: &Chosen, artifact: &Model, active: bool) -> ModelSummary {
    let (training_rows, parent) = match chosen {
        Chosen::Active(row) => (
            row.training_workouts_count.map(|n| n.max(0) as u64),
            row.parent_model_id.clone(),
        ),
        Chosen::Fresh(model) => (
            Some(model.training_rows),
            model.parent.as_ref().map(ToString::to_string),
        ),
        Chosen::EraOnly => (None, None),
    };
    let model = chosen.model_ref();
    ModelSummary {
        model_id: model.map(|(id, _)| id.to_owned()),
        model_version: model.map(|(_, version)| version.to_owned()),
        algorithm: artifact.algorithm().to_string(),
        active,
        clusters: cluster_summaries(artifact),
        training_rows,
        artifact_sha256: model.map(|_| artifact.sha256()),
        parent_model_id: parent,
    }
}

/// The clusters of a model, in canonical order.
pub fn cluster_summaries(model: &Model) -> Vec<ClusterSummary> {
    let Some(clustering) = model.clustering() else {
        return Vec::new();
    };
    let names = clustering.features.iter().map(|feature| feature.measure.column());
    let summary = |cluster: &Cluster| ClusterSummary {
        label: cluster.label.to_string(),
        centroid: names.clone().zip(clustering.measured(cluster)).collect(),
    };
    clustering.clusters.iter().map(summary).collect()
}
