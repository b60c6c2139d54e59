//! The plane of standardised (ln pace, ln distance) in which workouts look alike.
//!
//! Invariants: distances are Euclidean, in standard deviations of the workouts in the plane; ties go to
//! the lower row. Coverage is counted on at most [`SAMPLE`] workouts, evenly taken in order of pace.
//!
//! Must not know: labels.

use crate::stage::statistics::{deviation, mean};
use crate::stage::table::Table;

/// As many workouts stand for a long history when coverage is counted.
const SAMPLE: usize = 512;

/// A history that hardly varies is scaled as if it did by this much (5 %).
const MIN_SD: f64 = 0.05;

/// Points by row.
pub(super) struct Space {
    at: Vec<[f64; 2]>,
    /// Rows, ascending by pace and distance.
    sample: Vec<usize>,
}

/// Which of the sample have a judged or chosen workout within reach.
pub(super) struct Coverage {
    covered: Vec<bool>,
}

impl Space {
    /// The plane of the workouts of `table` at `indices`, whose numbers are all above 0; rows are the
    /// places in `indices`.
    pub fn of(table: &Table<'_>, indices: &[usize]) -> Self {
        let column = |measure: fn(&Table<'_>, usize) -> f64| -> Vec<f64> {
            let logs: Vec<f64> = indices.iter().map(|i| libm::log(measure(table, *i))).collect();
            let centre = mean(&logs).unwrap_or(0.0);
            let sd = deviation(&logs).unwrap_or(0.0).max(MIN_SD);
            logs.into_iter().map(|x| (x - centre) / sd).collect()
        };
        let pace = column(|table, i| table.row(i).pace);
        let distance = column(|table, i| table.row(i).distance);
        let at: Vec<[f64; 2]> = pace.into_iter().zip(distance).map(|(p, d)| [p, d]).collect();
        let mut order: Vec<usize> = (0..at.len()).collect();
        order.sort_unstable_by(|a, b| {
            let (x, y) = (at[*a], at[*b]);
            x[0].total_cmp(&y[0]).then(x[1].total_cmp(&y[1])).then(a.cmp(b))
        });
        let (n, wanted) = (order.len(), order.len().min(SAMPLE));
        let sample = (0..wanted).map(|i| order[(2 * i + 1) * n / (2 * wanted)]).collect();
        Self { at, sample }
    }

    fn squared(&self, a: usize, b: usize) -> f64 {
        let ([px, dx], [py, dy]) = (self.at[a], self.at[b]);
        (px - py) * (px - py) + (dx - dy) * (dx - dy)
    }

    /// Lowers each row's distance in `gap` to that to `row`, where that is smaller.
    pub fn narrow(&self, gap: &mut [f64], row: usize) {
        for (other, gap) in gap.iter_mut().enumerate() {
            *gap = gap.min(self.squared(row, other).sqrt());
        }
    }

    /// What `judged` cover.
    pub fn coverage(&self, judged: &[usize], reach: f64) -> Coverage {
        let covered = vec![false; self.sample.len()];
        let mut coverage = Coverage { covered };
        for row in judged {
            self.cover(&mut coverage, *row, reach);
        }
        coverage
    }

    /// Marks what `row` covers.
    pub fn cover(&self, coverage: &mut Coverage, row: usize, reach: f64) {
        for (covered, other) in coverage.covered.iter_mut().zip(&self.sample) {
            *covered |= self.squared(row, *other) <= reach * reach;
        }
    }

    /// The row of the sample, not `gone`, with the most uncovered ones of the sample within reach, and
    /// their share of it.
    pub fn most_covering(&self, coverage: &Coverage, gone: &[bool], reach: f64) -> Option<(usize, f64)> {
        let open: Vec<usize> = self
            .sample
            .iter()
            .zip(&coverage.covered)
            .filter_map(|(row, covered)| (!covered).then_some(*row))
            .collect();
        let within = |row: usize| open.iter().filter(|o| self.squared(row, **o) <= reach * reach).count();
        let mut best: Option<(usize, usize)> = None;
        for row in self.sample.iter().copied().filter(|row| !gone[*row]) {
            let count = within(row);
            if best.is_none_or(|(_, most)| count > most) {
                best = Some((row, count));
            }
        }
        best.map(|(row, count)| (row, count as f64 / self.sample.len() as f64))
    }

    /// The `k` rows nearest to `row`, without itself, with their distances, ascending.
    pub fn nearest(&self, row: usize, k: usize) -> Vec<(usize, f64)> {
        let others = (0..self.at.len()).filter(|other| *other != row);
        let mut found: Vec<(usize, f64)> = others.map(|other| (other, self.squared(row, other))).collect();
        let order = |a: &(usize, f64), b: &(usize, f64)| a.1.total_cmp(&b.1).then(a.0.cmp(&b.0));
        if found.len() > k {
            found.select_nth_unstable_by(k, order);
            found.truncate(k);
        }
        found.sort_unstable_by(order);
        found
            .into_iter()
            .map(|(other, squared)| (other, squared.sqrt()))
            .collect()
    }
}
