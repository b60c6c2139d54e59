//! Lloyd's iterations, exact, that look only at the points whose cluster can change.
//!
//! A point keeps its cluster as long as the centroids have moved less than it is nearer to its own
//! than to the next one: with `b` and `s` the distances to both, measured from centroids of which no two
//! have since moved farther than `r` together, `s - b > r` is enough (the triangle inequality; Hamerly,
//! "Making k-means even faster", SDM 2010, keeps the same bound for every point). So a full pass
//! writes down the points on the *border*, those with `s - b <= r` for an `r` of several steps, and the
//! following iterations ask only them, and add to the sums only what has moved.
//!
//! Invariants: the end is that of the plain iterations: when the border stands still, the centroids
//! are computed afresh as the means of their points, and a pass over all points must confirm that none
//! changes. Sums run over fixed chunks in row order, whatever the number of threads; a cluster that
//! loses its last point is put on the point farthest from its centroid.

use rayon::prelude::*;

use crate::stage::clustering::MAX_FEATURES;
use crate::stage::points::{CHUNK, Points};
use crate::stage::verdict::{Point, smallest};

/// The bound on the iterations.
pub(super) const MAX_ITERATIONS: usize = 1_000;

/// The border is as wide as this many of the last steps: steps shrink by a constant factor, so all that
/// follow are about as long as a few of the last.
const STEPS: f64 = 8.0;

/// A border of more than one point in so many is not worth writing down.
const BORDER_SHARE: usize = 4;

/// How far rounding may make a distance wrong, relatively; its true share is below 1e-15.
const ROUNDING: f64 = 1e-12;

const _: () = assert!(CHUNK <= 1 << u16::BITS);

/// The cluster of a point that has none yet.
const NONE: u8 = u8::MAX;

/// Where Lloyd's iterations ended.
pub(super) struct Lloyd {
    pub centroids: Vec<Point>,
    /// The sum of the squared distances of the last assignment.
    pub inertia: f64,
    pub iterations: usize,
    /// False where [`MAX_ITERATIONS`] came first.
    pub converged: bool,
}

/// Lloyd's iterations from `centroids`, 1 to 16, until no point changes its cluster. The points have all
/// [`MAX_FEATURES`] coordinates.
pub(super) fn lloyd(centroids: Vec<Point>, points: &Points) -> Lloyd {
    let mut descent = Descent::from(centroids, points);
    let (mut iterations, mut converged) = (0, false);
    while !converged && iterations < MAX_ITERATIONS {
        iterations += 1;
        let changed = match descent.border_step() {
            Some(changed) if changed > 0 => changed,
            _ => descent.full_step(),
        };
        converged = !descent.go_on() && changed == 0;
    }
    if !converged {
        descent.full_step();
    }
    Lloyd {
        centroids: descent.centroids,
        inertia: descent.inertia,
        iterations,
        converged,
    }
}

struct Descent<'a> {
    points: &'a Points,
    centroids: Vec<Point>,
    /// The cluster of each point.
    nearest: Vec<u8>,
    /// Of the clusters' points, with the rounding of what was added and taken away since the last full pass.
    totals: Totals,
    /// Of the last full pass.
    inertia: f64,
    border: Option<Border>,
    /// How wide the next border is to be; none is wanted without.
    reach: Option<f64>,
}

impl<'a> Descent<'a> {
    fn from(centroids: Vec<Point>, points: &'a Points) -> Self {
        Self {
            points,
            nearest: vec![NONE; points.len()],
            totals: Totals::none(centroids.len()),
            centroids,
            inertia: f64::INFINITY,
            border: None,
            reach: None,
        }
    }

    /// Assigns the points of the border; returns how many changed, or None where the border does not
    /// speak for all points any more. Where none changed, the centroids are afresh the means.
    fn border_step(&mut self) -> Option<usize> {
        let mut border = self.border.take().filter(|border| border.holds(&self.centroids))?;
        let (moved, changed) = border.assign(&self.centroids, &mut self.nearest);
        self.totals = std::mem::take(&mut self.totals).add(&moved);
        self.border = Some(border);
        if changed == 0 {
            self.refresh();
        }
        Some(changed)
    }

    /// Assigns all points; returns how many changed.
    fn full_step(&mut self) -> usize {
        let pass = assign(&self.centroids, self.points, &mut self.nearest, self.reach);
        (self.totals, self.inertia, self.border) = (pass.totals, pass.inertia, pass.border);
        pass.changed
    }

