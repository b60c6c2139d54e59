//! From answers to a head: a logistic regression on (ln pace, ln distance) in which the clusters have
//! a say as well.
//!
//! The rows are every taught workout with its weight, and [`PRIOR_ROWS`] rows of the history with the
//! clusters' posterior as their soft target, which together weigh the *prior weight*: so few answers
//! move much where they were given and none forget the rest. How much the clusters are worth is a
//! property of the person (they call a slow runner's runs walks), so the prior weight is the one of
//! [`PRIOR_WEIGHTS`] under which the answers predict one another best: cross-validated weighted log
//! loss, of equally good ones the largest.
//!
//! A light ridge draws the coefficients towards the clusters' own log-odds, which are linear in ln
//! pace (two clusters, one sigma). It keeps the fit finite for answers of one class, and leaves the
//! clusters' boundary where nothing was said. It is stronger on distance, of which the clusters know
//! nothing: a few answers must not make it matter by chance.
//!
//! Invariants: the same rows and lessons give the same bits, in any order and on any number of threads;
//! bounded work: at most 30 folds per prior weight, of at most 1,000 lessons and 256 rows.
//!
//! Must not know: who answered, and what happens to the model.

use rayon::prelude::*;
use sha2::{Digest, Sha256};

use crate::stage::features::Bounds;
use crate::stage::feedback::Lesson;
use crate::stage::head::Head;
use crate::stage::logistic::{Columns, Ridge, Sample, dot, fit, logistic, loss};
use crate::stage::model::Clustering;
use crate::stage::statistics::{deviation, mean};
use crate::stage::table::Table;
use crate::stage::verdict::is_beyond_cut;

/// The prior weights that are tried, ascending, in rows.
pub const PRIOR_WEIGHTS: [f64; 9] = [0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 100.0];

/// The prior weight under which a single answer is learnt, which no other can confirm.
const FIRST_PRIOR_WEIGHT: f64 = 25.0;

/// As many rows stand for the history.
const PRIOR_ROWS: usize = 256;

/// Up to so many lessons each is left out alone; above, they are in [`FOLDS`] folds.
const LEAVE_ONE_OUT: usize = 30;

/// The prior weight is sought with at most so many lessons: with more, the clusters hardly count.
const SEARCHED: usize = 1_000;

/// See [`LEAVE_ONE_OUT`].
pub(in crate::stage) const FOLDS: usize = 10;

/// The ridge on the constant, ln pace and ln distance, in standard deviations of the history.
/// Found on the three labelled histories and on slow runners; a factor of three either way changes
/// little.
const RIDGE: Columns = [1e-4, 3e-3, 0.1];

/// A history whose paces or distances hardly vary is scaled as if they varied by this much (5 %).
const MIN_SD: f64 = 0.05;

/// Two losses nearer than this are equally good.
const SAME_LOSS: f64 = 1e-9;

/// One workout that people agree to be a run or a walk.
#[derive(Debug, Clone)]
pub(in crate::stage) struct Example {
    /// The row in the features.
    pub row: usize,
    /// What people say.
    pub run: bool,
    /// As how many rows it counts.
    pub weight: f64,
    /// Decides its fold: a hash of the workout's id, so that it never depends on other answers.
    pub hash: [u8; 32],
    /// `ln pace` and `ln distance`.
    at: [f64; 2],
}

/// What became of the lessons about runs and walks.
#[derive(Debug, Clone, Default)]
pub(in crate::stage) struct Examples {
    /// Those that can teach, ascending by row.
    pub found: Vec<Example>,
    /// How many are about a workout that is not in the table or not within the model's bounds.
    pub absent: usize,
    /// How many are about a workout beyond the typicality cut. It would pull the boundary of all the
    /// others by its sheer distance (a timer left running for a day is a "run" at 52 min/mi), and its
    /// own label is `outlier` whatever the boundary.
    pub untypical: usize,
}

