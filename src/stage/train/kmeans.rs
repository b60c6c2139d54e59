//! `kmeans`: the classic recipe, k clusters on z-scored pace, distance and duration.
//!
//! The clustering library places the seeds, on a sample where there are many rows, and takes one step
//! from each. Our own Lloyd iterations ([`super::lloyd`]) go on from there, exactly and much faster, choose
//! the best and go on once more, on all rows, until the assignments stand still.
//!
//! Invariants: every sum runs in a fixed order, whatever the number of threads.

use linfa::DatasetBase;
use linfa::traits::Fit;
use linfa_clustering::KMeans;
use ndarray::{Array1, Array2};
use rand::{RngCore, SeedableRng};
use rand_xoshiro::Xoshiro256Plus;
use rayon::prelude::*;

use super::lloyd::{Lloyd, MAX_ITERATIONS, lloyd};
use super::sample::{Purpose, generator, indices};
use super::{Found, TrainError};
use crate::stage::model::{Feature, MAX_FEATURES, Measure, Transform};
use crate::stage::params::Params;
use crate::stage::points::Points;
use crate::stage::table::Table;
use crate::stage::verdict::Point;
use crate::vocab::Label;

/// The three axes, scaled by mean and population standard deviation of `rows`; a measure that never
/// varies is only centred.
pub(super) fn features(table: &Table<'_>, rows: &[u32]) -> Vec<Feature> {
    let measures = [Measure::AvgPace, Measure::DistanceMi, Measure::DurationMin];
    let n = rows.len().max(1) as f64;
    let sums = |of: &dyn Fn(usize, f64) -> f64| {
        let mut sums = [0.0; MAX_FEATURES];
        for row in rows {
            let row = table.row(*row as usize);
            for (i, (sum, measure)) in sums.iter_mut().zip(measures).enumerate() {
                *sum += of(i, measure.of(&row));
            }
        }
        sums
    };
    let means = sums(&|_, x| x).map(|sum| sum / n);
    let variances = sums(&|i, x| (x - means[i]) * (x - means[i])).map(|sum| sum / n);
    let feature = |i: usize| {
        let sd = Some(variances[i].sqrt()).filter(|sd| *sd > 0.0).unwrap_or(1.0);
        Feature {
            measure: measures[i],
            transform: Transform::Zscore { mean: means[i], sd },
        }
    };
    (0..MAX_FEATURES).map(feature).collect()
}

/// The clusters of `points`.
///
/// # Errors
/// [`TrainError::TooFew`] with fewer different points than clusters; [`TrainError::Clustering`] when
/// the library fails.
pub(super) fn fit(features: Vec<Feature>, points: &Points, params: &Params, seed: u64) -> Result<Found, TrainError> {
    let distinct = distinct_up_to(params.k, points);
    if distinct < params.k {
        return Err(TrainError::TooFew {
            needed: params.k,
            found: points.len(),
            distinct,
        });
    }
    let mut notes = Vec::new();
    let mut rng = generator(seed, Purpose::RestartRows);
    let (n, all) = (params.restart_sample, points.len());
    let start = if n < all {
        notes.push(format!("restarts ran on a sample of {n} of {all} rows, seed {seed}"));
        best_start(&points.pick(&indices(all, n, &mut rng)), params, seed)?
    } else {
        best_start(points, params, seed)?
    };
    let lloyd = lloyd(start, points);
    if !lloyd.converged {
        notes.push(format!(
            "stopped after {MAX_ITERATIONS} iterations before the assignments stood still"
        ));
    }
    let mut centroids = lloyd.centroids;
    centroids.sort_by(|a, b| {
        a.iter()
            .zip(b)
            .map(|(a, b)| a.total_cmp(b))
            .find(|o| o.is_ne())
            .unwrap_or(std::cmp::Ordering::Equal)
    });
    Ok(Found {
        features,
        labels: labels(centroids.len()),
        centroids: centroids.into_iter().map(|c| c.to_vec()).collect(),
        prior_rows: 0.0,
        prior_squares: 0.0,
        iterations: lloyd.iterations,
        converged: lloyd.converged,
        notes,
    })
}

