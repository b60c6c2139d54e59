//! Everything a run does before it writes: load, decide, train or reuse, classify, diff.
//!
//! Why: `plan` and `run` must agree to the row, so both stand on this one function; what differs is
//! only whether the result is written.
//!
//! Invariants: nothing is written here; the chain's head is read before the state, so that a write
//! based on this state collides with any write that came between.
//!
//! Must not know: how results are shown.

use std::collections::BTreeMap;

use tracing::{Instrument, info_span};

use crate::audit::chain::Link;
use crate::config::{Pipeline, Size};
use crate::stage::classify::verdicts;
use crate::stage::decide::Retrain;
use crate::stage::diff::{ChangeSet, diff};
use crate::stage::features::{Featurized, featurize_all};
use crate::stage::frame::{Classifications, Features, Frame, FrameError, Predictions};
use crate::stage::model::Model;
use crate::store::Store;
use crate::store::quarantine::Quarantined;
use crate::store::runs::RowCounts;
use crate::store::taught::Answered;
use crate::store::workouts::{LoadedWorkouts, Window};
use crate::vocab::{Algorithm, Source};

use super::choose::{Choice, Chooser, Chosen};
use super::gate::Gated;
use super::{Ambient, RunError, memory};

/// What the caller may say beside the pipeline file.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Options {
    /// Narrows or replaces the pipeline's window.
    pub window: Option<Window>,
    /// Replaces the pipeline's retrain mode.
    pub retrain: Option<Retrain>,
    /// Replaces the pipeline's algorithm.
    pub algorithm: Option<Algorithm>,
    /// Replaces the pipeline's seed.
    pub seed: Option<u64>,
    /// Kept with a freshly trained model.
    pub notes: Option<String>,
    /// Keeps a freshly trained model out of production; nothing is classified with it.
    pub no_activate: bool,
    /// Writes even where the churn is above the gate.
    pub accept_churn: bool,
    /// Takes the pipeline from whoever holds it.
    pub take_over: bool,
    /// The model that a freshly trained one descends from; None: the active one.
    pub parent: Option<String>,
    /// The memory that it may use; None: as the pipeline says.
    pub max_memory: Option<Size>,
    /// Trains, and puts in production what the gate admits, but classifies nothing.
    pub train_only: bool,
}

/// A run, ready to be written.
pub struct Prepared {
    /// The chain's head when the state was read.
    pub head: Link,
    /// The model that was active then.
    pub seen_active: Option<String>,
    /// Why a model was trained or reused, as a sentence.
    pub decision: String,
    /// The model that classifies.
    pub chosen: Chosen,
    /// Its artifact.
    pub model: Model,
    /// The window that was read.
    pub window: Window,
    /// The rows that were classified.
    pub features: Frame<Features>,
    /// Their verdicts, row by row.
    pub predictions: Frame<Predictions>,
    /// The stored state of the window.
    pub current: Frame<Classifications>,
    /// What has to be written.
    pub changes: ChangeSet,
    /// Row counts.
    pub rows: RowCounts,
    /// Skipped rows by activity.
    pub skipped: BTreeMap<String, u64>,
    /// Rows of the table that no stage can take.
    pub refused: Vec<Quarantined>,
    /// The fresh model and what the gate says of it; None where none was trained, or there was none to
    /// hold it against.
    pub gate: Option<Gated>,
    /// True where the gate refused the very same candidate before: it is registered.
    pub refused_before: bool,
    /// What the active model was not taught by, where training on it gave that model again.
    pub again: Option<Answered>,
    /// The largest churn that stops nothing.
    pub allowed_churn: f64,
}

impl Prepared {
    /// Id and version of the model whose verdicts these are.
    pub fn model_ref(&self) -> Option<(&str, &str)> {
        self.chosen.model_ref()
    }
}

/// The source window of a pipeline.
pub fn source_window(pipeline: &Pipeline) -> Window {
    Window {
        from: pipeline.from,
        to: pipeline.to,
    }
}

/// The window that is classified: the caller's, or else the whole source.
pub(super) fn window_of(pipeline: &Pipeline, options: &Options) -> Window {
    options.window.unwrap_or_else(|| source_window(pipeline))
}

/// A frame that no input explains.
pub(super) fn frame_error(stage: &'static str) -> impl Fn(FrameError) -> RunError {
    move |error| RunError::bug(stage, error)
}

