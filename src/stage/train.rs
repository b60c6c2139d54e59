//! The stage that makes a model from rows.
//!
//! Invariants: the same rows, feedback, parameters and seed give the same artifact bytes, in any order of the
//! rows and on any number of threads: every sum runs in a fixed order. Clusters come out in
//! ascending order of pace, so a retrain never permutes labels.
//!
//! Must not know: the model before, the registry, how feedback is stored.

mod anchored;
mod kmeans;
mod learning;
mod lloyd;
pub(super) mod sample;
pub(super) mod teach;

use super::feedback::Feedback;
use super::fingerprint::Fingerprint;
use super::frame::{Features, Frame};
use super::head::Head;
use super::model::{Cluster, Clustering, Feature, MAX_FEATURES, Model};
use super::params::{MAX_CLUSTERS, Params, ParamsError};
use super::points::Points;
use super::silhouette;
pub use super::statistics::TrainingStats;
use super::statistics::{Labelled, Spans};
use super::table::Table;
use super::verdict::Point;
use crate::vocab::{Algorithm, Label};
pub use learning::Learning;
use sample::{Purpose, generator, indices};
use teach::{Examples, Teacher};

/// The cut is never nearer to a centroid than this many sigmas, squared: the floor that keeps a
/// small or tight history from calling its own tail outliers.
const CUT_FLOOR_SIGMAS_SQUARED: f64 = 16.0;

/// A model whose clusters have no spread at all (as many distinct rows as clusters) still needs one.
const MIN_SIGMA2: f64 = 1e-4;

/// What [`train`] returns.
#[derive(Debug, Clone)]
pub struct Trained {
    /// The model.
    pub model: Model,
    /// What it was trained on and how well it fits.
    pub stats: TrainingStats,
}

/// Why there is no model.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// A parameter is out of range.
    #[error(transparent)]
    Params(#[from] ParamsError),
    /// `kmeans` cannot place its clusters.
    #[error(
        "kmeans needs at least {needed} different rows within the bounds, found {found} rows, {distinct} of them \
         different; widen the window, lower k or use anchored-kmeans, which needs none"
    )]
    TooFew {
        /// The number of clusters.
        needed: usize,
        /// Valid rows.
        found: usize,
        /// Of which so many differ from one another, counted up to `needed`.
        distinct: usize,
    },
    /// The clustering library gave up.
    #[error("k-means gave up on {rows} rows: {reason}")]
    Clustering {
        /// How many rows it saw.
        rows: usize,
        /// Its own words.
        reason: String,
    },
}

/// What a clustering found; the rest of a model follows from it and the rows.
struct Found {
    features: Vec<Feature>,
    /// Ascending by pace, in transformed units.
    centroids: Vec<Vec<f64>>,
    /// One per centroid.
    labels: Vec<Label>,
    /// As how many one-feature rows the prior counts in the variance.
    prior_rows: f64,
    /// Their sum of squares.
    prior_squares: f64,
    /// Lloyd iterations on all rows.
    iterations: usize,
    /// False where the bound on the iterations was hit first.
    converged: bool,
    /// For people: what was sampled or cut short.
    notes: Vec<String>,
}

