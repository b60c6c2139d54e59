//! `kmeans`: the classic recipe, k clusters on z-scored pace, distance and duration.
//!
//! The clustering library tries the seeds, on a sample where there are many rows: it is run once
//! per seed and its own counts and inertia are not used, because they are not those of the best run
//! and it stops by a tolerance. Our own Lloyd iterations end each of its runs exactly, choose the best
//! and go on from there, on all rows, until the assignments stand still.
//!
//! Invariants: sums run over fixed chunks in row order, whatever the number of threads; a cluster
//! that loses its last row is put on the row farthest from its centroid.

use linfa::DatasetBase;
use linfa::traits::Fit;
use linfa_clustering::KMeans;
use ndarray::Array2;
use rand::{RngCore, SeedableRng};
use rand_xoshiro::Xoshiro256Plus;
use rayon::prelude::*;

use super::sample::{Purpose, generator, indices};
use super::{Found, TrainError};
use crate::stage::model::{Feature, MAX_FEATURES, Measure, Transform};
use crate::stage::params::Params;
use crate::stage::statistics::{deviation, mean};
use crate::stage::table::Table;
use crate::stage::verdict::{Point, smallest};
use crate::vocab::Label;

/// Rows per partial sum. The sums' bits depend on it, so it is never derived from the machine.
const CHUNK: usize = 8_192;

/// The bound on our own Lloyd iterations.
const MAX_ITERATIONS: usize = 1_000;

/// The three axes, scaled by mean and population standard deviation of `rows`; a measure that never
/// varies is only centred.
pub(super) fn features(table: &Table<'_>, rows: &[usize]) -> Vec<Feature> {
    [Measure::AvgPace, Measure::DistanceMi, Measure::DurationMin]
        .into_iter()
        .map(|measure| {
            let values: Vec<f64> = rows.iter().map(|i| measure.of(&table.row(*i))).collect();
            let sd = deviation(&values).filter(|sd| *sd > 0.0).unwrap_or(1.0);
            let mean = mean(&values).unwrap_or(0.0);
            Feature {
                measure,
                transform: Transform::Zscore { mean, sd },
            }
        })
        .collect()
}

