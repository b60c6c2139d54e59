//! `model`: versions and their lifecycle.

use std::collections::HashSet;

use anyhow::Result;
use clap::{Args, Subcommand};
use serde::Serialize;

use crate::app::{Access, App};
use crate::pipeline::activate::retire as withdraw;
use crate::pipeline::choose::load_model;
use crate::pipeline::report::{ClusterSummary, cluster_summaries};
use crate::store::Store;
use crate::store::evaluations::StoredEvaluation;
use crate::store::models::ModelRow;
use crate::vocab::ModelStatus;

use super::model_change::{ActivateArgs, RollbackArgs, TrainArgs, activate, rollback, train};
use super::model_compare::{CompareArgs, compare};
use super::output::{Output, Rows, list, number, one, text};
use super::read::named_model;

/// `paceline model`.
#[derive(Debug, Args)]
pub struct ModelArgs {
    #[command(subcommand)]
    command: ModelCommand,
}

#[derive(Debug, Subcommand)]
enum ModelCommand {
    /// Lists every model version, oldest first.
    List,
    /// Shows one model whole.
    Show {
        /// A model id, as `paceline model list` has it, or `active`.
        model: String,
    },
    /// Compares two models: metrics, the gate, what each would say of every workout and of what people said.
    Compare(CompareArgs),
    /// Shows a model's ancestors, youngest first.
    Lineage {
        /// A model id, as `paceline model list` has it, or `active`.
        #[arg(default_value = "active")]
        model: String,
    },
    /// Trains a model on the workouts and on what people said; the gate decides whether it is activated.
    Train(TrainArgs),
    /// Puts an archived model in production.
    ///
    /// Refused with exit code 4 where the gate has refused it, unless --force and --reason are given. Classifies
    /// nothing: the next run does.
    Activate(ActivateArgs),
    /// Puts the model in production that was active before the present one, and reclassifies with it.
    Rollback(RollbackArgs),
    /// Withdraws the active model from production; none is active then, and the next run trains one.
    Deprecate(RetireArgs),
    /// Marks a model as bad, so that it can never be activated again.
    Fail(RetireArgs),
}

#[derive(Debug, Args)]
struct RetireArgs {
    /// The model: an id, as `paceline model list` has it, or `active`.
    model_id: String,
    /// Why; kept with the model.
    #[arg(long)]
    reason: String,
}

impl ModelArgs {
    /// True for the commands that list models.
    pub fn is_list(&self) -> bool {
        matches!(self.command, ModelCommand::List | ModelCommand::Lineage { .. })
    }
}

#[derive(Debug, Serialize)]
struct RetirementJson {
    model_id: String,
    status: String,
    reason: String,
}

/// Runs a `model` command.
pub async fn model(app: &App, args: ModelArgs, output: Output) -> Result<()> {
    // Reading and lifecycle alike need a store that exists; none of them creates one.
    let store = app.store(Access::Read).await?;
    match args.command {
        ModelCommand::List => {
            let models = store.models().await?;
            list(
                &models,
                &rows_of(&models),
                "No model yet. `paceline run PIPELINE.toml` trains one.",
                output,
            )
        }
        ModelCommand::Show { model } => show(&store, &model, output).await,
        ModelCommand::Train(args) => train(app, args, output).await,
        ModelCommand::Activate(args) => activate(app, &store, args, output).await,
        ModelCommand::Rollback(args) => rollback(app, &store, args, output).await,
        ModelCommand::Deprecate(retire) => self::retire(app, &store, retire, ModelStatus::Deprecated, output).await,
        ModelCommand::Fail(retire) => self::retire(app, &store, retire, ModelStatus::Failed, output).await,
        ModelCommand::Compare(args) => compare(&store, &args, output).await,
        ModelCommand::Lineage { model } => lineage(&store, &model, output).await,
    }
}

fn rows_of(models: &[ModelRow]) -> Rows {
    let mut rows = Rows::new(&[
        "model_id",
        "version",
        "status",
        "algorithm",
        "trained_at",
        "workouts",
        "silhouette",
        "parent",
    ]);
    for m in models {
        rows.push(vec![
            m.model_id.clone(),
            m.model_version.clone(),
            m.status.clone(),
            text(m.algorithm_type.as_deref()),
            text(m.trained_at.as_deref()),
            text(m.training_workouts_count.map(|n| n.to_string()).as_deref()),
            number(m.silhouette_score, 4),
            text(m.parent_model_id.as_deref()),
        ]);
    }
    rows
}

