//! The stage that applies a model, and the same verdict spelled out for one row.
//!
//! Invariants: row i of the predictions is the verdict on row i of the features; classified alone,
//! in any batch or by [`explain`], a row gets the same label, confidence and posteriors, bit for bit.
//!
//! Must not know: what is stored, and how the model was trained.

use polars::prelude::*;
use rayon::prelude::*;
use serde::Serialize;

use super::frame::{Features, Frame, FrameError, Predictions};
use super::head::Head;
use super::model::{Clustering, Model};
use super::table::{Row, Table};
use super::verdict::{self, Verdict, judge};
pub use super::verdict::{Posterior, Rule};
use crate::time::WorkoutDate;
use crate::vocab::{Label, Source};

/// Fewer rows than this are not worth a second thread. No result depends on it.
const MIN_TASK: usize = 16_384;

/// The model's verdict on every row.
///
/// `method` is the algorithm's name, or `era_fallback` for a row on which the model cannot speak;
/// that row's posteriors are null. `posterior_mixed` is null for models without a `mixed` cluster.
/// The verdict, fallbacks included, is the model's: it is stored under the model's id.
///
/// # Errors
/// [`FrameError::Polars`] when Polars refuses the columns, which no input is known to cause.
pub fn classify(features: &Frame<Features>, model: &Model) -> Result<Frame<Predictions>, FrameError> {
    let table = Table::of(features);
    let verdicts = verdicts(&table, model);
    let posterior = |part: fn(&Posterior) -> Option<f64>| -> Vec<Option<f64>> {
        verdicts
            .iter()
            .map(|v| v.nearest.as_ref().and_then(|n| part(&n.posterior)))
            .collect()
    };
    let label = StringChunked::from_iter_values("label".into(), verdicts.iter().map(|v| v.label.as_str()));
    let method = StringChunked::from_iter_values("method".into(), verdicts.iter().map(|v| method(model, v)));
    let confidence: Vec<f64> = verdicts.iter().map(|v| v.confidence).collect();
    Frame::made(vec![
        features.ids().clone().into_column(),
        label.into_column(),
        Column::new("confidence".into(), confidence),
        Column::new("posterior_real_run".into(), posterior(|p| Some(p.real_run))),
        Column::new("posterior_mixed".into(), posterior(|p| p.mixed)),
        Column::new("posterior_pup_walk".into(), posterior(|p| Some(p.pup_walk))),
        method.into_column(),
    ])
}

/// The verdicts on all rows, in their order.
fn verdicts(table: &Table<'_>, model: &Model) -> Vec<Verdict> {
    (0..table.len())
        .into_par_iter()
        .with_min_len(MIN_TASK)
        .map(|i| judge(model, &table.row(i)))
        .collect()
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
