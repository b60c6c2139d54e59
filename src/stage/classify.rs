//! The stage that applies a model, and the same verdict spelled out for one row.
//!
//! Invariants: row i of the predictions is the verdict on row i of the features; classified alone,
//! in any batch or by [`explain`], a row gets the same label, confidence and posteriors, bit for bit.
//!
//! Must not know: what is stored, and how the model was trained.

use polars::prelude::*;
use rayon::prelude::*;
use serde::Serialize;

use super::columns::Words;
use super::frame::{Features, Frame, FrameError, Predictions, Schema};
use super::head::Head;
use super::model::{Clustering, Model};
use super::table::{Row, Table};
use super::verdict::{self, Verdict, judge};
pub use super::verdict::{Posterior, Rule};
use crate::time::WorkoutDate;
use crate::vocab::{Label, Source};

/// Rows that one thread judges at a time. No result depends on it.
const TASK: usize = 16_384;

/// The model's verdict on every row.
///
/// `method` is the algorithm's name, or `era_fallback` for a row on which the model cannot speak;
/// that row's posteriors are null. `posterior_mixed` is null for models without a `mixed` cluster.
/// The verdict, fallbacks included, is the model's: it is stored under the model's id.
///
/// # Errors
/// [`FrameError::Polars`] when Polars refuses the columns, which no input is known to cause.
pub fn classify(features: &Frame<Features>, model: &Model) -> Result<Frame<Predictions>, FrameError> {
    let judged = judged(&Table::of(features), model, None, |v| v.nearest.map(|n| n.posterior));
    let posterior = |name: &'static str, part: fn(&Posterior) -> Option<f64>| {
        let values = judged.kept.iter().map(|kept| kept.as_ref().and_then(part));
        Float64Chunked::from_iter_options(name.into(), values).into_column()
    };
    let posteriors = [
        posterior("posterior_real_run", |p| Some(p.real_run)),
        posterior("posterior_mixed", |p| p.mixed),
        posterior("posterior_pup_walk", |p| Some(p.pup_walk)),
    ];
    predictions(features, model, judged.words, judged.confidence, posteriors)
}

/// As [`classify`], for those who read labels, confidences and methods alone: all posteriors are null, and
/// take no memory.
///
/// # Errors
/// As [`classify`].
pub fn verdicts(features: &Frame<Features>, model: &Model) -> Result<Frame<Predictions>, FrameError> {
    let judged = judged(&Table::of(features), model, (), |_| ());
    let unasked = ["posterior_real_run", "posterior_mixed", "posterior_pup_walk"]
        .map(|name| Column::full_null(name.into(), features.height(), &DataType::Float64));
    predictions(features, model, judged.words, judged.confidence, unasked)
}

/// What is kept of the verdicts, in the rows' order.
struct Judged<T> {
    /// The label's place in [`Label::ALL`], with [`ERA`] where the model cannot speak.
    words: Vec<u8>,
    confidence: Vec<f64>,
    /// Whatever else is asked for.
    kept: Vec<T>,
}

/// The bit beside a label that says that the era gave it.
const ERA: u8 = 0x80;

fn judged<T>(table: &Table<'_>, model: &Model, blank: T, keep: impl Fn(&Verdict) -> T + Sync) -> Judged<T>
where
    T: Clone + Send,
{
    let rows = table.len();
    let mut judged = Judged {
        words: vec![0; rows],
        confidence: vec![0.0; rows],
        kept: vec![blank; rows],
    };
    let words = judged.words.par_chunks_mut(TASK);
    let confidence = judged.confidence.par_chunks_mut(TASK);
    let kept = judged.kept.par_chunks_mut(TASK);
    let tasks = words.zip(confidence).zip(kept).enumerate();
    tasks.for_each(|(task, ((words, confidence), kept))| {
        for i in 0..words.len() {
            let verdict = judge(model, &table.row(task * TASK + i));
            let era = if verdict.nearest.is_some() { 0 } else { ERA };
            words[i] = verdict.label as u8 | era;
            confidence[i] = verdict.confidence;
            kept[i] = keep(&verdict);
        }
    });
    judged
}

fn predictions(
    features: &Frame<Features>,
    model: &Model,
    words: Vec<u8>,
    confidence: Vec<f64>,
    posteriors: [Column; 3],
) -> Result<Frame<Predictions>, FrameError> {
    let polars = |source| FrameError::Polars {
        frame: Predictions::NAME,
        source,
    };
    let label = |word: &u8| Label::ALL[usize::from(word & !ERA)].as_str();
    let label = StringChunked::from_iter_values("label".into(), words.iter().map(label));
    let mut method = Words::default();
    for word in words {
        let era = word & ERA != 0;
        method.push(Some(if era {
            Source::EraFallback.as_str()
        } else {
            model.algorithm().as_str()
        }));
    }
    let [real_run, mixed, pup_walk] = posteriors;
    Frame::made(vec![
        features.ids().clone().into_column(),
        label.into_column(),
        Float64Chunked::from_vec("confidence".into(), confidence).into_column(),
        real_run,
        mixed,
        pup_walk,
        method.finish("method").map_err(polars)?,
    ])
}

fn method(model: &Model, verdict: &Verdict) -> &'static str {
    match verdict.nearest {
        Some(_) => model.algorithm().as_str(),
        None => Source::EraFallback.as_str(),
    }
}