    /// Moves the centroids to the means; true where an empty cluster was put elsewhere.
    fn go_on(&mut self) -> bool {
        let before = self.centroids.clone();
        self.totals.means(&mut self.centroids);
        self.reach = Some(STEPS * travel(&before, &self.centroids));
        let Some(empty) = self.totals.empty() else {
            return false;
        };
        self.refresh();
        // None is farthest where a sample has fewer different rows than clusters; the empty one stays.
        let Some(point) = farthest(&self.centroids, &self.nearest, self.points) else {
            return false;
        };
        self.centroids[empty] = point;
        (self.border, self.reach) = (None, None);
        true
    }

    /// Computes sums and means from nothing but the assignment.
    fn refresh(&mut self) {
        self.totals = sums(self.points, &self.nearest, self.centroids.len());
        self.totals.means(&mut self.centroids);
    }
}

/// Sums and numbers of the points of each cluster.
#[derive(Debug, Clone, Default)]
struct Totals {
    sums: Vec<Point>,
    counts: Vec<i64>,
}

impl Totals {
    fn none(k: usize) -> Self {
        Self {
            sums: vec![[0.0; MAX_FEATURES]; k],
            counts: vec![0; k],
        }
    }

    fn add(mut self, other: &Self) -> Self {
        for (sum, more) in self.sums.iter_mut().flatten().zip(other.sums.iter().flatten()) {
            *sum += more;
        }
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count += more;
        }
        self
    }

    fn put(&mut self, cluster: u8, point: &Point) {
        let cluster = usize::from(cluster);
        self.counts[cluster] += 1;
        for (sum, x) in self.sums[cluster].iter_mut().zip(point) {
            *sum += x;
        }
    }

    fn take(&mut self, cluster: u8, point: &Point) {
        let cluster = usize::from(cluster);
        self.counts[cluster] -= 1;
        for (sum, x) in self.sums[cluster].iter_mut().zip(point) {
            *sum -= x;
        }
    }

    /// Puts each centroid on the mean of its points; one without points stays.
    fn means(&self, centroids: &mut [Point]) {
        for ((centroid, sum), count) in centroids.iter_mut().zip(&self.sums).zip(&self.counts) {
            if *count > 0 {
                *centroid = sum.map(|s| s / *count as f64);
            }
        }
    }

    /// The first cluster without points.
    fn empty(&self) -> Option<usize> {
        self.counts.iter().position(|count| *count == 0)
    }
}

/// One assignment of all points.
struct Pass {
    totals: Totals,
    changed: usize,
    inertia: f64,
    border: Option<Border>,
}

/// What an assignment found in one chunk.
struct Part {
    totals: Totals,
    changed: usize,
    inertia: f64,
    border: Vec<Bordering>,
}

/// Puts the index of each point's nearest centroid into `nearest` and sums up the clusters.
fn assign(centroids: &[Point], points: &Points, nearest: &mut [u8], reach: Option<f64>) -> Pass {
    let mut parts: Vec<Part> = nearest
        .par_chunks_mut(CHUNK)
        .enumerate()
        .map(|(chunk, nearest)| assign_chunk(centroids, points, chunk * CHUNK, nearest, reach))
        .collect();
    let (mut changed, mut inertia, mut bordering) = (0, 0.0, 0);
    for part in &parts {
        changed += part.changed;
        inertia += part.inertia;
        bordering += part.border.len();
    }
    let border = reach
        .filter(|_| bordering * BORDER_SHARE <= points.len())
        .map(|reach| Border {
            from: centroids.to_vec(),
            reach,
            chunks: parts.iter_mut().map(|part| std::mem::take(&mut part.border)).collect(),
        });
    Pass {
        totals: fold(centroids.len(), parts.iter().map(|part| &part.totals)),
        changed,
        inertia,
        border,
    }
}