impl Examples {
    /// Looks the lessons up; those that are neither run nor walk are passed over. `ids` and `lessons`
    /// are ascending.
    pub fn of<'a>(
        table: &Table<'_>,
        ids: impl Iterator<Item = &'a str>,
        lessons: &[Lesson],
        bounds: &Bounds,
        clustering: &Clustering,
    ) -> Self {
        let mut ids = ids.enumerate().peekable();
        let mut examples = Self::default();
        for lesson in lessons {
            let Some(run) = lesson.is_run() else { continue };
            while ids.next_if(|(_, id)| *id < lesson.workout_id.as_str()).is_some() {}
            let here = ids
                .peek()
                .filter(|(_, id)| *id == lesson.workout_id)
                .map(|(row, _)| *row);
            let Some(row) = here.filter(|row| table.row(*row).admitted(bounds)) else {
                examples.absent += 1;
                continue;
            };
            if is_beyond_cut(clustering, &table.row(row)) {
                examples.untypical += 1;
                continue;
            }
            examples.found.push(Example {
                row,
                run,
                weight: lesson.weight,
                hash: Sha256::digest(&lesson.workout_id).into(),
                at: logs(table, row),
            });
        }
        examples
    }
}

fn logs(table: &Table<'_>, row: usize) -> [f64; 2] {
    let row = table.row(row);
    [libm::log(row.pace), libm::log(row.distance)]
}

/// What was learnt.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::stage) struct Taught {
    pub head: Head,
    /// As how many rows the clusters' opinion counted.
    pub prior_weight: f64,
    /// The weighted log loss of the answers under cross-validation; None for a single answer.
    pub loss: Option<f64>,
}

/// What a head is learnt from beside the answers: the history and the clusters' opinion of it.
pub(in crate::stage) struct Teacher {
    scale: [Scale; 2],
    prior: Vec<Sample>,
    ridge: Ridge,
}

#[derive(Debug, Clone, Copy)]
struct Scale {
    mean: f64,
    sd: f64,
}

impl Scale {
    fn of(values: &[f64]) -> Self {
        Self {
            mean: mean(values).unwrap_or(0.0),
            sd: deviation(values).unwrap_or(0.0).max(MIN_SD),
        }
    }
}

impl Teacher {
    /// For a clustering of a run and a walk cluster on ln pace, trained on `rows`.
    pub fn of(clustering: &Clustering, table: &Table<'_>, rows: &[u32]) -> Self {
        let history = quantiles(rows.par_iter().map(|i| logs(table, *i as usize)).collect());
        let column = |i: usize| -> Vec<f64> { history.iter().map(|x| x[i]).collect() };
        let scale = [Scale::of(&column(0)), Scale::of(&column(1))];
        // softmax(-d^2 / 2 sigma^2) of two clusters at a (run) and b (walk) has the log-odds
        // ((x - b)^2 - (x - a)^2) / 2 sigma^2.
        let [a, b] = [0, 1].map(|i| clustering.clusters[i].centroid[0]);
        let slope = (a - b) / clustering.sigma2;
        let constant = (b - a) * (b + a) / (2.0 * clustering.sigma2);
        let centre = [constant + slope * scale[0].mean, slope * scale[0].sd, 0.0];
        let weight = 1.0 / history.len().max(1) as f64;
        let sample = |at: &[f64; 2]| Sample {
            x: columns(&scale, at),
            y: logistic(constant + slope * at[0]),
            weight,
        };
        Self {
            prior: history.iter().map(sample).collect(),
            scale,
            ridge: Ridge {
                strength: RIDGE,
                centre,
            },
        }
    }

    /// The head that `examples` teach; None where there are none.
    pub fn teach(&self, examples: &[Example]) -> Option<Taught> {
        let samples: Vec<Sample> = examples.iter().map(|e| self.sample(e)).collect();
        let (prior_weight, loss) = match examples.len() {
            0 => return None,
            1 => (FIRST_PRIOR_WEIGHT, None),
            _ => {
                let searched = searched(examples);
                let part: Vec<Sample> = searched.iter().map(|e| self.sample(e)).collect();
                let (weight, loss) = self.best_prior_weight(&part, &folds(&searched, LEAVE_ONE_OUT));
                (weight, Some(loss))
            }
        };
        let head = self.unscaled(&self.fit(&samples, prior_weight));
        head.is_finite().then_some(Taught {
            head,
            prior_weight,
            loss,
        })
    }

    fn sample(&self, example: &Example) -> Sample {
        Sample {
            x: columns(&self.scale, &example.at),
            y: f64::from(u8::from(example.run)),
            weight: example.weight,
        }
    }