/// Why a row got its label. What cannot be known of a row, for want of numbers or of clusters, is
/// absent or empty.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Explanation {
    /// The label.
    pub label: Label,
    /// Its confidence, from 0 to 1.
    pub confidence: f64,
    /// The algorithm, or `era_fallback`.
    pub method: &'static str,
    /// The rule that decided.
    pub rule: Rule,
    /// The label without `mixed` and `outlier`: the head's where there is one, otherwise that of the
    /// nearest cluster.
    pub forced_label: Option<Label>,
    /// The row's numbers.
    pub features: Measured,
    /// The row in the model's space, by feature.
    pub transformed: Vec<Transformed>,
    /// Every cluster, in ascending order of pace.
    pub clusters: Vec<Distance>,
    /// What people's answers taught, where they taught anything; the posterior is then its own.
    pub head: Option<Learned>,
    /// The posterior of each label.
    pub posterior: Option<Posterior>,
    /// The posterior below which a row is `mixed`.
    pub mixed_band: f64,
    /// How usual the row is.
    pub typicality: Option<Typicality>,
}

/// The numbers a row has.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Measured {
    /// Minutes per mile.
    pub avg_pace: Option<f64>,
    /// Miles.
    pub distance_mi: Option<f64>,
    /// Minutes.
    pub duration_min: Option<f64>,
}

/// One coordinate of a row.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Transformed {
    /// The feature.
    pub name: &'static str,
    /// Its value in the model's space.
    pub value: f64,
}

/// How far a row is from one cluster.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Distance {
    /// What the cluster's rows are called.
    pub label: Label,
    /// Its centre in the rows' units, one number per feature.
    pub centroid: Vec<f64>,
    /// The squared distance in the model's space.
    pub d2: f64,
}

/// How a head sees one row.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Learned {
    /// Its coefficients.
    pub coefficients: Head,
    /// The log-odds of a run.
    pub log_odds: f64,
    /// The pace in min/mi at which a workout of this distance is as likely a run as a walk.
    pub boundary_pace: Option<f64>,
}

/// The squared distance to the nearest centroid, and where outliers begin.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Typicality {
    /// The row's.
    pub d2: f64,
    /// The largest that is not an outlier's.
    pub cut: Option<f64>,
}

/// What [`classify`] says of a workout with these numbers, and why. `pace` in minutes per mile,
/// `distance` in miles.
pub fn explain(
    model: &Model,
    date: WorkoutDate,
    pace: Option<f64>,
    distance: Option<f64>,
    duration_min: Option<f64>,
) -> Explanation {
    let row = Row {
        date,
        pace: pace.unwrap_or(f64::NAN),
        distance: distance.unwrap_or(f64::NAN),
        duration: duration_min.unwrap_or(f64::NAN),
    };
    let verdict = judge(model, &row);
    let spoken = verdict.nearest.zip(model.clustering());
    let (transformed, clusters) = spoken.map_or_else(Default::default, |(_, c)| geometry(c, &row));
    Explanation {
        label: verdict.label,
        confidence: verdict.confidence,
        method: method(model, &verdict),
        rule: verdict.rule,
        forced_label: spoken.map(|(n, _)| n.winner),
        features: Measured {
            avg_pace: pace,
            distance_mi: distance,
            duration_min,
        },
        transformed,
        clusters,
        head: spoken.and_then(|(_, c)| c.head).map(|head| learned(&head, &row)),
        posterior: spoken.map(|(n, _)| n.posterior),
        mixed_band: model.mixed_band(),
        typicality: spoken.map(|(n, c)| Typicality { d2: n.d2, cut: c.cut }),
    }
}

fn learned(head: &Head, row: &Row) -> Learned {
    Learned {
        coefficients: *head,
        log_odds: head.log_odds(row.pace, row.distance),
        boundary_pace: head.boundary_pace(row.distance),
    }
}

fn geometry(clustering: &Clustering, row: &Row) -> (Vec<Transformed>, Vec<Distance>) {
    let x = verdict::transformed(&clustering.features, row);
    let d2 = verdict::distances(&clustering.clusters, &x);
    let transformed = clustering
        .features
        .iter()
        .zip(x)
        .map(|(feature, value)| Transformed {
            name: feature.name(),
            value,
        })
        .collect();
    let clusters = clustering
        .clusters
        .iter()
        .zip(d2)
        .map(|(cluster, d2)| Distance {
            label: cluster.label,
            centroid: clustering.measured(cluster),
            d2,
        })
        .collect();
    (transformed, clusters)
}
