//! `model compare`: two models side by side, and what each would say of every workout.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use serde::Serialize;

use crate::app::read_pipeline;
use crate::pipeline::choose::load_model;
use crate::pipeline::report::{ClusterSummary, MatrixCell, cluster_summaries};
use crate::stage::classify::classify;
use crate::stage::features::{Activities, featurize};
use crate::stage::frame::{Frame, Predictions};
use crate::store::Store;
use crate::store::models::ModelRow;
use crate::store::workouts::Window;

use super::output::{Output, Rows, count, number, one, text};
use super::read::named_model;

/// `paceline model compare`.
#[derive(Debug, Args)]
pub struct CompareArgs {
    /// A model id, or `active`.
    a: String,
    /// A model id, or `active`.
    b: String,
    /// Takes the activities from this pipeline file; default: runs, walks and hikes.
    #[arg(long, value_name = "PIPELINE.toml")]
    pipeline: Option<PathBuf>,
}

#[derive(Debug, Serialize)]
struct Side {
    model_id: String,
    model_version: String,
    algorithm: Option<String>,
    training_workouts: Option<i64>,
    inertia: Option<f64>,
    silhouette: Option<f64>,
    clusters: Vec<ClusterSummary>,
    labels: BTreeMap<String, u64>,
}

#[derive(Debug, Serialize)]
struct CompareJson {
    a: Side,
    b: Side,
    workouts: u64,
    agree: u64,
    matrix: Vec<MatrixCell>,
}

/// Classifies every workout with both models and compares.
pub async fn compare(store: &Store, args: &CompareArgs, output: Output) -> Result<()> {
    let activities = match &args.pipeline {
        Some(path) => read_pipeline(path)?.activities,
        None => Activities::default(),
    };
    let row_a = named_model(store, &args.a).await?;
    let row_b = named_model(store, &args.b).await?;
    let (model_a, model_b) = (
        load_model(store, &row_a.model_id).await?,
        load_model(store, &row_b.model_id).await?,
    );
    let workouts = store.load_workouts(Window::default(), |_| {}).await?.frame;
    let features = featurize(&workouts, &activities)?.features;
    let (said_a, said_b) = (classify(&features, &model_a)?, classify(&features, &model_b)?);
    let matrix = matrix_of(&said_a, &said_b);
    let agree = matrix
        .iter()
        .filter(|cell| cell.from.as_ref() == Some(&cell.to))
        .map(|cell| cell.count)
        .sum();
    let value = CompareJson {
        a: side(row_a, cluster_summaries(&model_a), &said_a),
        b: side(row_b, cluster_summaries(&model_b), &said_b),
        workouts: features.height() as u64,
        agree,
        matrix,
    };
    one(&value, || page(&value), output)
}

fn side(row: ModelRow, clusters: Vec<ClusterSummary>, said: &Frame<Predictions>) -> Side {
    let mut labels = BTreeMap::new();
    for label in said.text("label").iter().flatten() {
        *labels.entry(label.to_owned()).or_default() += 1;
    }
    Side {
        model_id: row.model_id,
        model_version: row.model_version,
        algorithm: row.algorithm_type,
        training_workouts: row.training_workouts_count,
        inertia: row.inertia,
        silhouette: row.silhouette_score,
        clusters,
        labels,
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

fn page(value: &CompareJson) -> String {
    let (a, b) = (&value.a, &value.b);
    let mut rows = Rows::new(&["", "A", "B"]);
    let mut field = |name: &str, a: String, b: String| rows.push(vec![name.to_owned(), a, b]);
    field("model_id", a.model_id.clone(), b.model_id.clone());
    field("version", a.model_version.clone(), b.model_version.clone());
    field("algorithm", text(a.algorithm.as_deref()), text(b.algorithm.as_deref()));
    let trained = |side: &Side| text(side.training_workouts.map(|n| n.to_string()).as_deref());
    field("training workouts", trained(a), trained(b));
    field("silhouette", number(a.silhouette, 4), number(b.silhouette, 4));
    field("inertia", number(a.inertia, 4), number(b.inertia, 4));
    let names: std::collections::BTreeSet<&String> = a.labels.keys().chain(b.labels.keys()).collect();
    for name in names {
        let of = |side: &Side| count(side.labels.get(name).copied().unwrap_or(0));
        field(name, of(a), of(b));
    }
    let share = 100.0 * value.agree as f64 / value.workouts.max(1) as f64;
    let mut text = format!(
        "{}\n\nAgree on {} of {} workouts ({share:.1} %)\n",
        rows.table(),
        count(value.agree),
        count(value.workouts)
    );
    for cell in value.matrix.iter().filter(|cell| cell.from.as_ref() != Some(&cell.to)) {
        let from = cell.from.as_deref().unwrap_or("-");
        text.push_str(&format!("  A says {from}, B says {}: {}\n", cell.to, count(cell.count)));
    }
    text
}
