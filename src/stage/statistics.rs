//! What the registry keeps about a training beside the artifact.
//!
//! Invariants: every figure is about the rows that were used, except `valid_rows`, the dates and the
//! digest, which are about all valid rows; sums run in key order.

use std::collections::BTreeMap;

use rayon::prelude::*;
use serde_json::{Value, json};

use super::model::Model;
use super::points::CHUNK;
use super::table::Table;
use super::train::Learning;
use super::verdict::judge;
use crate::time::WorkoutDate;
use crate::vocab::Label;

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
    pub fn of(table: &Table<'_>, rows: &[u32]) -> Self {
        let dates = || rows.iter().map(|i| table.row(*i as usize).date);
        Self {
            first: dates().min(),
            last: dates().max(),
        }
    }
}

/// The training rows by the label that the model gives them.
pub(super) struct Labelled {
    confidence: Figures,
    by_label: BTreeMap<&'static str, Group>,
}

#[derive(Clone, Copy, Default)]
struct Group {
    confidence: Figures,
    pace: Figures,
    distance: Figures,
    duration: Figures,
}

/// A few figures of some numbers, taken in one after the other.
#[derive(Debug, Clone, Copy)]
struct Figures {
    count: u64,
    sum: f64,
    min: f64,
    max: f64,
    /// The summed squares of what [`Figures::deviate`] saw.
    squares: f64,
}

impl Default for Figures {
    fn default() -> Self {
        Self {
            count: 0,
            sum: 0.0,
            min: f64::INFINITY,
            max: f64::NEG_INFINITY,
            squares: 0.0,
        }
    }
}

impl Figures {
    fn push(&mut self, x: f64) {
        self.count += 1;
        self.sum += x;
        self.min = self.min.min(x);
        self.max = self.max.max(x);
    }

    /// The second pass, once `mean` is known: of all numbers, in the same order.
    fn deviate(&mut self, x: f64, mean: f64) {
        self.squares += (x - mean) * (x - mean);
    }

    fn of(&self, figure: impl FnOnce(&Self, f64) -> f64) -> Option<f64> {
        (self.count > 0).then(|| figure(self, self.count as f64))
    }

    fn mean(&self) -> Option<f64> {
        self.of(|f, n| f.sum / n)
    }

    fn min(&self) -> Option<f64> {
        self.of(|f, _| f.min)
    }

    fn max(&self) -> Option<f64> {
        self.of(|f, _| f.max)
    }

    /// `{mean, min, max, std}`, null for no numbers; std is the population's.
    fn summary(&self) -> Value {
        json!({
            "mean": self.mean(),
            "min": self.min(),
            "max": self.max(),
            "std": self.of(|f, n| (f.squares / n).sqrt()),
        })
    }
}

impl Labelled {
    pub fn of(model: &Model, table: &Table<'_>, rows: &[u32]) -> Self {
        let (labels, confidences) = verdicts(model, table, rows);
        let mut confidence = Figures::default();
        let mut groups = [Group::default(); Label::ALL.len()];
        for ((i, label), x) in rows.iter().zip(&labels).zip(&confidences) {
            let (row, group) = (table.row(*i as usize), &mut groups[*label as usize]);
            confidence.push(*x);
            group.confidence.push(*x);
            group.pace.push(row.pace);
            group.distance.push(row.distance);
            group.duration.push(row.duration);
        }
        let mean = confidence.mean().unwrap_or_default();
        let means = groups.map(|group| group.confidence.mean().unwrap_or_default());
        for (label, x) in labels.iter().zip(&confidences) {
            let label = *label as usize;
            confidence.deviate(*x, mean);
            groups[label].confidence.deviate(*x, means[label]);
        }
        let by_label = Label::ALL.iter().map(|label| (label.as_str(), groups[*label as usize]));
        Self {
            confidence,
            by_label: by_label.filter(|(_, group)| group.pace.count > 0).collect(),
        }
    }

    /// Rows by label; every label of the vocabulary that has rows.
    pub fn distribution(&self) -> BTreeMap<String, u64> {
        self.by_label
            .iter()
            .map(|(label, group)| ((*label).to_owned(), group.pace.count))
            .collect()
    }

    pub fn confidence_stats(&self) -> Value {
        let by_label: BTreeMap<&str, Value> = self
            .by_label
            .iter()
            .map(|(label, group)| (*label, group.confidence.summary()))
            .collect();
        let mut stats = self.confidence.summary();
        stats["by_label"] = json!(by_label);
        stats
    }

    pub fn label_stats(&self) -> Value {
        let stats: BTreeMap<&str, Value> = self
            .by_label
            .iter()
            .map(|(label, group)| {
                let value = json!({
                    "count": group.pace.count,
                    "mean_pace": group.pace.mean(),
                    "min_pace": group.pace.min(),
                    "max_pace": group.pace.max(),
                    "mean_distance": group.distance.mean(),
                    "mean_duration": group.duration.mean(),
                });
                (*label, value)
            })
            .collect();
        json!(stats)
    }
}

/// The label and the confidence of each of `rows`.
fn verdicts(model: &Model, table: &Table<'_>, rows: &[u32]) -> (Vec<Label>, Vec<f64>) {
    let mut labels = vec![Label::Mixed; rows.len()];
    let mut confidences = vec![0.0; rows.len()];
    let chunks = labels.par_chunks_mut(CHUNK).zip(confidences.par_chunks_mut(CHUNK));
    chunks
        .zip(rows.par_chunks(CHUNK))
        .for_each(|((labels, confidences), rows)| {
            for ((label, confidence), row) in labels.iter_mut().zip(confidences).zip(rows) {
                let verdict = judge(model, &table.row(*row as usize));
                (*label, *confidence) = (verdict.label, verdict.confidence);
            }
        });
    (labels, confidences)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_those_of_the_numbers_pushed() {
        let values = [2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0];
        let mut figures = Figures::default();
        assert_eq!(
            figures.summary(),
            json!({ "mean": null, "min": null, "max": null, "std": null })
        );
        values.iter().for_each(|x| figures.push(*x));
        values.iter().for_each(|x| figures.deviate(*x, 5.0));
        assert_eq!(
            figures.summary(),
            json!({ "mean": 5.0, "min": 2.0, "max": 9.0, "std": 2.0 })
        );
    }

    #[test]
    fn mean_and_deviation_are_the_populations() {
        assert_eq!(mean(&[1.0, 2.0, 6.0]), Some(3.0));
        assert_eq!(deviation(&[2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]), Some(2.0));
        assert_eq!((mean(&[]), deviation(&[])), (None, None));
    }
}
