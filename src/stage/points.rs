//! Rows in a model's space, feature by feature, and which centroid each is nearest to.
//!
//! Why: training measures every row against every centroid many times over. Each feature in a row of
//! its own lets the processor take several rows at a time, and a model of one feature pays for one.
//!
//! Invariants: a distance has the bits that [`super::verdict::distances`] gives it: the squares are
//! added in the order of the features. No result depends on how rows are dealt out to threads.
//!
//! Must not know: where rows and centroids come from.

use std::ops::Range;

use rayon::prelude::*;

use super::clustering::{Feature, MAX_FEATURES};
use super::table::Table;
use super::verdict::Point;

/// Rows measured at a time: their figures stay in the nearest cache.
const BLOCK: usize = 256;

/// Rows per task and per partial sum. The sums' bits depend on it, so it is never derived from the
/// machine.
pub(super) const CHUNK: usize = 8_192;

/// Points of as many coordinates as a model has features; the others are 0.
#[derive(Debug, Clone, Default)]
pub(super) struct Points {
    /// One per feature, then empty ones.
    columns: [Vec<f64>; MAX_FEATURES],
    dimensions: usize,
    len: usize,
}

/// What [`Points::measure`] finds of the points of one block, in their order.
pub(super) struct Block {
    /// The squared distance to the nearest centroid.
    pub best: [f64; BLOCK],
    /// That to the next one; infinite where there is only one.
    pub second: [f64; BLOCK],
    /// The index of the nearest centroid, the lowest of several equally near. As wide as a distance, so
    /// that it is chosen in the same registers.
    cluster: [u64; BLOCK],
}

impl Block {
    /// Nothing measured yet.
    pub fn new() -> Self {
        Self {
            best: [0.0; BLOCK],
            second: [0.0; BLOCK],
            cluster: [0; BLOCK],
        }
    }

    /// The index of the centroid nearest to point `i` of the block.
    pub fn cluster(&self, i: usize) -> u8 {
        self.cluster[i] as u8
    }
}

impl Points {
    /// The `rows` of `table` in the space of `features`, in the order of `rows`.
    pub fn of(table: &Table<'_>, rows: &[u32], features: &[Feature]) -> Self {
        let mut columns: [Vec<f64>; MAX_FEATURES] = Default::default();
        for (column, feature) in columns.iter_mut().zip(features) {
            *column = vec![0.0; rows.len()];
            let chunks = column.par_chunks_mut(CHUNK).zip(rows.par_chunks(CHUNK));
            chunks.for_each(|(column, rows)| {
                for (x, row) in column.iter_mut().zip(rows) {
                    *x = feature.value(&table.row(*row as usize));
                }
            });
        }
        Self {
            columns,
            dimensions: features.len(),
            len: rows.len(),
        }
    }

    /// For tests: points of three coordinates.
    #[cfg(test)]
    pub fn from_rows(rows: &[Point]) -> Self {
        Self {
            columns: std::array::from_fn(|i| rows.iter().map(|row| row[i]).collect()),
            dimensions: MAX_FEATURES,
            len: rows.len(),
        }
    }

    /// Points.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Coordinates that are not 0 by definition.
    pub fn dimensions(&self) -> usize {
        self.dimensions
    }

    /// Point `i`, counted from 0.
    pub fn at(&self, i: usize) -> Point {
        let mut point = [0.0; MAX_FEATURES];
        for (x, column) in point.iter_mut().zip(&self.columns[..self.dimensions]) {
            *x = column[i];
        }
        point
    }

    /// The points at `indices`, in that order.
    pub fn pick(&self, indices: &[usize]) -> Self {
        let mut columns: [Vec<f64>; MAX_FEATURES] = Default::default();
        for (picked, column) in columns.iter_mut().zip(&self.columns[..self.dimensions]) {
            *picked = indices.iter().map(|i| column[*i]).collect();
        }
        Self {
            columns,
            dimensions: self.dimensions,
            len: indices.len(),
        }
    }

    /// The first coordinate of every point.
    pub fn first(&self) -> &[f64] {
        &self.columns[0]
    }

    /// The coordinates of the points in `range`, one slice for each of the first `D` features.
    pub fn part<const D: usize>(&self, range: Range<usize>) -> [&[f64]; D] {
        std::array::from_fn(|i| &self.columns[i][range.clone()])
    }

    /// Measures the points of `range` against `centroids`, block by block: `each` sees the range of a
    /// block and what was found there.
    pub fn measure(&self, range: Range<usize>, centroids: &[Point], mut each: impl FnMut(Range<usize>, &Block)) {
        let mut block = Block::new();
        let mut start = range.start;
        while start < range.end {
            let part = start..(start + BLOCK).min(range.end);
            match self.dimensions {
                1 => measure::<1>(self.part(part.clone()), centroids, &mut block),
                2 => measure::<2>(self.part(part.clone()), centroids, &mut block),
                _ => measure::<3>(self.part(part.clone()), centroids, &mut block),
            }
            start = part.end;
            each(part, &block);
        }
    }

    /// For each point the index of its nearest centroid and the squared distance to it.
    pub fn nearest(&self, centroids: &[Point]) -> (Vec<u8>, Vec<f64>) {
        let (mut nearest, mut d2) = (vec![0; self.len], vec![0.0; self.len]);
        let chunks = nearest.par_chunks_mut(CHUNK).zip(d2.par_chunks_mut(CHUNK));
        chunks.enumerate().for_each(|(chunk, (nearest, d2))| {
            let from = chunk * CHUNK;
            self.measure(from..from + d2.len(), centroids, |part, block| {
                let (here, n) = (part.start - from, part.len());
                d2[here..here + n].copy_from_slice(&block.best[..n]);
                for (i, nearest) in nearest[here..here + n].iter_mut().enumerate() {
                    *nearest = block.cluster(i);
                }
            });
        });
        (nearest, d2)
    }
}

/// The loops are nested this way round, and choose without branches, for the compiler to take
/// several points at a time.
fn measure<const D: usize>(columns: [&[f64]; D], centroids: &[Point], block: &mut Block) {
    let n = columns[0].len();
    let columns = columns.map(|column| &column[..n]);
    let (best, second, cluster) = (&mut block.best[..n], &mut block.second[..n], &mut block.cluster[..n]);
    best.fill(f64::INFINITY);
    second.fill(f64::INFINITY);
    cluster.fill(0);
    for (index, centroid) in centroids.iter().enumerate() {
        let index = index as u64;
        for i in 0..n {
            let mut d2 = 0.0;
            for (column, c) in columns.iter().zip(centroid) {
                d2 += (column[i] - c) * (column[i] - c);
            }
            let nearer = d2 < best[i];
            let farther = if nearer { best[i] } else { d2 };
            second[i] = if farther < second[i] { farther } else { second[i] };
            let mask = u64::from(nearer).wrapping_neg();
            cluster[i] = (index & mask) | (cluster[i] & !mask);
            best[i] = if nearer { d2 } else { best[i] };
        }
    }
}
