//! `run` and `plan`: one pipeline, for real or on paper.

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, ValueEnum};

use crate::app::{Access, App, read_pipeline, stop_at_signals};
use crate::config::Size;
use crate::pipeline::Kind;
use crate::pipeline::RunError;
use crate::pipeline::import::ImportOptions;
use crate::pipeline::plan::{Plan, PlannedRow, plan as plan_run};
use crate::pipeline::prepare::Options;
use crate::pipeline::report::RunReport;
use crate::pipeline::run::run as run_pipeline;
use crate::stage::decide::Retrain;
use crate::vocab::{Algorithm, Trigger};

use super::WindowArgs;
use super::exit;
use super::import::{import_all, open_all};
use super::output::{Output, Rows, json, line, list, number, one, page, text};
use super::run_report::report_text;

/// When a model is trained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RetrainArg {
    /// When there is none, or the active one is too old, of another kind, or has seen too little.
    Auto,
    /// Now.
    Always,
    /// Not at all; without an active model the run fails.
    Never,
}

impl From<RetrainArg> for Retrain {
    fn from(arg: RetrainArg) -> Self {
        match arg {
            RetrainArg::Auto => Self::Auto,
            RetrainArg::Always => Self::Always,
            RetrainArg::Never => Self::Never,
        }
    }
}

/// How a model is trained, where one is.
#[derive(Debug, Clone, Args)]
pub(super) struct TrainingArgs {
    /// The algorithm, `anchored-kmeans` or `kmeans`; default: as the pipeline says.
    #[arg(long)]
    algorithm: Option<Algorithm>,
    /// Seed of restarts and samples, any whole number from 0: the same seed and the same rows give the same model.
    /// Default: as the pipeline says.
    #[arg(long)]
    seed: Option<u64>,
    /// Free text, kept with a freshly trained model; `paceline model show` prints it.
    #[arg(long)]
    notes: Option<String>,
}

impl TrainingArgs {
    /// The options of a run that says no more than this.
    pub(super) fn options(&self) -> Options {
        Options {
            algorithm: self.algorithm,
            seed: self.seed,
            notes: self.notes.clone(),
            ..Options::default()
        }
    }
}

/// How much memory may be used.
#[derive(Debug, Clone, Copy, Args)]
pub(super) struct MemoryArgs {
    /// Refuses, with exit code 78 and before anything is read, what may take more memory than this, such as 512MB or
    /// 1GiB. Default: as the pipeline says, or no bound.
    #[arg(long, value_name = "SIZE")]
    pub max_memory: Option<Size>,
}

/// What `run` and `plan` share.
#[derive(Debug, Args)]
struct Common {
    /// The pipeline file: what to read, how to train and when, what to write. pipelines/nightly.toml shows every key.
    #[arg(value_name = "PIPELINE.toml")]
    pipeline: PathBuf,
    #[command(flatten)]
    window: WindowArgs,
    /// When a model is trained; default: as the pipeline says.
    #[arg(long, value_enum)]
    retrain: Option<RetrainArg>,
    #[command(flatten)]
    training: TrainingArgs,
    #[command(flatten)]
    memory: MemoryArgs,
    /// Registers a freshly trained model without putting it in production or classifying with it.
    #[arg(long)]
    no_activate: bool,
}

impl PlanArgs {
    /// True where rows are listed.
    pub fn is_list(&self) -> bool {
        self.rows
    }
}

impl Common {
    fn options(&self, accept_churn: bool) -> Result<Options> {
        Ok(Options {
            window: self.window.window()?,
            retrain: self.retrain.map(Retrain::from),
            no_activate: self.no_activate,
            accept_churn,
            max_memory: self.memory.max_memory,
            ..self.training.options()
        })
    }
}

