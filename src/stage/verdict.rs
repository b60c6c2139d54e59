//! The verdict on one row: the only place where a label and a confidence are made.
//!
//! Why: `classify`, `explain` and the statistics of `train` must never disagree, and a row's verdict
//! must depend on the row and the artifact alone (invariant 6). So all three call [`judge`], which
//! sees one row at a time.
//!
//! Invariants: only `+ - * /`, comparisons and `libm` functions in a fixed order, so the bits do not
//! depend on the batch, its order, the machine or vectorisation.
//!
//! Must not know: frames.

use serde::Serialize;

use super::logistic::logistic;
use super::model::{Cluster, Clustering, Feature, MAX_FEATURES, Model};
use super::params::MAX_CLUSTERS;
use super::table::Row;
use crate::vocab::Label;

/// The rule that decided a label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// A feature is absent or out of bounds: the era's label.
    OutOfBounds,
    /// The model has no clusters: the era's label.
    NoClusters,
    /// Farther from every centroid than the typicality cut: `outlier`.
    BeyondCut,
    /// The winner's posterior is below the band: `mixed`.
    BelowBand,
    /// The label of the nearest cluster.
    NearestCluster,
    /// The likelier side of the boundary that people's answers taught.
    Head,
}

impl std::fmt::Display for Rule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::OutOfBounds => "a feature is missing or out of bounds: the era's label",
            Self::NoClusters => "the model has no clusters: the era's label",
            Self::BeyondCut => "farther from every centroid than the typicality cut: outlier",
            Self::BelowBand => "the winner's posterior is below the band: mixed",
            Self::NearestCluster => "the label of the nearest cluster",
            Self::Head => "the likelier side of the boundary that people's answers taught",
        })
    }
}

/// The probability of each label that a cluster of the model has; they add up to 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Posterior {
    /// Of being a run.
    pub real_run: f64,
    /// Of being between the two; only for models with a cluster of that label.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mixed: Option<f64>,
    /// Of being a walk.
    pub pup_walk: f64,
}

/// What a model says of one row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Verdict {
    pub label: Label,
    /// From 0 to 1.
    pub confidence: f64,
    pub rule: Rule,
    /// Absent for the era fallback.
    pub nearest: Option<Nearest>,
}

/// Where a row stands among the clusters.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Nearest {
    /// The index of the nearest cluster; the lowest of several equally near.
    pub cluster: usize,
    /// The squared distance to its centroid.
    pub d2: f64,
    /// The label before `mixed` and `outlier` are considered: the head's where there is one, otherwise
    /// the cluster's.
    pub winner: Label,
    pub posterior: Posterior,
}

/// A row in a model's space.
pub(super) type Point = [f64; MAX_FEATURES];

/// The row in the model's space; entries above the number of features are 0.
pub(super) fn transformed(features: &[Feature], row: &Row) -> Point {
    let mut x = [0.0; MAX_FEATURES];
    for (x, feature) in x.iter_mut().zip(features) {
        *x = feature.value(row);
    }
    x
}

/// The squared Euclidean distances to the centroids; entries above the number of clusters are 0.
pub(super) fn distances(clusters: &[Cluster], x: &Point) -> [f64; MAX_CLUSTERS] {
    let mut d2 = [0.0; MAX_CLUSTERS];
    for (d2, cluster) in d2.iter_mut().zip(clusters) {
        for (x, c) in x.iter().zip(&cluster.centroid) {
            let difference = x - c;
            *d2 += difference * difference;
        }
    }
    d2
}

/// The model's verdict on `row`.
///
/// With a head, the posterior of a run is the logistic function of its log-odds, and the winner is
/// the label with the larger posterior, a run where both are equal. Without one, the posterior of a
/// cluster is `softmax(-d^2 / 2 sigma^2)` over the clusters, that of a label the sum over its clusters,
/// and the winner is the nearest cluster's label. In this order:
/// - no clusters, or outside the bounds: the era's label and confidence;
/// - `d^2` of the nearest cluster beyond the cut: `outlier`, with the winner's posterior times
///   `cut / d^2`, which is the posterior at the cut and fades with the distance;
/// - the winner's posterior below the band: `mixed`, with that posterior;
/// - otherwise the winner, with its posterior.
pub(super) fn judge(model: &Model, row: &Row) -> Verdict {
    let Some(clustering) = model.clustering() else {
        return fallback(model, row, Rule::NoClusters);
    };
    if !row.admitted(model.bounds()) {
        return fallback(model, row, Rule::OutOfBounds);
    }
    let d2 = distances(&clustering.clusters, &transformed(&clustering.features, row));
    let nearest = nearest(clustering, &d2, row);
    let winner = nearest.winner;
    let posterior = nearest.posterior.of(winner);
    let beyond = clustering.cut.filter(|cut| nearest.d2 > *cut);
    let (label, confidence, rule) = if let Some(cut) = beyond {
        (Label::Outlier, posterior * (cut / nearest.d2), Rule::BeyondCut)
    } else if posterior < model.mixed_band() {
        (Label::Mixed, posterior, Rule::BelowBand)
    } else if clustering.head.is_some() {
        (winner, posterior, Rule::Head)
    } else {
        (winner, posterior, Rule::NearestCluster)
    };
    Verdict {
        label,
        confidence,
        rule,
        nearest: Some(nearest),
    }
}