/// Trains a model on the rows within `params.bounds`; the others are left out.
///
/// `anchored-kmeans` succeeds on any rows, none included; `kmeans` needs `params.k` different ones.
/// Above `params.max_training_rows` valid rows a seeded sample is used, and the notes say so.
/// `sigma^2` is the mean squared distance to the nearest centroid per feature, with the prior's
/// pseudo-rows; the typicality cut is the larger of the order statistic that leaves at most
/// `params.outlier_share` of the rows beyond it and `(4 sigma)^2`.
///
/// What people agree to be runs and walks among the valid rows, sampled or not, teaches
/// `anchored-kmeans` a head ([`Learning`]); `kmeans` learns nothing from feedback and says so.
///
/// # Errors
/// [`TrainError`].
pub fn train(
    features: &Frame<Features>,
    feedback: &Feedback,
    params: &Params,
    seed: u64,
) -> Result<Trained, TrainError> {
    let ground = Ground::of(features, params, seed)?;
    let (head, learning) = ground.learn(features, feedback);
    let Ground {
        table,
        valid_rows,
        spans,
        rows,
        points,
        fit,
        mut notes,
        iterations,
        converged,
        ..
    } = ground;
    notes.extend(learning.iter().flat_map(|learning| learning.notes(feedback)));
    let (silhouette, fingerprint) = rayon::join(
        || silhouette::measure(&points, &fit.nearest, fit.clustering.clusters.len(), seed),
        || Fingerprint::of(features, &params.bounds),
    );
    let cluster_sizes = sizes(&fit.nearest, fit.clustering.clusters.len());
    // A long history is large: what is done with goes before the next is made.
    drop((points, fit.nearest));
    let model = Model::new(params, Some(fit.clustering)).with_head(head);
    let labelled = Labelled::of(&model, &table, &rows);
    let stats = TrainingStats {
        rows: rows.len(),
        valid_rows,
        inertia: fit.inertia,
        silhouette: silhouette.value,
        silhouette_method: silhouette.method,
        iterations,
        converged,
        cluster_sizes,
        cluster_distribution: labelled.distribution(),
        confidence_stats: labelled.confidence_stats(),
        label_stats: labelled.label_stats(),
        date_start: spans.first,
        date_end: spans.last,
        data_sha256: fingerprint.data_sha256,
        learning,
        notes,
    };
    Ok(Trained { model, stats })
}

/// A training before anybody is asked: everything that does not depend on answers.
pub(super) struct Ground<'a> {
    pub table: Table<'a>,
    params: &'a Params,
    valid_rows: usize,
    spans: Spans,
    rows: Vec<u32>,
    points: Points,
    fit: Fit,
    notes: Vec<String>,
    iterations: usize,
    converged: bool,
}

impl<'a> Ground<'a> {
    /// Clusters the rows of `features` within `params.bounds`.
    pub fn of(features: &'a Frame<Features>, params: &'a Params, seed: u64) -> Result<Self, TrainError> {
        params.check()?;
        let table = Table::of(features);
        let mut rows = table.valid(&params.bounds);
        let (valid_rows, spans) = (rows.len(), Spans::of(&table, &rows));
        let used = params.max_training_rows;
        if used < valid_rows {
            let picked = indices(valid_rows, used, &mut generator(seed, Purpose::TrainingRows));
            rows = picked.into_iter().map(|i| rows[i]).collect();
        }
        let (found, points) = cluster(&table, &rows, params, seed)?;
        let mut notes = found.notes.clone();
        if used < valid_rows {
            let note = format!("trained on a sample of {used} of {valid_rows} valid rows, seed {seed}");
            notes.insert(0, note);
        }
        let (iterations, converged) = (found.iterations, found.converged);
        let fit = settle(found, &points, params);
        Ok(Self {
            table,
            params,
            valid_rows,
            spans,
            rows,
            points,
            fit,
            notes,
            iterations,
            converged,
        })
    }

    /// The model without answers.
    pub fn model(&self) -> Model {
        Model::new(self.params, Some(self.fit.clustering.clone()))
    }

    /// What learns from answers; None for an algorithm that does not.
    pub fn teacher(&self) -> Option<Teacher> {
        match self.params.algorithm {
            Algorithm::AnchoredKmeans => Some(Teacher::of(&self.fit.clustering, &self.table, &self.rows)),
            Algorithm::Kmeans => None,
        }
    }

    /// What people agree to be runs and walks among the workouts of `features`.
    pub fn examples(&self, features: &Frame<Features>, feedback: &Feedback) -> Examples {
        let ids = features.ids().iter().map(Option::unwrap_or_default);
        let (bounds, clustering) = (&self.params.bounds, &self.fit.clustering);
        Examples::of(&self.table, ids, feedback.lessons(), bounds, clustering)
    }

