//! The command line: definitions, dispatch, and what is printed.
//!
//! Why: one file per command group holds its flags beside its output, so a page of help and the code
//! that honours it are read together.
//!
//! Invariants: data on standard output, everything else on standard error; exit codes are those of
//! [`exit`].
//!
//! Must not know: SQL, and how verdicts are made.

mod admin;
mod backfill;
mod config_show;
mod doctor;
pub mod exit;
mod explain;
mod feedback;
mod import;
mod model;
mod model_change;
mod model_compare;
mod output;
mod overrides;
mod progress;
mod prove;
mod quarantine;
mod read;
mod report;
mod review;
mod run;
mod run_report;
mod runs;
mod schedule;
mod state;
pub mod title;
mod undo;
mod validate;
mod verify;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Result;
use clap::{ArgMatches, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};

use crate::app::metrics::{Ended, Facts};
use crate::app::telemetry::{self, TelemetryOptions};
use crate::app::{Access, App, Settings};
use crate::pipeline::measures::Measures;
use crate::pipeline::{Kind, Progress, RunError};
use crate::store::workouts::Window;
use crate::time::{Timestamp, WorkoutDate};

use output::Output;
use schedule::ScheduleArgs;

/// Classifies years of workouts nightly, keeps the audit trail, and obeys the people who correct it.
#[derive(Debug, Parser)]
#[command(name = "paceline", version, arg_required_else_help = true, max_term_width = 100)]
pub struct Cli {
    /// The store: sqlite://FILE or mysql://USER:PASSWORD@HOST:3306/DATABASE.
    #[arg(
        long,
        global = true,
        env = "DATABASE_URL",
        hide_env_values = true,
        default_value = "sqlite://paceline.db"
    )]
    database_url: String,
    /// How results are printed; logs and progress go to standard error in any case.
    #[arg(long, global = true, value_enum, default_value_t = Output::Table)]
    output: Output,
    /// A fixed instant (UTC) in the place of the clock, for repeatable runs.
    #[arg(long, global = true, value_name = "TIME")]
    now: Option<Timestamp>,
    /// Logs more: once for steps, twice for statements.
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    verbose: u8,
    /// How logs are written [default: text; json for schedule with --output json].
    #[arg(long, global = true, value_enum, value_name = "FORMAT")]
    log_format: Option<LogFormat>,
    /// Writes how long each stage takes to FILE, for chrome://tracing or ui.perfetto.dev.
    #[arg(long, global = true, value_name = "FILE")]
    trace: Option<PathBuf>,
    /// Writes metrics to FILE when the command has ended, for the node exporter's textfile collector.
    #[arg(long, global = true, value_name = "FILE")]
    metrics_file: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
    /// What was said where, for `config show`.
    #[arg(skip)]
    matches: ArgMatches,
}

/// `--log-format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum LogFormat {
    /// For people.
    Text,
    /// A JSON document a line.
    Json,
}

