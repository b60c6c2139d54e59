//! `classifications` and `history`: what is stored, read back.

use std::collections::HashMap;

use anyhow::Result;
use clap::Args;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::app::{Access, App};
use crate::pipeline::RunError;
use crate::pipeline::choose::load_model;
use crate::stage::classify::explain;
use crate::stage::features::duration_min;
use crate::stage::model::Model;
use crate::store::Store;
use crate::store::classifications::ListedClassification;
use crate::store::history::HistoryEntry;
use crate::vocab::Label;

use super::WindowArgs;
use super::archive::FilesArgs;
use super::exit;
use super::output::{Output, Rows, line, list, number, text};

/// `paceline classifications`.
#[derive(Debug, Args)]
pub struct ClassificationsArgs {
    #[command(flatten)]
    window: WindowArgs,
    /// Only this label: real_run, pup_walk, mixed or outlier.
    #[arg(long)]
    label: Option<Label>,
}

/// `paceline history`.
#[derive(Debug, Args)]
pub struct HistoryArgs {
    /// The workout: its id, as `paceline classifications` lists it.
    workout_id: String,
    #[command(flatten)]
    files: FilesArgs,
}

/// The posterior of a verdict; `mixed` only where the model has a cluster of that label.
#[derive(Debug, Clone, Copy, Serialize)]
struct PosteriorJson {
    real_run: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    mixed: Option<f64>,
    pup_walk: f64,
}

#[derive(Debug, Serialize)]
struct ClassificationJson {
    workout_id: String,
    workout_date: Option<String>,
    activity_type: Option<String>,
    avg_pace: Option<f64>,
    distance_mi: Option<f64>,
    duration_sec: Option<f64>,
    classification: String,
    confidence: Option<f64>,
    posterior: Option<PosteriorJson>,
    method: Option<String>,
    source: String,
    is_user_override: bool,
    original_ml_classification: Option<String>,
    model_id: Option<String>,
    model_version: Option<String>,
}

/// Lists the current classifications, by date.
pub async fn classifications(app: &App, args: &ClassificationsArgs, output: Output) -> Result<()> {
    let window = args.window.window()?.unwrap_or_default();
    let store = app.store(Access::Read).await?;
    let mut listed = Vec::new();
    let each = |row| {
        listed.push(row);
        Ok(())
    };
    store
        .list_classifications(window, args.label.map(Label::as_str), each)
        .await?;
    let models = models_of(&store, &listed).await?;
    let values: Vec<ClassificationJson> = listed.into_iter().map(|row| with_posterior(row, &models)).collect();
    let mut rows = Rows::new(&[
        "workout_id",
        "workout_date",
        "activity_type",
        "avg_pace",
        "distance_mi",
        "classification",
        "confidence",
        "method",
        "source",
        "is_user_override",
    ]);
    let exact = output == Output::Csv;
    let shown = |x: Option<f64>, decimals| match (exact, x) {
        (true, x) => x.map(|x| x.to_string()).unwrap_or_default(),
        (false, x) => number(x, decimals),
    };
    for v in &values {
        rows.push(vec![
            v.workout_id.clone(),
            text(v.workout_date.as_deref()),
            text(v.activity_type.as_deref()),
            shown(v.avg_pace, 2),
            shown(v.distance_mi, 2),
            v.classification.clone(),
            shown(v.confidence, 3),
            text(v.method.as_deref()),
            v.source.clone(),
            v.is_user_override.to_string(),
        ]);
    }
    list(
        &values,
        &rows,
        "Nothing is classified here yet. `paceline run PIPELINE.toml` classifies.",
        output,
    )
}

