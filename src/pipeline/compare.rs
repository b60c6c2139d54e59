//! Two models side by side: what each would say of every workout, of what people said, and what the gate
//! says of the second beside the first.
//!
//! Why: whoever decides about a model wants to see what it would change before it changes anything.
//!
//! Invariants: nothing is written; both models speak on the same rows.
//!
//! Must not know: how a comparison is printed.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::config::Pipeline;
use crate::stage::classify::verdicts;
use crate::stage::diff::diff;
use crate::stage::features::featurize_all;
use crate::stage::frame::{Frame, Predictions};
use crate::stage::gate::Evaluation;
use crate::stage::model::Model;
use crate::stage::review::{Said, words};
use crate::store::Store;
use crate::store::models::ModelRow;
use crate::vocab::Label;

use super::RunError;
use super::choose::load_model;
use super::gate::{Contest, params_of};
use super::lessons::Lessons;
use super::prepare::{frame_error, source_window};
use super::report::{ClusterSummary, MatrixCell, cluster_summaries};

/// As many workouts that contradict a person are named.
const NAMED: usize = 20;

/// One of the two.
#[derive(Debug, Serialize)]
pub struct Side {
    /// Its id.
    pub model_id: String,
    /// Its version.
    pub model_version: String,
    /// Its algorithm.
    pub algorithm: Option<String>,
    /// Workouts it was trained on.
    pub training_workouts: Option<i64>,
    /// Inertia.
    pub inertia: Option<f64>,
    /// Silhouette.
    pub silhouette: Option<f64>,
    /// Its clusters.
    pub clusters: Vec<ClusterSummary>,
    /// Verdicts by label.
    pub labels: BTreeMap<String, u64>,
    /// Workouts on which it contradicts a person.
    pub contradicts: u64,
}

/// A workout on which one of the models contradicts a person.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Contradiction {
    /// The workout.
    pub workout_id: String,
    /// What people say.
    pub said: Label,
    /// What the first model says.
    pub a: String,
    /// What the second says.
    pub b: String,
}

/// The comparison of B with A.
#[derive(Debug, Serialize)]
pub struct Comparison {
    /// The first.
    pub a: Side,
    /// The second.
    pub b: Side,
    /// Workouts that both spoke on.
    pub workouts: u64,
    /// Of which so many get the same label.
    pub agree: u64,
    /// From A's labels to B's.
    pub matrix: Vec<MatrixCell>,
    /// The share of the classified workouts that B would relabel.
    pub churn: f64,
    /// What the gate says of B as a candidate beside A; None where B's parameters are not known.
    pub gate: Option<Evaluation>,
    /// The first of the workouts on which B contradicts a person, at most 20, ascending.
    pub contradictions: Vec<Contradiction>,
}

/// Compares the models of two registry rows over the activities and the source window of `pipeline`.
///
/// # Errors
/// [`RunError`] of the store, or where an artifact cannot be read.
pub async fn compare(store: &Store, a: ModelRow, b: ModelRow, pipeline: &Pipeline) -> Result<Comparison, RunError> {
    let fail = |e| RunError::store("compare", e);
    let (model_a, model_b) = (
        load_model(store, &a.model_id).await?,
        load_model(store, &b.model_id).await?,
    );
    let window = source_window(pipeline);
    let workouts = store.load_workouts(window, |_| {}).await.map_err(fail)?.frame;
    let current = store.load_classifications(window).await.map_err(fail)?;
    let features = featurize_all(workouts, &pipeline.activities).map_err(frame_error("featurize"))?;
    let features = features.features;
    let speak = |model: &Model| verdicts(&features, model).map_err(frame_error("classify"));
    let (said_a, said_b) = (speak(&model_a)?, speak(&model_b)?);
    let churn = diff(&current, &said_b, Some(&b.model_id)).churn();
    let lessons = Lessons::read(store).await?;
    let gate = match params_of(&b) {
        None => None,
        Some(params) => {
            let contest = Contest {
                ground: &features,
                lessons: &lessons,
                params: &params,
                seed: pipeline.seed,
                churn: Some(churn),
                max_churn: Some(pipeline.max_churn),
            };
            Some(contest.against(store, &a, &model_a).await?)
        }
    };
    let people = people(store, &lessons).await?;
    let contradictions = contradictions(&said_a, &said_b, &people);
    let matrix = matrix_of(&said_a, &said_b);
    let same = |cell: &&MatrixCell| cell.from.as_ref() == Some(&cell.to);
    Ok(Comparison {
        workouts: features.height() as u64,
        agree: matrix.iter().filter(same).map(|cell| cell.count).sum(),
        a: side(a, &model_a, &said_a, &contradictions, |c| &c.a),
        b: side(b, &model_b, &said_b, &contradictions, |c| &c.b),
        matrix,
        churn,
        gate,
        contradictions: contradictions
            .into_iter()
            .filter(|c| c.b != c.said.as_str())
            .take(NAMED)
            .collect(),
    })
}

