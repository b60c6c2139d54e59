//! What the registry keeps about a training beside the artifact.
//!
//! Invariants: every figure is about the rows that were used, except `valid_rows`, the dates and the
//! digest, which are about all valid rows; sums run in key order.

use std::collections::BTreeMap;

use rayon::prelude::*;
use serde_json::{Value, json};

use super::model::Model;
use super::table::{Row, Table};
use super::train::Learning;
use super::verdict::{Verdict, judge};
use crate::time::WorkoutDate;

/// What a model was trained on and how well it fits.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainingStats {
    /// Rows used.
    pub rows: usize,
    /// Rows within the bounds; more than `rows` where a sample was used.
    pub valid_rows: usize,
    /// The sum of squared distances to the nearest centroid, in transformed units.
    pub inertia: f64,
    /// The mean silhouette, from -1 to 1.
    pub silhouette: Option<f64>,
    /// `exact`, `sample of N, seed S`, or `none: ..` with the reason.
    pub silhouette_method: String,
    /// Lloyd iterations on the rows used.
    pub iterations: usize,
    /// False where the bound on the iterations was hit before the centroids stood still.
    pub converged: bool,
    /// Rows by nearest cluster, in the order of the clusters.
    pub cluster_sizes: Vec<u64>,
    /// Rows by the label the model gives them, `mixed` and `outlier` included.
    pub cluster_distribution: BTreeMap<String, u64>,
    /// `{mean, min, max, std, by_label: {label: {mean, min, max, std}}}`, null without rows.
    pub confidence_stats: Value,
    /// `{label: {count, mean_pace, min_pace, max_pace, mean_distance, mean_duration}}`.
    pub label_stats: Value,
    /// The earliest valid workout.
    pub date_start: Option<WorkoutDate>,
    /// The latest valid workout.
    pub date_end: Option<WorkoutDate>,
    /// The digest over all valid rows; see [`super::fingerprint`].
    pub data_sha256: String,
    /// What was learnt from people; absent where nobody said anything.
    pub learning: Option<Learning>,
    /// For people: what was sampled or cut short, and what became of their answers. Empty when nothing was.
    pub notes: Vec<String>,
}

/// The first and the last date of some rows.
pub(super) struct Spans {
    pub first: Option<WorkoutDate>,
    pub last: Option<WorkoutDate>,
}

impl Spans {
    pub fn of(table: &Table<'_>, rows: &[usize]) -> Self {
        let dates = || rows.iter().map(|i| table.row(*i).date);
        Self {
            first: dates().min(),
            last: dates().max(),
        }
    }
}

/// The training rows by the label that the model gives them.
pub(super) struct Labelled {
    all: Vec<f64>,
    by_label: BTreeMap<&'static str, Group>,
}

#[derive(Default)]
struct Group {
    confidence: Vec<f64>,
    pace: Vec<f64>,
    distance: Vec<f64>,
    duration: Vec<f64>,
}

impl Group {
    fn push(&mut self, row: &Row, confidence: f64) {
        self.confidence.push(confidence);
        self.pace.push(row.pace);
        self.distance.push(row.distance);
        self.duration.push(row.duration);
    }
}

impl Labelled {
    pub fn of(model: &Model, table: &Table<'_>, rows: &[usize]) -> Self {
        let mut all = Vec::with_capacity(rows.len());
        let mut by_label: BTreeMap<&'static str, Group> = BTreeMap::new();
        let verdicts: Vec<Verdict> = rows.par_iter().map(|i| judge(model, &table.row(*i))).collect();
        for (i, verdict) in rows.iter().zip(verdicts) {
            let row = table.row(*i);
            all.push(verdict.confidence);
            by_label
                .entry(verdict.label.as_str())
                .or_default()
                .push(&row, verdict.confidence);
        }
        Self { all, by_label }
    }

    /// Rows by label; every label of the vocabulary that has rows.
    pub fn distribution(&self) -> BTreeMap<String, u64> {
        self.by_label
            .iter()
            .map(|(label, group)| ((*label).to_owned(), group.pace.len() as u64))
            .collect()
    }

    pub fn confidence_stats(&self) -> Value {
        let by_label: BTreeMap<&str, Value> = self
            .by_label
            .iter()
            .map(|(label, group)| (*label, summary(&group.confidence)))
            .collect();
        let mut stats = summary(&self.all);
        stats["by_label"] = json!(by_label);
        stats
    }

    pub fn label_stats(&self) -> Value {
        let stats: BTreeMap<&str, Value> = self
            .by_label
            .iter()
            .map(|(label, group)| {
                let value = json!({
                    "count": group.pace.len(),
                    "mean_pace": mean(&group.pace),
                    "min_pace": extreme(&group.pace, f64::min),
                    "max_pace": extreme(&group.pace, f64::max),
                    "mean_distance": mean(&group.distance),
                    "mean_duration": mean(&group.duration),
                });
                (*label, value)
            })
            .collect();
        json!(stats)
    }
}

/// `{mean, min, max, std}`, null for no values; std is the population's.
fn summary(values: &[f64]) -> Value {
    json!({
        "mean": mean(values),
        "min": extreme(values, f64::min),
        "max": extreme(values, f64::max),
        "std": deviation(values),
    })
}

/// The arithmetic mean, summed in order.
pub(super) fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// The population standard deviation around the mean, in two passes.
pub(super) fn deviation(values: &[f64]) -> Option<f64> {
    let mean = mean(values)?;
    let squares: f64 = values.iter().map(|v| (v - mean) * (v - mean)).sum();
    Some((squares / values.len() as f64).sqrt())
}

fn extreme(values: &[f64], pick: fn(f64, f64) -> f64) -> Option<f64> {
    values.iter().copied().reduce(pick)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mean_and_deviation_are_the_populations() {
        assert_eq!(mean(&[1.0, 2.0, 6.0]), Some(3.0));
        assert_eq!(deviation(&[2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]), Some(2.0));
        assert_eq!((mean(&[]), deviation(&[])), (None, None));
    }
}
