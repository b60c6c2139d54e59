//! `anchored-kmeans`: two clusters on log pace, held near where people run and walk.
//!
//! Why: plain 2-means on log pace tells runs from walks well and collapses on a history that has
//! only one of them: it splits the runs. Each anchor is a number of pseudo-observations at a known
//! pace that always belong to its own cluster, so a cluster without rows stays where it is known to
//! be, and with no rows at all the anchors are the model.
//!
//! Invariants: exact Lloyd iterations on the sorted log paces, by prefix sums, so the result depends
//! on the multiset of paces alone; no seed, no sampling, no failure.

use rayon::prelude::*;

use super::Found;
use crate::stage::model::{Feature, Measure, Transform};
use crate::stage::params::Params;
use crate::vocab::Label;

/// The spread of log pace around a cluster's centre that one pseudo-observation stands for: about
/// 18 % in pace, what the labelled histories show.
const PRIOR_SD: f64 = 0.18;

/// Far more than any history needs; see [`Found::converged`].
const MAX_ITERATIONS: usize = 1_000;

/// The one axis: log pace.
pub(super) fn features() -> Vec<Feature> {
    vec![Feature {
        measure: Measure::AvgPace,
        transform: Transform::Ln,
    }]
}

/// The clusters of rows with these log paces; there may be none.
pub(super) fn fit(log_paces: &[f64], params: &Params) -> Found {
    let mut x = log_paces.to_vec();
    x.par_sort_unstable_by(f64::total_cmp);
    let prefix = Prefix::of(&x);
    let sum = prefix.sum(x.len());
    let weight = params.anchor_weight;
    let anchors = params.anchors.map(libm::log);
    let mut centroids = anchors;
    let (mut iterations, mut converged) = (0, false);
    while iterations < MAX_ITERATIONS && !converged {
        iterations += 1;
        let middle = (centroids[0] + centroids[1]) / 2.0;
        let low = x.partition_point(|v| *v <= middle);
        let high = x.len() - low;
        let next = [
            (prefix.sum(low) + weight * anchors[0]) / (low as f64 + weight),
            (sum - prefix.sum(low) + weight * anchors[1]) / (high as f64 + weight),
        ];
        // Anchors far from every row could make the sides trade places; the last order stands.
        converged = next == centroids || next[0] >= next[1];
        if next[0] < next[1] {
            centroids = next;
        }
    }
    Found {
        features: features(),
        centroids: centroids.map(|c| vec![c]).to_vec(),
        labels: vec![Label::RealRun, Label::PupWalk],
        prior_rows: 2.0 * weight,
        prior_squares: 2.0 * weight * PRIOR_SD * PRIOR_SD,
        iterations,
        converged,
        notes: Vec::new(),
    }
}

/// The sums of the first values, of which every [`Prefix::STEP`]-th is kept.
struct Prefix<'a> {
    values: &'a [f64],
    kept: Vec<f64>,
}

impl<'a> Prefix<'a> {
    const STEP: usize = 1_024;

    fn of(values: &'a [f64]) -> Self {
        let mut kept = vec![0.0];
        let mut sum = 0.0;
        for part in values.chunks_exact(Self::STEP) {
            sum = added(sum, part);
            kept.push(sum);
        }
        Self { values, kept }
    }

    /// The sum of the first `n` values, added one after the other.
    fn sum(&self, n: usize) -> f64 {
        let step = n / Self::STEP;
        added(self.kept[step], &self.values[step * Self::STEP..n])
    }
}

fn added(sum: f64, values: &[f64]) -> f64 {
    values.iter().fold(sum, |sum, value| sum + value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paces(found: &Found) -> Vec<f64> {
        found.centroids.iter().map(|c| libm::exp(c[0])).collect()
    }

    fn fit_paces(paces: &[f64]) -> Found {
        let log_paces: Vec<f64> = paces.iter().map(|p| libm::log(*p)).collect();
        fit(&log_paces, &Params::default())
    }

    #[test]
    fn a_prefix_is_the_plain_sum_bit_for_bit() {
        let values: Vec<f64> = (1..=5_000).map(|i| 1.0 / f64::from(i)).collect();
        let prefix = Prefix::of(&values);
        for n in [0, 1, 1_023, 1_024, 1_025, 2_048, 4_999, 5_000] {
            assert_eq!(prefix.sum(n), values[..n].iter().fold(0.0, |sum, v| sum + v), "{n}");
        }
        assert_eq!(Prefix::of(&[]).sum(0), 0.0);
    }

    #[test]
    fn without_rows_the_anchors_are_the_model() {
        let found = fit_paces(&[]);
        assert!(found.converged);
        for (pace, anchor) in paces(&found).iter().zip([9.5, 19.0]) {
            assert!((pace - anchor).abs() < 1e-12, "{pace}");
        }
    }

    #[test]
    fn a_history_of_runs_only_keeps_its_walk_cluster() {
        let runs: Vec<f64> = (0..1_000).map(|i| 7.0 + f64::from(i) / 400.0).collect();
        let found = paces(&fit_paces(&runs));
        assert!(
            (8.0..8.6).contains(&found[0]) && (found[1] - 19.0).abs() < 1e-9,
            "{found:?}"
        );
    }

    #[test]
    fn paces_far_from_both_anchors_keep_the_order() {
        for rows in [
            vec![59.0; 5_000],
            vec![1.5; 5_000],
            [vec![1.5; 999], vec![59.0; 3]].concat(),
        ] {
            let found = fit_paces(&rows);
            assert!(
                found.converged && found.centroids[0] < found.centroids[1],
                "{:?}",
                paces(&found)
            );
        }
    }
}