/// The artifacts behind a list. A model whose artifact is damaged costs its rows their posterior and
/// nothing else: the stored verdicts are still the verdicts.
async fn models_of(store: &Store, listed: &[ListedClassification]) -> Result<HashMap<String, Model>> {
    let mut models = HashMap::new();
    let mut failed = Vec::new();
    for id in listed.iter().filter_map(|row| row.model_id.as_ref()) {
        if models.contains_key(id) || failed.contains(id) {
            continue;
        }
        match load_model(store, id).await {
            Ok(model) => {
                models.insert(id.clone(), model);
            }
            Err(error) if error.stage == "load model" && error.kind == crate::pipeline::Kind::Data => {
                tracing::warn!(%error, "no posterior for the rows of this model");
                failed.push(id.clone());
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(models)
}

fn with_posterior(row: ListedClassification, models: &HashMap<String, Model>) -> ClassificationJson {
    let posterior = posterior_of(&row, models);
    ClassificationJson {
        workout_id: row.workout_id,
        workout_date: row.workout_date.map(|date| date.to_string()),
        activity_type: row.activity_type,
        avg_pace: row.avg_pace,
        distance_mi: row.distance_mi,
        duration_sec: row.duration_sec,
        classification: row.classification,
        confidence: row.confidence,
        posterior,
        method: row.method,
        source: row.source,
        is_user_override: row.is_user_override,
        original_ml_classification: row.original_ml_classification,
        model_id: row.model_id,
        model_version: row.model_version,
    }
}

fn posterior_of(row: &ListedClassification, models: &HashMap<String, Model>) -> Option<PosteriorJson> {
    let model = models.get(row.model_id.as_ref()?)?;
    let explained = explain(
        model,
        row.workout_date?,
        row.avg_pace,
        row.distance_mi,
        row.duration_sec.map(duration_min),
    );
    explained.posterior.map(|p| PosteriorJson {
        real_run: p.real_run,
        mixed: p.mixed,
        pup_walk: p.pup_walk,
    })
}

#[derive(Debug, Serialize)]
struct HistoryJson {
    history_id: i64,
    changed_at: String,
    previous_classification: Option<String>,
    new_classification: String,
    classification_source: String,
    classification_confidence: Option<f64>,
    classification_method: Option<String>,
    model_id: Option<String>,
    model_version: Option<String>,
    changed_by: String,
    reason: Option<String>,
    features_used: Option<Box<RawValue>>,
    run_id: Option<String>,
    segment_id: Option<i64>,
}

impl From<HistoryEntry> for HistoryJson {
    fn from(entry: HistoryEntry) -> Self {
        Self {
            history_id: entry.history_id,
            changed_at: entry.changed_at.to_string(),
            previous_classification: entry.previous,
            new_classification: entry.new,
            classification_source: entry.source,
            classification_confidence: entry.confidence,
            classification_method: entry.method,
            model_id: entry.model_id,
            model_version: entry.model_version,
            changed_by: entry.changed_by,
            reason: entry.reason,
            features_used: entry.features.and_then(|json| RawValue::from_string(json).ok()),
            run_id: entry.run_id,
            segment_id: entry.segment_id,
        }
    }
}

/// Shows every verdict on a workout, oldest first.
pub async fn history(app: &App, args: &HistoryArgs, output: Output) -> Result<()> {
    let store = app.store(Access::Read).await?;
    require_workout(&store, &args.workout_id).await?;
    let shelf = args.files.shelf();
    let whole = store.whole_history(&args.workout_id, Some(shelf.as_ref())).await?;
    for sentence in &whole.missing {
        tracing::warn!("{sentence}; it is not shown");
    }
    let entries: Vec<HistoryJson> = whole.entries.into_iter().map(Into::into).collect();
    let mut rows = Rows::new(&[
        "changed_at",
        "from",
        "to",
        "confidence",
        "source",
        "method",
        "version",
        "by",
        "reason",
    ]);
    for e in &entries {
        rows.push(vec![
            e.changed_at.clone(),
            text(e.previous_classification.as_deref()),
            e.new_classification.clone(),
            number(e.classification_confidence, 3),
            e.classification_source.clone(),
            text(e.classification_method.as_deref()),
            text(e.model_version.as_deref()),
            e.changed_by.clone(),
            text(e.reason.as_deref()),
        ]);
    }
    if entries.is_empty() && output == Output::Table && whole.missing.is_empty() {
        return line(&format!("Workout {} has never been classified.", args.workout_id));
    }
    list(&entries, &rows, "", output)
}

/// The workout, or an error that says where to look.
///
/// # Errors
/// [`RunError`] of kind data where there is none.
pub async fn require_workout(store: &Store, workout_id: &str) -> Result<crate::ingest::Workout> {
    let found = store.workout(workout_id).await?;
    found.ok_or_else(|| {
        let what = format!("there is no workout '{workout_id}'");
        let hint = "`paceline classifications` lists the ids";
        RunError::new("look up", crate::pipeline::Kind::Data, what, hint).into()
    })
}

/// An id that stands for the active model.
pub const ACTIVE: &str = "active";

/// The model a person named: an id, or `active`.
///
/// # Errors
/// Where there is none.
pub async fn named_model(store: &Store, name: &str) -> Result<crate::store::models::ModelRow> {
    if name != ACTIVE {
        return Ok(store.model(name).await?);
    }
    let active = store.active_model().await?;
    active.ok_or_else(exit::no_active_model)
}