/// True where the row is an outlier, whatever its posterior.
pub(super) fn is_beyond_cut(clustering: &Clustering, row: &Row) -> bool {
    let d2 = distances(&clustering.clusters, &transformed(&clustering.features, row));
    let nearest = d2[smallest(&d2[..clustering.clusters.len()])];
    clustering.cut.is_some_and(|cut| nearest > cut)
}

fn fallback(model: &Model, row: &Row, rule: Rule) -> Verdict {
    Verdict {
        label: model.era().label(row.date),
        confidence: model.era().confidence,
        rule,
        nearest: None,
    }
}

/// The index of the smallest of `d2`, the lowest of several equal ones.
pub(super) fn smallest(d2: &[f64]) -> usize {
    let mut best = 0;
    for i in 1..d2.len() {
        if d2[i] < d2[best] {
            best = i;
        }
    }
    best
}

fn nearest(clustering: &Clustering, d2: &[f64; MAX_CLUSTERS], row: &Row) -> Nearest {
    let cluster = smallest(&d2[..clustering.clusters.len()]);
    let (posterior, winner) = match &clustering.head {
        Some(head) => of_log_odds(head.of_row(row)),
        None => (
            of_distances(clustering, d2, cluster),
            clustering.clusters[cluster].label,
        ),
    };
    Nearest {
        cluster,
        d2: d2[cluster],
        winner,
        posterior,
    }
}

/// Both sides from their own logistic function: one minus the other would round the small one away.
fn of_log_odds(z: f64) -> (Posterior, Label) {
    let posterior = Posterior {
        real_run: logistic(z),
        mixed: None,
        pup_walk: logistic(-z),
    };
    (posterior, if z >= 0.0 { Label::RealRun } else { Label::PupWalk })
}

fn of_distances(clustering: &Clustering, d2: &[f64; MAX_CLUSTERS], nearest: usize) -> Posterior {
    // Relative to the nearest, so that no exponential overflows and the largest is 1.
    let mut weights = [0.0; Label::ALL.len()];
    let mut total = 0.0;
    for (d2_i, c) in d2.iter().zip(&clustering.clusters) {
        // exp(0) is 1, and there is one in every row.
        let weight = if *d2_i == d2[nearest] {
            1.0
        } else {
            libm::exp((d2[nearest] - d2_i) / (2.0 * clustering.sigma2))
        };
        weights[c.label as usize] += weight;
        total += weight;
    }
    let of = |label: Label| weights[label as usize] / total;
    Posterior {
        real_run: of(Label::RealRun),
        mixed: clustering.has_mixed().then(|| of(Label::Mixed)),
        pup_walk: of(Label::PupWalk),
    }
}

impl Posterior {
    /// The probability of `label`; 0 for one that no cluster has.
    pub fn of(&self, label: Label) -> f64 {
        match label {
            Label::RealRun => self.real_run,
            Label::Mixed => self.mixed.unwrap_or(0.0),
            Label::PupWalk => self.pup_walk,
            Label::Outlier => 0.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stage::model::{Cluster, Feature, Measure, Transform};
    use crate::stage::params::Params;
    use crate::time::WorkoutDate;

    fn model(cut: f64) -> Model {
        let cluster = |label, at| Cluster {
            label,
            centroid: vec![at],
        };
        let clustering = Clustering {
            features: vec![Feature {
                measure: Measure::AvgPace,
                transform: Transform::Ln,
            }],
            clusters: vec![cluster(Label::RealRun, 2.0), cluster(Label::PupWalk, 3.0)],
            sigma2: 0.04,
            cut: Some(cut),
            head: None,
        };
        Model::new(&Params::default(), Some(clustering))
    }

    fn at(log_pace: f64) -> Row {
        Row {
            date: WorkoutDate::from_micros(0),
            pace: libm::exp(log_pace),
            distance: 3.0,
            duration: 30.0,
        }
    }

    #[test]
    fn confidence_is_continuous_at_the_cut_and_fades_beyond() {
        let model = model(0.25);
        let (within, beyond, far) = (
            judge(&model, &at(1.5 + 1e-9)),
            judge(&model, &at(1.5 - 1e-9)),
            judge(&model, &at(1.0)),
        );
        assert_eq!(
            (within.label, beyond.label, far.label),
            (Label::RealRun, Label::Outlier, Label::Outlier)
        );
        assert!((within.confidence - beyond.confidence).abs() < 1e-7);
        assert!((far.confidence - 0.25).abs() < 1e-6, "{}", far.confidence);
    }

    #[test]
    fn an_outlier_is_not_mixed_and_far_rows_do_not_overflow() {
        let verdict = judge(&model(1e-6), &at(2.5));
        assert_eq!((verdict.label, verdict.rule), (Label::Outlier, Rule::BeyondCut));
        let far = judge(&model(1e9), &at(-600.0));
        assert_eq!((far.label, far.confidence), (Label::RealRun, 1.0));
    }
}