fn assign_chunk(centroids: &[Point], points: &Points, from: usize, nearest: &mut [u8], reach: Option<f64>) -> Part {
    let mut found = Part {
        totals: Totals::none(centroids.len()),
        changed: 0,
        inertia: 0.0,
        border: Vec::new(),
    };
    points.measure(from..from + nearest.len(), centroids, |part, block| {
        let start = part.start - from;
        let nearest = &mut nearest[start..part.end - from];
        let columns: [&[f64]; MAX_FEATURES] = points.part(part);
        for (i, nearest) in nearest.iter_mut().enumerate() {
            let (cluster, best) = (block.cluster(i), block.best[i]);
            let point = columns.map(|column| column[i]);
            found.changed += usize::from(*nearest != cluster);
            found.inertia += best;
            found.totals.put(cluster, &point);
            *nearest = cluster;
            if reach.is_some_and(|reach| borders(best, block.second[i], reach)) {
                let row = (start + i) as u16;
                found.border.push(Bordering { point, row, cluster });
            }
        }
    });
    found
}

/// True where a point whose squared distances to the two nearest centroids are `best` and `second` may
/// change its cluster when both have moved by `reach` together.
fn borders(best: f64, second: f64, reach: f64) -> bool {
    let limit = (best.sqrt() + reach) * (1.0 + ROUNDING);
    second <= limit * limit
}

fn fold<'a>(k: usize, parts: impl Iterator<Item = &'a Totals>) -> Totals {
    parts.fold(Totals::none(k), Totals::add)
}

/// What [`assign`] sums up, of clusters that are known.
fn sums(points: &Points, nearest: &[u8], k: usize) -> Totals {
    let parts: Vec<Totals> = nearest
        .par_chunks(CHUNK)
        .enumerate()
        .map(|(chunk, nearest)| {
            let mut totals = Totals::none(k);
            for (i, cluster) in nearest.iter().enumerate() {
                totals.put(*cluster, &points.at(chunk * CHUNK + i));
            }
            totals
        })
        .collect();
    fold(k, parts.iter())
}

/// The points that may change their cluster before the centroids have moved by `reach`.
struct Border {
    /// The centroids from which it was measured.
    from: Vec<Point>,
    reach: f64,
    /// By chunk, in row order.
    chunks: Vec<Vec<Bordering>>,
}

struct Bordering {
    point: Point,
    /// Within the chunk, whose rows 16 bits can count.
    row: u16,
    cluster: u8,
}

impl Border {
    /// True while it holds every point that may change its cluster.
    fn holds(&self, centroids: &[Point]) -> bool {
        travel(&self.from, centroids) * (1.0 + ROUNDING) <= self.reach
    }

    /// Assigns its points; returns what this adds to the totals, and how many changed.
    fn assign(&mut self, centroids: &[Point], nearest: &mut [u8]) -> (Totals, usize) {
        let parts: Vec<(Totals, usize)> = self
            .chunks
            .par_iter_mut()
            .zip(nearest.par_chunks_mut(CHUNK))
            .map(|(points, nearest)| assign_bordering(centroids, points, nearest))
            .collect();
        let changed = parts.iter().map(|(_, changed)| changed).sum();
        (fold(centroids.len(), parts.iter().map(|(moved, _)| moved)), changed)
    }
}

fn assign_bordering(centroids: &[Point], points: &mut [Bordering], nearest: &mut [u8]) -> (Totals, usize) {
    let (mut moved, mut changed) = (Totals::none(centroids.len()), 0);
    let mut d2 = vec![0.0; centroids.len()];
    for Bordering { point, row, cluster } in points {
        for (d2, centroid) in d2.iter_mut().zip(centroids) {
            *d2 = squared(point, centroid);
        }
        let now = smallest(&d2) as u8;
        if now != *cluster {
            moved.take(*cluster, point);
            moved.put(now, point);
            (nearest[usize::from(*row)], *cluster) = (now, now);
            changed += 1;
        }
    }
    (moved, changed)
}

/// How far the two centroids that went farthest have gone together.
fn travel(before: &[Point], after: &[Point]) -> f64 {
    let (mut most, mut next) = (0.0, 0.0);
    for (a, b) in before.iter().zip(after) {
        let way = squared(a, b).sqrt();
        if way > most {
            (most, next) = (way, most);
        } else if way > next {
            next = way;
        }
    }
    most + next
}

/// The first of the points that are farthest from their centroid; none when all lie on theirs.
fn farthest(centroids: &[Point], nearest: &[u8], points: &Points) -> Option<Point> {
    let mut best = (0.0, None);
    for (i, cluster) in nearest.iter().enumerate() {
        let point = points.at(i);
        let d2 = squared(&point, &centroids[usize::from(*cluster)]);
        if d2 > best.0 {
            best = (d2, Some(point));
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
mod tests;