/// The fastest of `k` clusters is `real_run`, the slowest `pup_walk`, all between them are `mixed`.
fn labels(k: usize) -> Vec<Label> {
    let mut labels = vec![Label::Mixed; k];
    labels[0] = Label::RealRun;
    labels[k - 1] = Label::PupWalk;
    labels
}

/// How many different points there are, counted no further than `limit`.
fn distinct_up_to(limit: usize, points: &Points) -> usize {
    let mut seen: Vec<Point> = Vec::with_capacity(limit);
    for point in (0..points.len()).map(|i| points.at(i)) {
        if seen.len() == limit {
            break;
        }
        if !seen.contains(&point) {
            seen.push(point);
        }
    }
    seen.len()
}

/// The centroids of the restart with the smallest inertia on `sample`; of equal ones the first.
fn best_start(sample: &Points, params: &Params, seed: u64) -> Result<Vec<Point>, TrainError> {
    let flat: Vec<f64> = (0..sample.len()).flat_map(|i| sample.at(i)).collect();
    let records = Array2::from_shape_vec((sample.len(), MAX_FEATURES), flat);
    let dataset = DatasetBase::from(records.map_err(|e| failed(sample, &e))?);
    let mut seeds = generator(seed, Purpose::Restarts);
    let seeds: Vec<u64> = (0..params.restarts).map(|_| seeds.next_u64()).collect();
    let ends: Vec<Result<Lloyd, TrainError>> = seeds
        .into_par_iter()
        .map(|seed| restart(&dataset, sample, params.k, seed))
        .collect();
    let mut best: Option<Lloyd> = None;
    for end in ends {
        let end = end?;
        if best.as_ref().is_none_or(|least| end.inertia < least.inertia) {
            best = Some(end);
        }
    }
    best.map(|end| end.centroids)
        .ok_or_else(|| failed(sample, &"no restart was run"))
}

/// Where Lloyd's iterations from the library's k-means++ for `seed` end. The library itself would stop by a
/// tolerance, and compared there, a worse minimum can look like the better.
fn restart(
    dataset: &DatasetBase<Array2<f64>, Array1<()>>,
    sample: &Points,
    k: usize,
    seed: u64,
) -> Result<Lloyd, TrainError> {
    let found = KMeans::params_with_rng(k, Xoshiro256Plus::seed_from_u64(seed))
        .n_runs(1)
        // It always takes a step, and needs many times as long for each as we do.
        .max_n_iterations(1)
        .fit(dataset)
        .map_err(|e| failed(sample, &e))?;
    let rows = found.centroids().rows().into_iter();
    let centroids = rows.map(|row| std::array::from_fn(|i| row[i])).collect();
    Ok(lloyd(centroids, sample))
}

fn failed(sample: &Points, reason: &dyn std::fmt::Display) -> TrainError {
    TrainError::Clustering {
        rows: sample.len(),
        reason: reason.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_run_from_the_fastest_to_the_slowest() {
        use Label::{Mixed, PupWalk, RealRun};
        assert_eq!(labels(2), [RealRun, PupWalk]);
        assert_eq!(labels(3), [RealRun, Mixed, PupWalk]);
        assert_eq!(labels(4), [RealRun, Mixed, Mixed, PupWalk]);
    }

    #[test]
    fn different_points_are_counted_no_further_than_asked() {
        let points = Points::from_rows(&[[1.0, 0.0, 0.0], [1.0, 0.0, 0.0], [2.0, 0.0, 0.0], [3.0, 0.0, 0.0]]);
        assert_eq!(distinct_up_to(2, &points), 2);
        assert_eq!(distinct_up_to(9, &points), 3);
    }
}
