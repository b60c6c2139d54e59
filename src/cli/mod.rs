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
mod archive;
mod backfill;
mod config_show;
mod doctor;
pub mod exit;
mod explain;
mod feedback;
mod help;
mod import;
mod manual;
mod migrate;
mod model;
mod model_change;
mod model_compare;
mod output;
mod overrides;
mod progress;
mod prove;
mod quarantine;
mod read;
mod repair;
mod report;
mod report_map;
mod report_plot;
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
///
/// Begin with `paceline run pipelines/nightly.toml --import EXPORT.csv`, look at `paceline classifications`, ask
/// `paceline explain WORKOUT_ID`, and tell it what is wrong with `paceline review --interactive`.
#[derive(Debug, Parser)]
#[command(
    name = "paceline",
    version,
    arg_required_else_help = true,
    max_term_width = 100,
    next_help_heading = "Options of every command"
)]
pub struct Cli {
    /// The store: sqlite://FILE, or mysql://USER:PASSWORD@HOST:3306/DATABASE (a password's special characters
    /// percent-encoded). Better in the environment than on the command line, which other users can see.
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
    /// A fixed instant (UTC) in the place of the clock, such as 2026-01-02T03:04:05Z: for runs that can be repeated
    /// to the byte, and for tests.
    #[arg(long, global = true, value_name = "TIME")]
    now: Option<Timestamp>,
    /// Logs more to standard error: once for steps (-v), twice for statements (-vv).
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
        let matches = definitions().get_matches();
        let cli = Self::from_arg_matches(&matches);
        let mut cli = cli.unwrap_or_else(|error| error.format(&mut definitions()).exit());
        cli.database_url = title::revealed(cli.database_url);
        cli.matches = matches;
        cli
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Creates or upgrades the tables of a store.
    ///
    /// What is there already stays: an existing workout_summary is never altered, and the tables of an older tool are
    /// upgraded in place without losing a row. Can be given again at any time; an SQLite store is migrated by the
    /// commands that write, without being asked.
    Migrate(migrate::MigrateArgs),
    /// Imports CSV exports into workout_summary.
    ///
    /// New workouts are added, changed ones updated, and a row that cannot be stored is kept in the quarantine with
    /// its reason. The same file can be given again.
    Import(import::ImportArgs),
    /// Runs a pipeline: load, train or reuse, classify, diff, write.
    ///
    /// Writes only what changed, each part in one transaction with its history. Given again after a crash, it does
    /// the rest. What a person has said is never changed.
    Run(run::RunArgs),
    /// Shows what a run would write, and writes nothing.
    ///
    /// Exits with 4 where the run would be stopped by a gate.
    Plan(run::PlanArgs),
    /// Classifies a range of dates a window at a time; goes on where it stopped.
    ///
    /// For years of workouts at once: one model for all windows, memory that does not grow with the range, and a mark
    /// for each window that is done. Without --resume or --restart an unfinished backfill of the same pipeline, range
    /// and window is refused, never guessed.
    Backfill(backfill::BackfillArgs),
    /// Runs pipelines when their [schedule] says so.
    ///
    /// Stays and looks once a minute; with --once it looks once and ends. A pipeline with on_feedback = true also
    /// runs when enough corrections wait. SIGTERM ends it after the run at hand, with exit code 143.
    Schedule(schedule::ScheduleArgs),
    /// Lists the current classifications, by date.
    Classifications(read::ClassificationsArgs),
    /// Shows every verdict there ever was on a workout.
    History(read::HistoryArgs),
    /// Shows why a workout is classified as it is.
    ///
    /// Its features, how far it is from each cluster, how sure and how typical that is, the rule that decided, and
    /// what is stored, which differs where a person has spoken.
    Explain(explain::ExplainArgs),
    /// Which workouts to ask a person about, the most informative first.
    ///
    /// With --interactive one key answers: a or Enter accepts; r, w, m, o say what it is; ? that you cannot say; s
    /// skips, u takes the last answer back, q ends. Each answer is recorded at once.
    Review(review::ReviewArgs),
    /// What people say of classifications.
    ///
    /// A correction is obeyed at once and for ever, and teaches the next model.
    Feedback(feedback::FeedbackArgs),
    /// Labels that people set, and that stand until a person clears them.
    Override(overrides::OverrideArgs),
    /// Model versions and their lifecycle.
    ///
    /// One is active, which is the one that classifies; the others are archived, deprecated or failed. None is ever
    /// removed.
    Model(model::ModelArgs),
    /// What happened, what stands, and how far it can be believed.
    ///
    /// The SQL of each report stands in sql/report/ and runs unchanged in a MySQL client.
    Report(report::ReportArgs),
    /// The ledger of runs.
    Runs(runs::RunsArgs),
    /// Input rows that were refused, kept whole with the reason.
    Quarantine(quarantine::QuarantineArgs),
    /// Rebuilds the classifications of any instant from the history.
    State(state::StateArgs),
    /// Replays the history, re-hashes it, and compares it with the stored state.
    ///
    /// Exits with 1 where anything does not hold, and names it. Reads only; can be given at any time.
    Verify(verify::VerifyArgs),
    /// Proves history rows of a workout to somebody without the database.
    ///
    /// Give the JSON to them together with docs/check_proof.py, which needs nothing but Python.
    Prove(prove::ProveArgs),
    /// Moves old history into Parquet files with what proves it, and back.
    Archive(archive::ArchiveArgs),
    /// Checks a pipeline file without running it.
    Validate(validate::ValidateArgs),
    /// Which settings hold, and where each comes from.
    Config(config_show::ConfigArgs),
    /// Probes the store and says what to do about each finding.
    ///
    /// Changes nothing, but for --repair-overrides --apply. Exits with 1 where a finding is an error.
    Doctor(doctor::DoctorArgs),
    /// Prints a completion script for a shell.
    Completions(admin::CompletionsArgs),
    /// Writes a page about every command, made from these definitions.
    #[command(hide = true)]
    Manual(manual::ManualArgs),
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
            | Self::Validate(_)
            | Self::Manual(_) => false,
            Self::Schedule(args) => args.is_list(),
            Self::Archive(args) => args.is_list(),
            Self::Plan(args) => args.is_list(),
            Self::Feedback(args) => args.is_list(),
            Self::Override(args) => args.is_list(),
            Self::Model(args) => args.is_list(),
            Self::Runs(args) => args.is_list(),
            Self::Doctor(args) => args.is_list(),
            // A completion script and the answer of an export are the same in every format.
            Self::Classifications(_)
            | Self::Review(_)
            | Self::Report(_)
            | Self::History(_)
            | Self::Quarantine(_)
            | Self::State(_)
            | Self::Config(_)
            | Self::Completions(_) => true,
        }
    }
}

/// A half-open range of workout dates.
#[derive(Debug, Clone, Copy, Default, clap::Args)]
struct WindowArgs {
    /// First workout date, inclusive: 2024-01-01, or "2024-01-01 06:00:00". Default: no bound.
    #[arg(long, value_name = "DATE")]
    from: Option<WorkoutDate>,
    /// End of the workout dates, exclusive, in the same form. Default: no bound.
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

/// The definitions of all commands, with their examples.
fn definitions() -> clap::Command {
    help::annotated(Cli::command())
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
        Command::Migrate(args) => migrate::migrate(app, &args, output).await,
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
        Command::Archive(args) => archive::archive(app, &args, output).await,
        Command::Validate(args) => validate::validate(app, &args, output),
        Command::Config(args) => config_show::config(app, &args, &cli.matches, output),
        Command::Doctor(args) => doctor::doctor(app, &args, output).await,
        Command::Completions(args) => admin::completions(&args),
        Command::Manual(args) => manual::manual(&args, output),
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
    #[test]
    fn the_definitions_are_consistent() {
        super::definitions().debug_assert();
    }
}