    fn fit(&self, samples: &[Sample], prior_weight: f64) -> Columns {
        fit(&[(samples, 1.0), (&self.prior, prior_weight)], &self.ridge)
    }

    /// The largest of the best prior weights, and its loss.
    fn best_prior_weight(&self, samples: &[Sample], folds: &[Vec<usize>]) -> (f64, f64) {
        let tasks: Vec<(f64, &Vec<usize>)> = PRIOR_WEIGHTS
            .iter()
            .flat_map(|weight| folds.iter().map(|fold| (*weight, fold)))
            .collect();
        let losses: Vec<f64> = tasks
            .par_iter()
            .map(|(weight, fold)| self.held_out(samples, fold, *weight))
            .collect();
        let total: f64 = samples.iter().map(|s| s.weight).sum();
        let scores = losses.chunks(folds.len()).map(|part| part.iter().sum::<f64>() / total);
        let mut best = (PRIOR_WEIGHTS[0], f64::INFINITY);
        for (weight, score) in PRIOR_WEIGHTS.into_iter().zip(scores) {
            if score <= best.1 + SAME_LOSS {
                best = (weight, score.min(best.1));
            }
        }
        best
    }

    /// The summed weighted loss of the samples of `fold`, learnt from the others.
    fn held_out(&self, samples: &[Sample], fold: &[usize], prior_weight: f64) -> f64 {
        let others = samples
            .iter()
            .enumerate()
            .filter(|(i, _)| fold.binary_search(i).is_err());
        let b = self.fit(&others.map(|(_, s)| *s).collect::<Vec<_>>(), prior_weight);
        let asked = fold.iter().map(|i| &samples[*i]);
        asked.map(|s| s.weight * loss(dot(&b, &s.x), s.y)).sum()
    }

    /// The coefficients of the plain logarithms.
    fn unscaled(&self, b: &Columns) -> Head {
        let [pace, distance] = self.scale;
        let (log_pace, log_distance) = (b[1] / pace.sd, b[2] / distance.sd);
        Head {
            intercept: b[0] - log_pace * pace.mean - log_distance * distance.mean,
            log_pace,
            log_distance,
        }
    }
}

fn columns(scale: &[Scale; 2], at: &[f64; 2]) -> Columns {
    let z = |i: usize| (at[i] - scale[i].mean) / scale[i].sd;
    [1.0, z(0), z(1)]
}

/// At most [`SEARCHED`] of the examples, in their order: those whose hashes are lowest, so that which
/// they are does not depend on what was said.
fn searched(examples: &[Example]) -> Vec<Example> {
    let mut hashes: Vec<&[u8; 32]> = examples.iter().map(|e| &e.hash).collect();
    hashes.sort_unstable();
    let last = hashes.get(SEARCHED - 1).copied();
    let within = examples.iter().filter(|e| last.is_none_or(|last| e.hash <= *last));
    within.cloned().collect()
}

/// At most [`PRIOR_ROWS`] of `points`: those in the middle of as many equal parts of their order.
fn quantiles(mut points: Vec<[f64; 2]>) -> Vec<[f64; 2]> {
    points.par_sort_unstable_by(|a, b| a[0].total_cmp(&b[0]).then(a[1].total_cmp(&b[1])));
    let (n, wanted) = (points.len(), points.len().min(PRIOR_ROWS));
    (0..wanted).map(|i| points[(2 * i + 1) * n / (2 * wanted)]).collect()
}

/// The indices of `examples` in folds, each ascending: one alone in each up to `alone` examples, above
/// that [`FOLDS`] of nearly equal size. Runs and walks are dealt out separately, so that every fold
/// holds its share of both.
pub(in crate::stage) fn folds(examples: &[Example], alone: usize) -> Vec<Vec<usize>> {
    let n = examples.len();
    let wanted = if n <= alone { n } else { FOLDS.min(n) };
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_unstable_by_key(|i| (examples[*i].run, examples[*i].hash));
    let mut folds = vec![Vec::new(); wanted];
    for (place, i) in order.into_iter().enumerate() {
        folds[place % wanted].push(i);
    }
    for fold in &mut folds {
        fold.sort_unstable();
    }
    folds
}

#[cfg(test)]
mod tests;