/// What people agree on, by workout.
async fn people(store: &Store, lessons: &Lessons) -> Result<BTreeMap<String, Label>, RunError> {
    let overrides = store.overrides().await.map_err(|e| RunError::store("compare", e))?;
    let overrides = overrides
        .into_iter()
        .filter_map(|row| Some((row.workout_id, row.label.parse().ok()?)));
    let agreed = |(id, said)| match said {
        Said::Agreed { label, .. } => Some((id, label)),
        Said::Disputed | Said::Undecided => None,
    };
    Ok(words(lessons.feedback(), overrides)
        .into_iter()
        .filter_map(agreed)
        .collect())
}

/// The workouts on which either model contradicts a person, ascending.
fn contradictions(
    a: &Frame<Predictions>,
    b: &Frame<Predictions>,
    people: &BTreeMap<String, Label>,
) -> Vec<Contradiction> {
    let (labels_a, labels_b) = (a.text("label"), b.text("label"));
    let rows = a.ids().iter().zip(labels_a.iter().zip(labels_b.iter()));
    let mut found: Vec<Contradiction> = rows
        .filter_map(|(id, (a, b))| {
            let (id, a, b) = (id?, a?, b?);
            let said = *people.get(id)?;
            (a != said.as_str() || b != said.as_str()).then(|| Contradiction {
                workout_id: id.to_owned(),
                said,
                a: a.to_owned(),
                b: b.to_owned(),
            })
        })
        .collect();
    found.sort_unstable_by(|x, y| x.workout_id.cmp(&y.workout_id));
    found
}

fn side(
    row: ModelRow,
    model: &Model,
    said: &Frame<Predictions>,
    contradictions: &[Contradiction],
    word: impl Fn(&Contradiction) -> &String,
) -> Side {
    let mut labels = BTreeMap::new();
    for label in said.text("label").iter().flatten() {
        *labels.entry(label.to_owned()).or_default() += 1;
    }
    let contradicts = contradictions.iter().filter(|c| word(c) != c.said.as_str()).count();
    Side {
        model_id: row.model_id,
        model_version: row.model_version,
        algorithm: row.algorithm_type,
        training_workouts: row.training_workouts_count,
        inertia: row.inertia,
        silhouette: row.silhouette_score,
        clusters: cluster_summaries(model),
        labels,
        contradicts: contradicts as u64,
    }
}

/// Both frames stand on the same features, so row i of one is row i of the other.
fn matrix_of(a: &Frame<Predictions>, b: &Frame<Predictions>) -> Vec<MatrixCell> {
    let mut counts: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    let pairs = a.text("label").iter().flatten().zip(b.text("label").iter().flatten());
    for pair in pairs {
        *counts.entry(pair).or_default() += 1;
    }
    let cell = |((from, to), count): ((&str, &str), u64)| MatrixCell {
        from: Some(from.to_owned()),
        to: to.to_owned(),
        count,
    };
    counts.into_iter().map(cell).collect()
}