    fn learn(&self, features: &Frame<Features>, feedback: &Feedback) -> (Option<Head>, Option<Learning>) {
        if feedback.is_empty() {
            return (None, None);
        }
        let examples = self.examples(features, feedback);
        // Sorting a long history for nobody's answers would be in vain.
        let teacher = if examples.found.is_empty() {
            None
        } else {
            self.teacher()
        };
        let taught = teacher.and_then(|teacher| teacher.teach(&examples.found));
        let learning = Learning::of(self.params.algorithm, feedback, &examples, taught.as_ref());
        (taught.map(|taught| taught.head), Some(learning))
    }
}

/// Runs the clustering of `params` on `rows`; returns their points as well.
fn cluster(table: &Table<'_>, rows: &[u32], params: &Params, seed: u64) -> Result<(Found, Points), TrainError> {
    let features = match params.algorithm {
        Algorithm::AnchoredKmeans => anchored::features(),
        Algorithm::Kmeans => kmeans::features(table, rows),
    };
    let points = Points::of(table, rows, &features);
    let found = match params.algorithm {
        Algorithm::AnchoredKmeans => anchored::fit(points.first(), params),
        Algorithm::Kmeans => kmeans::fit(features, &points, params, seed)?,
    };
    Ok((found, points))
}

/// A clustering whose spread and cut are known.
struct Fit {
    clustering: Clustering,
    /// The index of the nearest cluster of each point.
    nearest: Vec<u8>,
    /// The sum of the points' squared distances to it, in transformed units.
    inertia: f64,
}

fn settle(found: Found, points: &Points, params: &Params) -> Fit {
    let centroids: Vec<Point> = found.centroids.iter().map(|c| padded(c)).collect();
    let clusters: Vec<Cluster> = found
        .labels
        .into_iter()
        .zip(found.centroids)
        .map(|(label, centroid)| Cluster { label, centroid })
        .collect();
    let (nearest, mut d2) = points.nearest(&centroids);
    let inertia: f64 = d2.iter().sum();
    let numbers = (points.len() * found.features.len()) as f64;
    let sigma2 = ((inertia + found.prior_squares) / (numbers + found.prior_rows)).max(MIN_SIGMA2);
    let floor = CUT_FLOOR_SIGMAS_SQUARED * sigma2;
    let cut = (params.outlier_share > 0.0).then(|| beyond(&mut d2, params.outlier_share).max(floor));
    let clustering = Clustering {
        features: found.features,
        clusters,
        sigma2,
        cut,
        head: None,
    };
    Fit {
        clustering,
        nearest,
        inertia,
    }
}

fn padded(centroid: &[f64]) -> Point {
    let mut point = [0.0; MAX_FEATURES];
    point[..centroid.len()].copy_from_slice(centroid);
    point
}

/// The smallest of `d2` beyond which lie at most `share` of them; 0 for none. Reorders `d2`.
fn beyond(d2: &mut [f64], share: f64) -> f64 {
    let allowed = (d2.len() as f64 * share).floor() as usize;
    let Some(rank) = d2.len().checked_sub(allowed + 1) else {
        return 0.0;
    };
    *d2.select_nth_unstable_by(rank, f64::total_cmp).1
}

fn sizes(nearest: &[u8], clusters: usize) -> Vec<u64> {
    let mut sizes = [0; MAX_CLUSTERS];
    for i in nearest {
        sizes[usize::from(*i)] += 1;
    }
    sizes[..clusters].to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_most_the_share_lies_beyond_the_cut() {
        let mut d2: Vec<f64> = (0..1_000).map(f64::from).collect();
        assert_eq!(beyond(&mut d2, 0.005), 994.0);
        assert_eq!(beyond(&mut d2, 0.0), 999.0);
        assert_eq!(beyond(&mut d2, 1.0), 0.0);
        assert_eq!(beyond(&mut [], 0.005), 0.0);
    }
}