/// `paceline run`.
#[derive(Debug, Args)]
pub struct RunArgs {
    #[command(flatten)]
    common: Common,
    /// Imports a CSV export first, as `paceline import` does; may be given more than once.
    #[arg(long, value_name = "FILE")]
    import: Vec<PathBuf>,
    /// Writes even where more workouts would be relabelled than gate.max_churn of the pipeline allows, which else ends
    /// the run with exit code 4.
    #[arg(long)]
    accept_churn: bool,
    /// Takes the pipeline from the run that holds it, without waiting for its lease (60 seconds after its last sign of
    /// life) to expire; that run writes nothing more.
    #[arg(long)]
    take_over: bool,
    /// The same as `plan`: shows what would be written, and writes nothing.
    #[arg(long, conflicts_with = "import")]
    dry_run: bool,
}

/// `paceline plan`.
#[derive(Debug, Args)]
pub struct PlanArgs {
    #[command(flatten)]
    common: Common,
    /// Lists every row that would be written, with its label before and after.
    #[arg(long)]
    rows: bool,
}

/// Runs a pipeline, after the imports that were asked for.
pub async fn run(app: &App, args: &RunArgs, output: Output) -> Result<()> {
    let options = Options {
        take_over: args.take_over,
        ..args.common.options(args.accept_churn)?
    };
    let pipeline = read_pipeline(&args.common.pipeline)?;
    if args.dry_run {
        let store = app.store(Access::Read).await?;
        let plan = plan_run(&store, &pipeline, &options, &app.ambient()?).await?;
        return print_report(&plan.report, output);
    }
    let sources = open_all(&args.import)?;
    let store = app.store(Access::Write).await?;
    let ambient = app.ambient()?;
    stop_at_signals(ambient.stop.clone(), exit::of_signal)?;
    let imports = import_all(&store, sources, ImportOptions::default(), &ambient).await?;
    let report = run_pipeline(&store, &pipeline, &options, Trigger::Manual, &ambient).await?;
    print_report(&RunReport { imports, ..report }, output)
}

/// Plans a run; exits with the gate's code where the run would be stopped.
pub async fn plan(app: &App, args: &PlanArgs, output: Output) -> Result<()> {
    let options = args.common.options(false)?;
    let pipeline = read_pipeline(&args.common.pipeline)?;
    let store = app.store(Access::Read).await?;
    let plan = plan_run(&store, &pipeline, &options, &app.ambient()?).await?;
    print_plan(&plan, args.rows, output)?;
    if plan.report.stopped_by_churn {
        let found = format!("a run would be stopped: churn {:.1} %", plan.report.churn * 100.0);
        return Err(RunError::new("plan", Kind::Gate, found, "`run --accept-churn` writes it all the same").into());
    }
    match plan.report.gate.filter(|gate| !gate.admitted && !options.no_activate) {
        Some(gate) => Err(gate.refusal().into()),
        None => Ok(()),
    }
}

pub(super) fn print_report(report: &RunReport, output: Output) -> Result<()> {
    one(report, || report_text(report), output)
}

fn print_plan(plan: &Plan, with_rows: bool, output: Output) -> Result<()> {
    if !with_rows {
        return print_report(&plan.report, output);
    }
    match output {
        Output::Table => {
            page(&report_text(&plan.report))?;
            line("")?;
            list(&plan.rows, &rows_of(&plan.rows), "No rows would be written.", output)
        }
        Output::Json => {
            let mut value = serde_json::to_value(&plan.report)?;
            value["planned"] = serde_json::to_value(&plan.rows)?;
            json(&value, output)
        }
        Output::Ndjson | Output::Csv => list(&plan.rows, &rows_of(&plan.rows), "", output),
    }
}

fn rows_of(planned: &[PlannedRow]) -> Rows {
    let mut rows = Rows::new(&["workout_id", "outcome", "from", "to", "confidence"]);
    for row in planned {
        let (id, to) = (row.workout_id.clone(), row.to.clone());
        rows.push(vec![
            id,
            row.outcome.to_owned(),
            text(row.from.as_deref()),
            to,
            number(Some(row.confidence), 3),
        ]);
    }
    rows
}