impl Cli {
    /// Reads the command line of this process; ends it with a message where that means nothing.
    pub fn read() -> Self {
        let matches = Self::command().get_matches();
        let mut cli = Self::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
        cli.database_url = title::revealed(cli.database_url);
        cli.matches = matches;
        cli
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Creates or upgrades the tables of a store.
    Migrate(admin::MigrateArgs),
    /// Imports CSV exports into workout_summary.
    Import(import::ImportArgs),
    /// Runs a pipeline: load, train or reuse, classify, diff, write.
    Run(run::RunArgs),
    /// Shows what a run would write, and writes nothing.
    Plan(run::PlanArgs),
    /// Classifies a range of dates a window at a time; goes on where it stopped.
    Backfill(backfill::BackfillArgs),
    /// Runs pipelines when their [schedule] says so.
    Schedule(schedule::ScheduleArgs),
    /// Lists the current classifications.
    Classifications(read::ClassificationsArgs),
    /// Shows every verdict there ever was on a workout.
    History(read::HistoryArgs),
    /// Shows why a workout is classified as it is.
    Explain(explain::ExplainArgs),
    /// Which workouts to ask a person about, the most informative first.
    Review(review::ReviewArgs),
    /// What people say of classifications.
    Feedback(feedback::FeedbackArgs),
    /// Labels that people set, and that stand until a person clears them.
    Override(overrides::OverrideArgs),
    /// Model versions and their lifecycle.
    Model(model::ModelArgs),
    /// What happened, what stands, and how far it can be believed.
    Report(report::ReportArgs),
    /// The ledger of runs.
    Runs(runs::RunsArgs),
    /// Input rows that were refused, kept whole with the reason.
    Quarantine(quarantine::QuarantineArgs),
    /// Rebuilds the classifications of any instant from the history.
    State(state::StateArgs),
    /// Replays the history, re-hashes it, and compares it with the stored state.
    Verify(verify::VerifyArgs),
    /// Proves history rows of a workout to somebody without the database.
    Prove(prove::ProveArgs),
    /// Checks a pipeline file without running it.
    Validate(validate::ValidateArgs),
    /// Which settings hold, and where each comes from.
    Config(config_show::ConfigArgs),
    /// Probes the store and says what to do about each finding.
    Doctor(doctor::DoctorArgs),
    /// Prints a completion script for a shell.
    Completions(admin::CompletionsArgs),
}

impl Command {
    /// True where the command prints rows under one header, which is all that CSV can hold.
    fn is_list(&self) -> bool {
        match self {
            Self::Migrate(_)
            | Self::Import(_)
            | Self::Run(_)
            | Self::Backfill(_)
            | Self::Explain(_)
            | Self::Verify(_)
            | Self::Prove(_)
            | Self::Validate(_) => false,
            Self::Schedule(args) => args.is_list(),
            Self::Plan(args) => args.is_list(),
            Self::Feedback(args) => args.is_list(),
            Self::Override(args) => args.is_list(),
            Self::Model(args) => args.is_list(),
            Self::Runs(args) => args.is_list(),
            // A completion script and the answer of an export are the same in every format.
            Self::Classifications(_)
            | Self::Review(_)
            | Self::Report(_)
            | Self::History(_)
            | Self::Quarantine(_)
            | Self::State(_)
            | Self::Config(_)
            | Self::Doctor(_)
            | Self::Completions(_) => true,
        }
    }
}

/// A half-open range of workout dates.
#[derive(Debug, Clone, Copy, Default, clap::Args)]
struct WindowArgs {
    /// First workout date, inclusive.
    #[arg(long, value_name = "DATE")]
    from: Option<WorkoutDate>,
    /// End of the workout dates, exclusive.
    #[arg(long, value_name = "DATE")]
    to: Option<WorkoutDate>,
}

impl WindowArgs {
    /// None where neither end is given.
    ///
    /// # Errors
    /// Where the window ends before it begins.
    fn window(self) -> Result<Option<Window>> {
        if let (Some(from), Some(to)) = (self.from, self.to)
            && from >= to
        {
            return Err(exit::usage(format!(
                "--from {from} is not before --to {to}; --to is exclusive"
            )));
        }
        let window = Window {
            from: self.from,
            to: self.to,
        };
        Ok((!window.is_everything()).then_some(window))
    }
}

/// Runs the command that was given.
///
/// # Errors
/// Whatever failed; [`exit::code`] has its exit code.
pub async fn main(cli: Cli) -> Result<()> {
    let began = Instant::now();
    let output = cli.output;
    let telemetry = telemetry::init(&cli.telemetry()).map_err(|error| {
        let hint = "name a file that can be written with --trace";
        RunError::new("trace", Kind::Config, format!("{error:#}"), hint)
    })?;
    // Said before anything is done: a run that has written must not end as a failure to print.
    if output == Output::Csv && !cli.command.is_list() {
        return Err(exit::usage(output::CSV_IS_FOR_LISTS));
    }
    let settings = Settings {
        database_url: cli.database_url.clone(),
        now: cli.now,
        metrics_file: cli.metrics_file.clone(),
    };
    let progress: Arc<dyn Progress> = Arc::new(progress::Bars::default());
    let app = App::new(settings, Arc::clone(&progress), telemetry.clone());
    let name = command_name(&cli.matches);
    let result = command(&app, cli, &progress, output).await;
    if let Some(path) = app.metrics_file() {
        let ended = Ended {
            command: name,
            code: match &result {
                Err(error) if !exit::is_closed_pipe(error) => exit::code(error),
                Ok(()) | Err(_) => 0,
            },
            seconds: began.elapsed().as_secs_f64(),
            at: app.now(),
        };
        write_metrics(&app, path, ended, &result).await;
    }
    if let Err(error) = telemetry.finish() {
        tracing::warn!("{error:#}");
    }
    result
}

/// `model train`.
fn command_name(matches: &ArgMatches) -> String {
    let mut names = Vec::new();
    let mut at = matches.subcommand();
    while let Some((name, below)) = at {
        names.push(name);
        at = below.subcommand();
    }
    names.join(" ")
}

/// The metrics of a command that has ended. That they cannot be written must not make a failure of a run that
/// has succeeded, nor hide why one has failed.
async fn write_metrics(app: &App, path: &std::path::Path, ended: Ended, result: &Result<()>) {
    let is_away = result.as_ref().is_err_and(exit::is_no_store);
    let mut facts = Facts {
        ended: Some(ended),
        stages: app.telemetry().stages(),
        ..Facts::default()
    };
    // Where the command could not reach it just now, waiting for it once more helps nobody.
    if !is_away && let Ok(store) = app.store(Access::Probe).await {
        match Measures::take(&store, None).await {
            Ok(measures) => facts.measures = Some(measures),
            Err(error) => tracing::warn!(%error, "no metrics of the store"),
        }
    }
    if let Err(error) = facts.write(path) {
        tracing::warn!("no metrics file: {error:#}");
    }
}

async fn command(app: &App, cli: Cli, progress: &Arc<dyn Progress>, output: Output) -> Result<()> {
    match cli.command {
        Command::Migrate(args) => admin::migrate(app, &args, output).await,
        Command::Import(args) => import::import(app, &args, output).await,
        Command::Run(args) => run::run(app, &args, output).await,
        Command::Plan(args) => run::plan(app, &args, output).await,
        Command::Backfill(args) => backfill::backfill(app, &args, output).await,
        Command::Schedule(args) => schedule::schedule(app, &args, output).await,
        Command::Classifications(args) => read::classifications(app, &args, output).await,
        Command::History(args) => read::history(app, &args, output).await,
        Command::Explain(args) => explain::explain(app, &args, output).await,
        Command::Review(args) => review::review(app, &args, output).await,
        Command::Feedback(args) => feedback::feedback(app, args, output).await,
        Command::Override(args) => overrides::overrides(app, args, output).await,
        Command::Model(args) => model::model(app, args, output).await,
        Command::Report(args) => report::report(app, &args, output).await,
        Command::Runs(args) => runs::runs(app, &args, output).await,
        Command::Quarantine(args) => quarantine::quarantine(app, &args, output).await,
        Command::State(args) => state::state(app, &args, output).await,
        Command::Verify(args) => verify::verify(app, &args, progress, output).await,
        Command::Prove(args) => prove::prove(app, &args, output).await,
        Command::Validate(args) => validate::validate(app, &args, output),
        Command::Config(args) => config_show::config(app, &args, &cli.matches, output),
        Command::Doctor(args) => doctor::doctor(app, &args, output).await,
        Command::Completions(args) => admin::completions(&args),
    }
}

impl Cli {
    fn telemetry(&self) -> TelemetryOptions {
        let schedule = match &self.command {
            Command::Schedule(args) => Some(args),
            _ => None,
        };
        let json = match self.log_format {
            Some(format) => format == LogFormat::Json,
            None => schedule.is_some() && self.output.is_json(),
        };
        TelemetryOptions {
            // Nobody watches a service at work: it says what it does without being asked.
            verbose: match schedule {
                Some(args) if args.is_service() => self.verbose.max(1),
                _ => self.verbose,
            },
            json,
            trace: self.trace.clone(),
            stages: self.metrics_file.is_some() || schedule.is_some_and(ScheduleArgs::is_watched),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_definitions_are_consistent() {
        super::Cli::command().debug_assert();
    }
}