/// Runs every stage up to the diff and writes nothing.
///
/// # Errors
/// [`RunError`] of the stage that failed.
pub async fn prepare(
    store: &Store,
    pipeline: &Pipeline,
    options: &Options,
    ambient: &Ambient,
) -> Result<Prepared, RunError> {
    memory::allows_run(store, pipeline, options).await?;
    let window = window_of(pipeline, options);
    let head = store.chain_head().await.map_err(|e| RunError::store("load", e))?;
    let chooser = Chooser::new(store, pipeline, options, ambient);
    let chooser = chooser.instrument(info_span!("decide")).await?;
    ambient.progress.begin("loading", None);
    let loaded = load(store, window, ambient).instrument(info_span!("load")).await;
    let (loaded, current) = loaded?;
    ambient.progress.end();
    ambient.reached("after_load");
    let read = (loaded.frame.height() + loaded.refused.len()) as u64;
    let featurized = info_span!("featurize").in_scope(|| featurize_all(loaded.frame, &pipeline.activities));
    let Featurized { features, skipped } = featurized.map_err(frame_error("featurize"))?;
    ambient.reached("after_featurize");

    let seen_active = chooser.active_id();
    let training = training_features(store, pipeline, window, ambient).await?;
    let ground = training.as_ref().unwrap_or(&features);
    let choice = chooser.choose(ground).instrument(info_span!("choose")).await?;
    ambient.reached("after_train");
    ambient.progress.begin("classifying", Some(features.height() as u64));
    let predictions = info_span!("classify").in_scope(|| verdicts(&features, &choice.model));
    let predictions = predictions.map_err(frame_error("classify"))?;
    ambient.progress.end();
    ambient.reached("after_classify");
    let model_id = choice.chosen.model_ref().map(|(id, _)| id);
    let changes = info_span!("diff").in_scope(|| diff(&current, &predictions, model_id));
    ambient.reached("after_diff");
    let gating = async {
        let (gate, refused_before) = chooser.gate(&choice.chosen, ground, Some(changes.churn())).await?;
        ambient.reached("after_gate");
        let allowed_churn = allowed_churn(store, pipeline, &choice.chosen, gate.as_ref()).await?;
        Ok::<_, RunError>((gate, refused_before, allowed_churn))
    };
    let (gate, refused_before, allowed_churn) = gating.instrument(info_span!("gate")).await?;
    let Choice {
        chosen,
        model,
        decision,
        again,
    } = choice;
    let rows = row_counts(read, &predictions, &skipped, loaded.refused.len());
    Ok(Prepared {
        head,
        seen_active,
        decision,
        chosen,
        model,
        window,
        features,
        predictions,
        current,
        changes,
        rows,
        skipped,
        refused: loaded.refused,
        gate,
        refused_before,
        again,
        allowed_churn,
    })
}

/// The workouts and the stored state of a window, at the same time where the store has two connections.
///
/// The two statements see two moments, as they would one after the other. That is sound in any order of the two,
/// because the chain's head was read before both: whoever writes a verdict after that extends the chain, and what
/// this run writes on top of the older head is then refused whole (compare-and-swap), whatever it was based on.
/// A workout that is imported between the two is new, or seen by the next run; nobody is promised either.
async fn load(
    store: &Store,
    window: Window,
    ambient: &Ambient,
) -> Result<(LoadedWorkouts, Frame<Classifications>), RunError> {
    let failed = |e| RunError::store("load", e);
    let workouts = store.load_workouts(window, |rows| ambient.progress.at(rows));
    let workouts = workouts.instrument(info_span!("load_workouts"));
    if store.db().connections() < 2 {
        let workouts = workouts.await.map_err(failed)?;
        let state = store.load_classifications(window).instrument(info_span!("load_state"));
        return Ok((workouts, state.await.map_err(failed)?));
    }
    // A task of its own, so that another thread takes its rows off the wire.
    let other = store.clone();
    let state = async move { other.load_classifications(window).await };
    let state = tokio::spawn(state.instrument(info_span!("load_state")));
    let workouts = workouts.await;
    let state = state.await.map_err(|error| RunError::bug("load", error))?;
    Ok((workouts.map_err(failed)?, state.map_err(failed)?))
}

/// The gate looks at the churn of a fresh model itself. What it has let in stays allowed to that model, so
/// that a run which is cut off after the activation can be run again.
async fn allowed_churn(
    store: &Store,
    pipeline: &Pipeline,
    chosen: &Chosen,
    gate: Option<&Gated>,
) -> Result<f64, RunError> {
    let active = match chosen {
        Chosen::Fresh(_) if gate.is_some() => return Ok(1.0),
        Chosen::Fresh(_) | Chosen::EraOnly => return Ok(pipeline.max_churn),
        Chosen::Active(row) => row,
    };
    let evidence = store.evaluations(&active.model_id).await;
    let evidence = evidence.map_err(|e| RunError::store("gate", e))?;
    let admitted = evidence
        .iter()
        .filter(|seen| !seen.refuses())
        .filter_map(|seen| seen.churn);
    Ok(admitted.fold(pipeline.max_churn, f64::max))
}

/// What became of the rows that were read. `read` is counted where they are read and not added up from the
/// others, or no test could ever see that one vanished.
pub(super) fn row_counts(
    read: u64,
    predictions: &Frame<Predictions>,
    skipped: &BTreeMap<String, u64>,
    refused: usize,
) -> RowCounts {
    let methods = predictions.texts("method");
    let is_fallback = |row: &usize| methods.get(*row) == Some(Source::EraFallback.as_str());
    RowCounts {
        read,
        classified: predictions.height() as u64,
        fallback: (0..predictions.height()).filter(is_fallback).count() as u64,
        skipped: skipped.values().sum(),
        quarantined: refused as u64,
    }
}

/// What to learn from, where that is not what is classified: a window given on the command line
/// narrows what is classified, never what a model learns from, or a backfill of one month would train
/// a model of that month.
async fn training_features(
    store: &Store,
    pipeline: &Pipeline,
    window: Window,
    ambient: &Ambient,
) -> Result<Option<Frame<Features>>, RunError> {
    let source = source_window(pipeline);
    if window == source {
        return Ok(None);
    }
    ambient.progress.begin("loading", None);
    let loaded = store.load_workouts(source, |rows| ambient.progress.at(rows));
    let loaded = loaded.instrument(info_span!("load_training")).await;
    ambient.progress.end();
    let loaded = loaded.map_err(|e| RunError::store("load", e))?;
    let featurized = info_span!("featurize").in_scope(|| featurize_all(loaded.frame, &pipeline.activities));
    let featurized = featurized.map_err(frame_error("featurize"))?;
    Ok(Some(featurized.features))
}
