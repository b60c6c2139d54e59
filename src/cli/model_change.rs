//! `model train`, `activate`, `rollback`: what puts another model in production.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use serde::Serialize;

use crate::app::{Access, App, read_pipeline};
use crate::config::Pipeline;
use crate::pipeline::activate::{Activation, activate as put_in_production, predecessor};
use crate::pipeline::prepare::Options;
use crate::pipeline::report::RunReport;
use crate::pipeline::run::run as run_pipeline;
use crate::pipeline::{Ambient, RunError};
use crate::stage::decide::Retrain;
use crate::store::Store;
use crate::store::evaluations::Force;
use crate::vocab::Trigger;

use super::output::{Output, one};
use super::run::{MemoryArgs, TrainingArgs, print_report};
use super::run_report::report_text;

/// `paceline model train`.
#[derive(Debug, Args)]
pub struct TrainArgs {
    /// The pipeline file: what to learn from, and how.
    #[arg(value_name = "PIPELINE.toml")]
    pipeline: PathBuf,
    /// The model it descends from; default: the active one.
    #[arg(long, value_name = "MODEL_ID")]
    parent: Option<String>,
    /// Registers it without putting it in production, whatever the gate says.
    #[arg(long)]
    no_activate: bool,
    #[command(flatten)]
    training: TrainingArgs,
    #[command(flatten)]
    memory: MemoryArgs,
    /// Lets it in even where it would relabel more workouts than gate.max_churn allows.
    #[arg(long)]
    accept_churn: bool,
    /// Takes the pipeline from the run that holds it; that run writes nothing more.
    #[arg(long)]
    take_over: bool,
}

/// `paceline model activate`.
#[derive(Debug, Args)]
pub struct ActivateArgs {
    /// The model: an id, as `paceline model list` has it.
    model_id: String,
    /// Takes it although the gate refused it; recorded with the reason.
    #[arg(long, requires = "reason")]
    force: bool,
    /// Why the gate is overruled; kept with its evidence.
    #[arg(long, requires = "force")]
    reason: Option<String>,
    /// Who overrules it; kept with its evidence.
    #[arg(long, default_value = "user")]
    user: String,
}

/// `paceline model rollback`.
#[derive(Debug, Args)]
pub struct RollbackArgs {
    /// Reclassifies what this pipeline file covers; default: all runs, walks and hikes.
    #[arg(long, value_name = "PIPELINE.toml")]
    pipeline: Option<PathBuf>,
    /// Leaves the classifications as they are until the next run.
    #[arg(long)]
    no_reclassify: bool,
    /// Takes the pipeline from the run that holds it; that run writes nothing more.
    #[arg(long)]
    take_over: bool,
}

#[derive(Debug, Serialize)]
struct ActivationJson {
    activated: String,
    was_active: Option<String>,
    /// What the gate had said, where it was overruled.
    overruled: Option<String>,
    /// The reclassification that followed.
    #[serde(skip_serializing_if = "Option::is_none")]
    run: Option<RunReport>,
}

impl ActivationJson {
    fn of(activation: Activation, run: Option<RunReport>) -> Self {
        Self {
            activated: activation.activated,
            was_active: activation.was_active,
            overruled: activation.overruled,
            run,
        }
    }

    fn page(&self) -> String {
        let was = self.was_active.as_deref().unwrap_or("none");
        let mut page = format!("{} is active now (before: {was}).\n", self.activated);
        if let Some(reason) = &self.overruled {
            page.push_str(&format!("  overruled and recorded: {reason}\n"));
        }
        match &self.run {
            Some(run) => page.push_str(&format!("\n{}", report_text(run))),
            None => page.push_str("  reclassify with it: paceline run PIPELINE.toml --retrain never"),
        }
        page
    }
}

/// Trains a model and sends it through the gate; classifies nothing.
pub async fn train(app: &App, args: TrainArgs, output: Output) -> Result<()> {
    let pipeline = read_pipeline(&args.pipeline)?;
    let store = app.store(Access::Write).await?;
    let options = Options {
        retrain: Some(Retrain::Always),
        no_activate: args.no_activate,
        accept_churn: args.accept_churn,
        take_over: args.take_over,
        parent: args.parent,
        train_only: true,
        max_memory: args.memory.max_memory,
        ..args.training.options()
    };
    let report = run_pipeline(&store, &pipeline, &options, Trigger::Manual, &app.ambient()?).await?;
    print_report(&report, output)
}

/// Activates a model.
pub async fn activate(app: &App, store: &Store, args: ActivateArgs, output: Output) -> Result<()> {
    let reason = args.reason.filter(|_| args.force);
    let force = reason.map(|reason| Force { by: args.user, reason });
    let activation = put_in_production(store, &args.model_id, force.as_ref(), &app.ambient()?).await?;
    let value = ActivationJson::of(activation, None);
    one(&value, || value.page(), output)
}

/// Activates the model that was active before, and reclassifies with it.
pub async fn rollback(app: &App, store: &Store, args: RollbackArgs, output: Output) -> Result<()> {
    let pipeline = match &args.pipeline {
        Some(path) => read_pipeline(path)?,
        None => everything()?,
    };
    let previous = predecessor(store).await?;
    let ambient = app.ambient()?;
    let activation = put_in_production(store, &previous, None, &ambient).await?;
    let run = if args.no_reclassify {
        None
    } else {
        Some(reclassify(store, &pipeline, &activation, args.take_over, &ambient).await?)
    };
    let value = ActivationJson::of(activation, run);
    one(&value, || value.page(), output)
}

async fn reclassify(
    store: &Store,
    pipeline: &Pipeline,
    activation: &Activation,
    take_over: bool,
    ambient: &Ambient,
) -> Result<RunReport> {
    // Whoever rolls back has seen the labels and wants the others back: no gate stands in the way.
    let options = Options {
        retrain: Some(Retrain::Never),
        accept_churn: true,
        take_over,
        ..Options::default()
    };
    let run = run_pipeline(store, pipeline, &options, Trigger::Manual, ambient).await;
    Ok(run.map_err(|error| {
        let found = format!(
            "{} is active now, but nothing is reclassified: {}",
            activation.activated, error.source
        );
        let hint = format!(
            "{}; then `paceline run PIPELINE.toml --retrain never --accept-churn`",
            error.hint
        );
        RunError::new(error.stage, error.kind, found, hint)
    })?)
}

/// The pipeline of which every setting is the default one.
pub(super) fn everything() -> Result<Pipeline> {
    Ok(Pipeline::parse("name = 'rollback'", "the default pipeline")?)
}