/// The clusters of `points`.
///
/// # Errors
/// [`TrainError::TooFew`] with fewer different points than clusters; [`TrainError::Clustering`] when
/// the library fails.
pub(super) fn fit(features: Vec<Feature>, points: &[Point], params: &Params, seed: u64) -> Result<Found, TrainError> {
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
    let picked = indices(points.len(), params.restart_sample, &mut rng);
    if picked.len() < points.len() {
        let (n, all) = (picked.len(), points.len());
        notes.push(format!("restarts ran on a sample of {n} of {all} rows, seed {seed}"));
    }
    let sample: Vec<Point> = picked.into_iter().map(|i| points[i]).collect();
    let start = best_start(&sample, params, seed)?;
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
fn distinct_up_to(limit: usize, points: &[Point]) -> usize {
    let mut seen: Vec<&Point> = Vec::with_capacity(limit);
    for point in points {
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
fn best_start(sample: &[Point], params: &Params, seed: u64) -> Result<Vec<Point>, TrainError> {
    let failed = |reason: String| TrainError::Clustering {
        rows: sample.len(),
        reason,
    };
    let flat: Vec<f64> = sample.iter().flatten().copied().collect();
    let records = Array2::from_shape_vec((sample.len(), MAX_FEATURES), flat).map_err(|e| failed(e.to_string()))?;
    let dataset = DatasetBase::from(records);
    let mut seeds = generator(seed, Purpose::Restarts);
    let mut best: Option<Lloyd> = None;
    for _ in 0..params.restarts {
        let rng = Xoshiro256Plus::seed_from_u64(seeds.next_u64());
        let found = KMeans::params_with_rng(params.k, rng)
            .n_runs(1)
            .fit(&dataset)
            .map_err(|e| failed(e.to_string()))?;
        let centroids: Vec<Point> = found
            .centroids()
            .rows()
            .into_iter()
            .map(|row| std::array::from_fn(|i| row[i]))
            .collect();
        // The library stops by a tolerance; compared there, a worse minimum can look like the better.
        let end = lloyd(centroids, sample);
        if best.as_ref().is_none_or(|least| end.inertia < least.inertia) {
            best = Some(end);
        }
    }
    best.map(|end| end.centroids)
        .ok_or_else(|| failed("no restart was run".to_owned()))
}

/// Where Lloyd's iterations ended.
struct Lloyd {
    centroids: Vec<Point>,
    /// Of the last assignment.
    inertia: f64,
    iterations: usize,
    converged: bool,
}

/// Lloyd's iterations from `centroids` until no point changes its cluster.
fn lloyd(centroids: Vec<Point>, points: &[Point]) -> Lloyd {
    let mut nearest = vec![usize::MAX; points.len()];
    let mut end = Lloyd {
        centroids,
        inertia: f64::INFINITY,
        iterations: 0,
        converged: false,
    };
    while !end.converged && end.iterations < MAX_ITERATIONS {
        end.iterations += 1;
        let step = assign(&end.centroids, points, &mut nearest);
        end.inertia = step.inertia;
        for ((centroid, sum), count) in end.centroids.iter_mut().zip(&step.sums).zip(&step.counts) {
            if *count > 0 {
                *centroid = sum.map(|s| s / *count as f64);
            }
        }
        let empty = step.counts.iter().position(|n| *n == 0);
        // None is farthest where a sample has fewer different rows than clusters; the empty one stays.
        match empty.and_then(|cluster| Some((cluster, farthest(&end.centroids, &nearest, points)?))) {
            Some((cluster, point)) => end.centroids[cluster] = point,
            None => end.converged = step.changed == 0,
        }
    }
    end
}

/// One assignment of all points.
struct Step {
    sums: Vec<Point>,
    counts: Vec<u64>,
    changed: usize,
    inertia: f64,
}

impl Step {
    fn none(k: usize) -> Self {
        Self {
            sums: vec![[0.0; MAX_FEATURES]; k],
            counts: vec![0; k],
            changed: 0,
            inertia: 0.0,
        }
    }

    fn add(mut self, other: &Self) -> Self {
        for (sum, more) in self.sums.iter_mut().flatten().zip(other.sums.iter().flatten()) {
            *sum += more;
        }
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count += more;
        }
        self.changed += other.changed;
        self.inertia += other.inertia;
        self
    }
}

/// Puts the index of each point's nearest centroid into `nearest` and sums up the clusters.
fn assign(centroids: &[Point], points: &[Point], nearest: &mut [usize]) -> Step {
    let partial: Vec<Step> = points
        .par_chunks(CHUNK)
        .zip(nearest.par_chunks_mut(CHUNK))
        .map(|(points, nearest)| assign_chunk(centroids, points, nearest))
        .collect();
    partial.iter().fold(Step::none(centroids.len()), Step::add)
}

fn assign_chunk(centroids: &[Point], points: &[Point], nearest: &mut [usize]) -> Step {
    let mut step = Step::none(centroids.len());
    let mut d2 = vec![0.0; centroids.len()];
    for (point, nearest) in points.iter().zip(nearest) {
        for (d2, centroid) in d2.iter_mut().zip(centroids) {
            *d2 = squared(point, centroid);
        }
        let best = smallest(&d2);
        step.changed += usize::from(*nearest != best);
        step.counts[best] += 1;
        step.inertia += d2[best];
        for (sum, x) in step.sums[best].iter_mut().zip(point) {
            *sum += x;
        }
        *nearest = best;
    }
    step
}

/// The first of the points that are farthest from their centroid; none when all lie on theirs.
fn farthest(centroids: &[Point], nearest: &[usize], points: &[Point]) -> Option<Point> {
    let mut best = (0.0, None);
    for (point, cluster) in points.iter().zip(nearest) {
        let d2 = squared(point, &centroids[*cluster]);
        if d2 > best.0 {
            best = (d2, Some(*point));
        }
    }
    best.1
}

fn squared(a: &Point, b: &Point) -> f64 {
    let mut sum = 0.0;
    for (a, b) in a.iter().zip(b) {
        sum += (a - b) * (a - b);
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_emptied_cluster_is_put_on_the_farthest_row() {
        let points: Vec<Point> = [0.0, 0.1, 5.0, 5.1, 9.0].map(|x| [x, 0.0, 0.0]).to_vec();
        let start = vec![[0.0; 3], [5.0, 0.0, 0.0], [1e6, 0.0, 0.0]];
        let end = lloyd(start, &points);
        assert!(end.converged);
        let mut x: Vec<f64> = end.centroids.iter().map(|c| c[0]).collect();
        x.sort_by(f64::total_cmp);
        for (found, expected) in x.iter().zip([0.05, 5.05, 9.0]) {
            assert!((found - expected).abs() < 1e-12, "{x:?}");
        }
    }

    #[test]
    fn fewer_different_rows_than_centroids_come_to_an_end() {
        let points = vec![[1.0, 0.0, 0.0]; 5];
        let end = lloyd(vec![[0.0; 3], [5.0, 0.0, 0.0], [9.0, 0.0, 0.0]], &points);
        assert!(end.converged && end.iterations < 5);
        assert_eq!((end.centroids[0][0], end.inertia), (1.0, 0.0));
    }

    #[test]
    fn labels_run_from_the_fastest_to_the_slowest() {
        use Label::{Mixed, PupWalk, RealRun};
        assert_eq!(labels(2), [RealRun, PupWalk]);
        assert_eq!(labels(3), [RealRun, Mixed, PupWalk]);
        assert_eq!(labels(4), [RealRun, Mixed, Mixed, PupWalk]);
    }

    #[test]
    fn different_points_are_counted_no_further_than_asked() {
        let points = [[1.0, 0.0, 0.0], [1.0, 0.0, 0.0], [2.0, 0.0, 0.0], [3.0, 0.0, 0.0]];
        assert_eq!(distinct_up_to(2, &points), 2);
        assert_eq!(distinct_up_to(9, &points), 3);
    }
}
