//! The silhouette coefficient: how much nearer rows are to their own cluster than to the next.
//!
//! Why our own: the clustering library's is a hundred times slower and scores a row that is alone
//! in its cluster 1, where Rousseeuw (1987) and scikit-learn score it 0.
//!
//! Invariants: exact up to [`EXACT_ROWS`], a seeded sample of as many above; every sum runs in row
//! order, so neither threads nor runs change a bit.

mod pairwise;

use super::points::Points;
use super::train::sample::{Purpose, generator, indices};

/// Up to so many rows the coefficient is exact.
pub const EXACT_ROWS: usize = 20_000;

/// The coefficient and how it was come by.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Silhouette {
    /// From -1 to 1; absent where it is not defined.
    pub value: Option<f64>,
    /// `exact`, `sample of N, seed S`, or `none: ..` with the reason.
    pub method: String,
}

/// The mean silhouette of `points` under `nearest`, their clusters' indices below `clusters`.
pub(super) fn measure(points: &Points, nearest: &[u8], clusters: usize, seed: u64) -> Silhouette {
    measure_up_to(EXACT_ROWS, points, nearest, clusters, seed)
}

fn measure_up_to(limit: usize, points: &Points, nearest: &[u8], clusters: usize, seed: u64) -> Silhouette {
    if points.len() <= limit {
        return exact(points, nearest, clusters, "exact".to_owned());
    }
    let picked = indices(points.len(), limit, &mut generator(seed, Purpose::Silhouette));
    let nearest: Vec<u8> = picked.iter().map(|i| nearest[*i]).collect();
    exact(
        &points.pick(&picked),
        &nearest,
        clusters,
        format!("sample of {limit}, seed {seed}"),
    )
}

fn exact(points: &Points, nearest: &[u8], clusters: usize, method: String) -> Silhouette {
    let mut sizes = vec![0; clusters];
    for cluster in nearest {
        sizes[usize::from(*cluster)] += 1;
    }
    if sizes.iter().filter(|size| **size > 0).count() < 2 {
        return Silhouette {
            value: None,
            method: "none: fewer than two clusters hold rows".to_owned(),
        };
    }
    let mut order: Vec<usize> = (0..nearest.len()).collect();
    order.sort_by_key(|i| nearest[*i]);
    let totals = pairwise::totals(&points.pick(&order), &sizes);
    let mut scores = vec![0.0; nearest.len()];
    for (totals, i) in totals.chunks_exact(clusters).zip(order) {
        scores[i] = score(totals, usize::from(nearest[i]), &sizes);
    }
    Silhouette {
        value: Some(scores.iter().sum::<f64>() / scores.len() as f64),
        method,
    }
}

/// `(b - a) / max(a, b)`: a the mean distance to the other rows of the own cluster, b the smallest
/// mean distance to the rows of another. `totals` are the summed distances to the rows of each.
fn score(totals: &[f64], own: usize, sizes: &[usize]) -> f64 {
    if sizes[own] < 2 {
        return 0.0;
    }
    let a = totals[own] / (sizes[own] - 1) as f64;
    let b = totals
        .iter()
        .zip(sizes)
        .enumerate()
        .filter(|(i, (_, size))| *i != own && **size > 0)
        .map(|(_, (total, size))| total / *size as f64)
        .fold(f64::INFINITY, f64::min);
    let larger = a.max(b);
    if larger > 0.0 { (b - a) / larger } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stage::verdict::Point;

    fn at(x: f64) -> Point {
        [x, 0.0, 0.0]
    }

    #[test]
    fn a_hand_computed_case_and_a_singleton() {
        // a = 1; b = 9 and 10: (8/9 + 9/10) / 3, and 0 for the row that is alone.
        let found = measure(&Points::from_rows(&[at(0.0), at(1.0), at(10.0)]), &[0, 0, 1], 2, 1);
        let expected = (9.0 / 10.0 + 8.0 / 9.0) / 3.0;
        assert!((found.value.expect("two clusters") - expected).abs() < 1e-15);
        assert_eq!(found.method, "exact");
    }

    #[test]
    fn one_cluster_has_none_and_says_why() {
        let found = measure(&Points::from_rows(&[at(0.0), at(1.0)]), &[1, 1], 2, 1);
        assert_eq!(found.value, None);
        assert!(found.method.starts_with("none"));
    }

    #[test]
    fn above_the_limit_a_seeded_sample_stands_in() {
        let points: Vec<Point> = (0..500u32)
            .map(|i| at(f64::from(i % 2) * 100.0 + f64::from(i % 7)))
            .collect();
        let points = Points::from_rows(&points);
        let nearest: Vec<u8> = (0..500).map(|i| (i % 2) as u8).collect();
        let found = measure_up_to(100, &points, &nearest, 2, 5);
        assert_eq!(found.method, "sample of 100, seed 5");
        assert!(found.value.expect("two clusters") > 0.9);
        assert_eq!(found, measure_up_to(100, &points, &nearest, 2, 5));
        assert_ne!(found.value, measure(&points, &nearest, 2, 5).value);
    }
}
