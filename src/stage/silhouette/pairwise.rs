//! The distances between all pairs of points, summed by cluster.
//!
//! Why: the roots are what a silhouette costs, and the distance from here to there is the one back. So
//! each pair is measured once, in tiles: tile (i, j) of the pairs, `i <= j`, adds to the sums of the
//! points of i and to those of j. Tiles with the same `i + j` share no points and are worked on at the
//! same time; taken in ascending order of `i + j`, every point meets the others in ascending order.
//!
//! Invariants: a sum has the bits of one that runs through a cluster's points in order, in four partial
//! sums for every fourth point and one for the up to three that are left over, added up as
//! `(0 + 1) + (2 + 3) + left over`; threads change nothing.
//!
//! Must not know: what the sums are for.

use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rayon::prelude::*;

use crate::stage::points::Points;

/// Points a side of a tile; a multiple of [`LANES`].
const TILE: usize = 256;

/// Partial sums, which let the processor take several distances at a time.
const LANES: usize = 4;

/// Neighbours of one cluster in the order of the points.
struct Tile {
    cluster: usize,
    range: Range<usize>,
    /// The partial sum to which each of its points counts; [`LANES`] for those left over.
    lanes: Vec<usize>,
    /// By cluster and partial sum, [`LANES`] and one, and then by point of this tile.
    sums: Mutex<Vec<f64>>,
}

/// For each of `points`, which are ordered by cluster, its summed distances to the points of each
/// cluster; `sizes` are the clusters' sizes.
pub(super) fn totals(points: &Points, sizes: &[usize]) -> Vec<f64> {
    match points.dimensions() {
        1 => totals_in::<1>(points, sizes),
        2 => totals_in::<2>(points, sizes),
        _ => totals_in::<3>(points, sizes),
    }
}

fn totals_in<const D: usize>(points: &Points, sizes: &[usize]) -> Vec<f64> {
    let tiles = tiles(sizes);
    for diagonal in 0..(2 * tiles.len()).saturating_sub(1) {
        let first = (diagonal + 1).saturating_sub(tiles.len());
        (first..diagonal / 2 + 1)
            .into_par_iter()
            .with_max_len(1)
            .for_each(|i| match diagonal - i {
                j if i == j => add_own::<D>(points, &tiles[i]),
                j => add::<D>(points, &tiles[i], &tiles[j]),
            });
    }
    let totals = tiles.iter().flat_map(|tile| tile.totals(sizes.len()));
    totals.collect()
}

fn tiles(sizes: &[usize]) -> Vec<Tile> {
    let (mut tiles, mut start) = (Vec::new(), 0);
    for (cluster, size) in sizes.iter().enumerate() {
        for from in (0..*size).step_by(TILE) {
            let to = (from + TILE).min(*size);
            let left_over = size / LANES * LANES;
            tiles.push(Tile {
                cluster,
                range: start + from..start + to,
                lanes: (from..to)
                    .map(|i| if i < left_over { i % LANES } else { LANES })
                    .collect(),
                sums: Mutex::new(vec![0.0; sizes.len() * (LANES + 1) * (to - from)]),
            });
        }
        start += size;
    }
    tiles
}

impl Tile {
    fn len(&self) -> usize {
        self.range.len()
    }

    /// Never waited for: a tile is in one pair at a time.
    fn sums(&self) -> MutexGuard<'_, Vec<f64>> {
        self.sums.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where the sums to a cluster's points begin.
    fn at(&self, cluster: usize, lane: usize) -> usize {
        (cluster * (LANES + 1) + lane) * self.len()
    }

    /// By point, then by cluster.
    fn totals(&self, clusters: usize) -> Vec<f64> {
        let sums = self.sums();
        let total = |point: usize, cluster: usize| {
            let lane = |lane: usize| sums[self.at(cluster, lane) + point];
            (lane(0) + lane(1)) + (lane(2) + lane(3)) + lane(LANES)
        };
        let points = 0..self.len();
        points
            .flat_map(|i| (0..clusters).map(move |c| (i, c)))
            .map(|(i, c)| total(i, c))
            .collect()
    }
}

/// The distances within one tile, each measured from both sides.
fn add_own<const D: usize>(points: &Points, tile: &Tile) {
    let mut sums = tile.sums();
    let mut nowhere = [0.0; TILE];
    let there = points.part::<D>(tile.range.clone());
    for i in 0..tile.len() {
        let here = there.map(|column| column[i]);
        row(here, there, tile, &mut sums, i, tile, &mut nowhere[..tile.len()]);
    }
}

/// The distances between the points of two tiles.
fn add<const D: usize>(points: &Points, a: &Tile, b: &Tile) {
    let (mut sums_a, mut sums_b) = (a.sums(), b.sums());
    let (from, there) = (points.part::<D>(a.range.clone()), points.part::<D>(b.range.clone()));
    for i in 0..a.len() {
        let back = b.at(a.cluster, a.lanes[i]);
        let back = &mut sums_b[back..back + b.len()];
        row(from.map(|column| column[i]), there, a, &mut sums_a, i, b, back);
    }
}

/// The distances from point `i` of tile `a`, which is at `here`, to those of `b`, which are `there`: added
/// to the sums of `a`, and to `back`, the partial sums of the points of `b` to which `i` counts.
fn row<const D: usize>(
    here: [f64; D],
    there: [&[f64]; D],
    a: &Tile,
    sums: &mut [f64],
    i: usize,
    b: &Tile,
    back: &mut [f64],
) {
    let n = back.len();
    let there = there.map(|column| &column[..n]);
    // Three loops and not one: each is of a kind that the compiler takes several steps at a time.
    let mut distances = [0.0; TILE];
    let distances = &mut distances[..n];
    for (j, d) in distances.iter_mut().enumerate() {
        *d = distance(here, there.map(|column| column[j]));
    }
    for (sum, d) in back.iter_mut().zip(&*distances) {
        *sum += d;
    }
    // Only the last tile of a cluster can have points left over.
    let (fours, left_over) = distances.as_chunks::<LANES>();
    let mut lanes: [f64; LANES] = std::array::from_fn(|lane| sums[a.at(b.cluster, lane) + i]);
    for four in fours {
        for (sum, d) in lanes.iter_mut().zip(four) {
            *sum += d;
        }
    }
    for (lane, sum) in lanes.into_iter().enumerate() {
        sums[a.at(b.cluster, lane) + i] = sum;
    }
    for d in left_over {
        sums[a.at(b.cluster, LANES) + i] += d;
    }
}

/// On one axis the root of the square is the difference itself, to the bit (Boldo, "Stupid is as stupid
/// does: taking the square root of the square of a floating-point number", 2015).
fn distance<const D: usize>(a: [f64; D], b: [f64; D]) -> f64 {
    if D == 1 {
        return (a[0] - b[0]).abs();
    }
    let mut squares = 0.0;
    for i in 0..D {
        squares += (a[i] - b[i]) * (a[i] - b[i]);
    }
    squares.sqrt()
}
