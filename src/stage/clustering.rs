//! Clusters as a model holds them: axes made from a row's numbers, centroids, and one spread.
//!
//! Invariants: what [`Clustering::fault`] names; `train` makes nothing else and a stored artifact
//! with anything else is refused. These types are part of the artifact's format: a field's name is
//! as stored.
//!
//! Must not know: how the clusters were found, and what a verdict makes of them.

use serde::{Deserialize, Serialize};

use super::head::Head;
use super::params::MAX_CLUSTERS;
use super::table::Row;
use crate::vocab::Label;

/// As many features as a row has measures.
pub const MAX_FEATURES: usize = 3;

/// Clusters in a space of transformed features.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Clustering {
    /// The axes, 1 to [`MAX_FEATURES`].
    pub features: Vec<Feature>,
    /// The clusters in ascending order of pace, 1 to [`MAX_CLUSTERS`].
    pub clusters: Vec<Cluster>,
    /// The variance of one feature around its centroid, shared by all clusters; above zero.
    pub sigma2: f64,
    /// Rows whose squared distance to the nearest centroid is larger are outliers; none are without.
    pub cut: Option<f64>,
    /// What people's answers taught; it decides between run and walk where it is present. Left out of
    /// the text where it is absent, so that an artifact without answers has the bytes it always had.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head: Option<Head>,
}

/// One cluster.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cluster {
    /// What its rows are called.
    pub label: Label,
    /// Its centre, one number per feature, in transformed units.
    pub centroid: Vec<f64>,
}

/// One axis of the clustering.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Feature {
    /// The number of the row it is made from.
    pub measure: Measure,
    /// How.
    pub transform: Transform,
}

/// A number of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// Minutes per mile.
    AvgPace,
    /// Miles.
    DistanceMi,
    /// Minutes.
    DurationMin,
}

/// From a measure to a feature.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Transform {
    /// The natural logarithm.
    Ln,
    /// `(x - mean) / sd`.
    Zscore {
        /// The mean of the training rows.
        mean: f64,
        /// Their population standard deviation; above zero.
        sd: f64,
    },
}

impl Measure {
    /// The column that holds it.
    pub const fn column(self) -> &'static str {
        match self {
            Self::AvgPace => "avg_pace",
            Self::DistanceMi => "distance_mi",
            Self::DurationMin => "duration_min",
        }
    }

    pub(super) fn of(self, row: &Row) -> f64 {
        match self {
            Self::AvgPace => row.pace,
            Self::DistanceMi => row.distance,
            Self::DurationMin => row.duration,
        }
    }
}

impl Feature {
    /// The feature of `row`. Uses `libm`, whose bits do not depend on the machine.
    pub(super) fn value(&self, row: &Row) -> f64 {
        let x = self.measure.of(row);
        match self.transform {
            Transform::Ln => libm::log(x),
            Transform::Zscore { mean, sd } => (x - mean) / sd,
        }
    }

    /// The measure whose feature is `x`: the inverse of the transform.
    pub fn measured(&self, x: f64) -> f64 {
        match self.transform {
            Transform::Ln => libm::exp(x),
            Transform::Zscore { mean, sd } => x * sd + mean,
        }
    }

    /// `log_pace` for a logarithm, otherwise the column's name.
    pub fn name(&self) -> &'static str {
        match (self.measure, self.transform) {
            (Measure::AvgPace, Transform::Ln) => "log_pace",
            (Measure::DistanceMi, Transform::Ln) => "log_distance",
            (Measure::DurationMin, Transform::Ln) => "log_duration",
            (Measure::AvgPace, _) => "avg_pace",
            (Measure::DistanceMi, _) => "distance_mi",
            (Measure::DurationMin, _) => "duration_min",
        }
    }
}

impl Clustering {
    /// The centre of `cluster` in the units of the rows (min/mi, mi, min), one number per feature.
    pub fn measured(&self, cluster: &Cluster) -> Vec<f64> {
        let pairs = self.features.iter().zip(&cluster.centroid);
        pairs.map(|(feature, x)| feature.measured(*x)).collect()
    }

    /// True where some cluster is called `mixed`, so that a posterior has a third part.
    pub fn has_mixed(&self) -> bool {
        self.clusters.iter().any(|c| c.label == Label::Mixed)
    }

    /// True for a cluster of runs and one of walks: what a head decides between.
    fn run_and_walk(&self) -> bool {
        let labels = self.clusters.iter().map(|c| c.label);
        labels.eq([Label::RealRun, Label::PupWalk])
    }

    /// What keeps this from being used, in words.
    pub(super) fn fault(&self) -> Option<String> {
        let Self {
            features,
            clusters,
            sigma2,
            cut,
            head,
        } = self;
        if !(1..=MAX_FEATURES).contains(&features.len()) || !(1..=MAX_CLUSTERS).contains(&clusters.len()) {
            let (f, c) = (features.len(), clusters.len());
            return Some(format!(
                "{f} features and {c} clusters; at most {MAX_FEATURES} and {MAX_CLUSTERS}, at least 1"
            ));
        }
        if let Some(odd) = clusters.iter().find(|c| c.centroid.len() != features.len()) {
            let (n, f) = (odd.centroid.len(), features.len());
            return Some(format!("a centroid of {n} numbers beside {f} features"));
        }
        if clusters.iter().any(|c| c.label == Label::Outlier) {
            return Some("a cluster labelled 'outlier', which is no cluster's label".to_owned());
        }
        if head.is_some() && !self.run_and_walk() {
            return Some("a head beside clusters that are not one of runs and one of walks".to_owned());
        }
        let scaled = features.iter().all(|f| match f.transform {
            Transform::Ln => true,
            Transform::Zscore { mean, sd } => mean.is_finite() && sd.is_finite() && sd > 0.0,
        });
        let placed = clusters.iter().flat_map(|c| &c.centroid).all(|x| x.is_finite());
        let spread = sigma2.is_finite() && *sigma2 > 0.0 && cut.is_none_or(|cut| cut.is_finite() && cut >= 0.0);
        let taught = head.is_none_or(|head| head.is_finite());
        (!(scaled && placed && spread && taught))
            .then(|| "a number that is not finite, or a spread not above 0".to_owned())
    }
}