async fn show(store: &Store, name: &str, output: Output) -> Result<()> {
    let row = named_model(store, name).await?;
    // The page shows centroids in the units of the workouts where the artifact can be read; a damaged
    // artifact must not hide the row that says which model is damaged.
    let (clusters, problem) = match load_model(store, &row.model_id).await {
        Ok(model) => (cluster_summaries(&model), None),
        Err(error) => (Vec::new(), Some(error.to_string())),
    };
    let evaluations = store.evaluations(&row.model_id).await?;
    let shown = Shown {
        row: &row,
        evaluations: &evaluations,
    };
    one(&shown, || page(&shown, &clusters, problem.as_deref()), output)
}

/// The registry row, with what the gate said of the model, newest first.
#[derive(Debug, Serialize)]
struct Shown<'a> {
    #[serde(flatten)]
    row: &'a ModelRow,
    evaluations: &'a [StoredEvaluation],
}

fn page(shown: &Shown<'_>, clusters: &[ClusterSummary], problem: Option<&str>) -> String {
    let row = shown.row;
    let mut page = Rows::new(&["field", "value"]);
    let mut field = |name: &str, value: String| page.push(vec![name.to_owned(), value]);
    let json = |raw: &Option<Box<serde_json::value::RawValue>>| text(raw.as_ref().map(|json| json.get()));
    field("model_id", row.model_id.clone());
    field("version", row.model_version.clone());
    field("status", row.status.clone());
    field("algorithm", text(row.algorithm_type.as_deref()));
    for cluster in clusters {
        let centre: Vec<String> = cluster
            .centroid
            .iter()
            .map(|(name, x)| format!("{name} {x:.4}"))
            .collect();
        field(&format!("cluster {}", cluster.label), centre.join(", "));
    }
    field("trained_at", text(row.trained_at.as_deref()));
    field("activated_at", text(row.activated_at.as_deref()));
    field("archived_at", text(row.archived_at.as_deref()));
    field(
        "training workouts",
        text(row.training_workouts_count.map(|n| n.to_string()).as_deref()),
    );
    let (first, last) = (
        text(row.training_date_start.as_deref()),
        text(row.training_date_end.as_deref()),
    );
    field("training dates", format!("{first} to {last}"));
    field("inertia", number(row.inertia, 6));
    field("silhouette", number(row.silhouette_score, 6));
    field("cluster distribution", json(&row.cluster_distribution));
    field("confidence", json(&row.confidence_stats));
    field("labels", json(&row.activity_type_stats));
    field("hyperparameters", json(&row.hyperparameters));
    field("parent", text(row.parent_model_id.as_deref()));
    field("artifact SHA-256", text(row.artifact_sha256.as_deref()));
    field("training data SHA-256", text(row.training_data_sha256.as_deref()));
    field("notes", text(row.training_notes.as_deref()));
    field("remarks", text(row.performance_notes.as_deref()));
    for seen in shown.evaluations {
        field(&format!("gate {}", seen.evaluated_at), judgement(seen));
    }
    if let Some(problem) = problem {
        field("PROBLEM", problem.to_owned());
    }
    page.table()
}

fn judgement(seen: &StoredEvaluation) -> String {
    let against = text(seen.compared_with.as_deref());
    let forced = match (&seen.forced_by, &seen.forced_reason) {
        (Some(by), Some(reason)) if seen.forced => format!("FORCED by {by}: {reason}; "),
        _ => String::new(),
    };
    format!("{forced}{} beside {against}: {}", seen.verdict, seen.reason)
}

async fn retire(app: &App, store: &Store, args: RetireArgs, to: ModelStatus, output: Output) -> Result<()> {
    let model_id = named_model(store, &args.model_id).await?.model_id;
    withdraw(store, &model_id, to, &args.reason, app.now()).await?;
    let value = RetirementJson {
        model_id,
        status: to.to_string(),
        reason: args.reason,
    };
    one(
        &value,
        || format!("{} is {} now: {}", value.model_id, value.status, value.reason),
        output,
    )
}

async fn lineage(store: &Store, name: &str, output: Output) -> Result<()> {
    let all = store.models().await?;
    let mut row = named_model(store, name).await?;
    let mut seen = HashSet::new();
    let mut line = Vec::new();
    loop {
        let parent = row.parent_model_id.clone();
        // Older tools could write a model as its own ancestor; a circle ends where it closes.
        let fresh = seen.insert(row.model_id.clone());
        if fresh {
            line.push(row);
        }
        match parent
            .and_then(|id| all.iter().find(|m| m.model_id == id).cloned())
            .filter(|_| fresh)
        {
            Some(next) => row = next,
            None => break,
        }
    }
    list(&line, &rows_of(&line), "", output)
}
