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
mod doctor;
pub mod exit;
mod explain;
mod feedback;
mod help;
mod import;
mod manual;
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
mod report_map;
mod report_plot;
mod review;
mod run;
mod run_report;
mod runs;
mod schedule;
mod state;
mod undo;
mod verify;

use std::io::IsTerminal;
use std::sync::Arc;

use anyhow::Result;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::app::{App, Settings};
use crate::pipeline::Progress;
use crate::store::workouts::Window;
use crate::time::{Timestamp, WorkoutDate};

use output::Output;

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
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Creates or upgrades the tables of a store.
    ///
    /// What is there already stays: an existing workout_summary is never altered. Can be given again at any time; an
    /// SQLite store is migrated by the commands that write, without being asked.
    Migrate(admin::MigrateArgs),
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
    /// Checks a pipeline file without running it.
    Validate(admin::ValidateArgs),
    /// Probes the store and says what to do about each finding.
    ///
    /// Changes nothing. Exits with 1 where a finding is an error.
    Doctor,
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
            | Self::Doctor
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

/// The command line of this process. Ends the process where it is wrong, or asks for help.
pub fn parse() -> Cli {
    let matches = definitions().get_matches();
    Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.format(&mut definitions()).exit())
}

/// Runs the command that was given.
///
/// # Errors
/// Whatever failed; [`exit::code`] has its exit code.
pub async fn main(cli: Cli) -> Result<()> {
    let output = cli.output;
    let service = matches!(&cli.command, Command::Schedule(args) if args.is_service());
    // Nobody watches a service at work: it says what it does without being asked.
    let verbose = if service { cli.verbose.max(1) } else { cli.verbose };
    let json_logs = matches!(&cli.command, Command::Schedule(_)) && output.is_json();
    init_logging(verbose, json_logs);
    // Said before anything is done: a run that has written must not end as a failure to print.
    if output == Output::Csv && !cli.command.is_list() {
        return Err(exit::usage(output::CSV_IS_FOR_LISTS));
    }
    let settings = Settings {
        database_url: cli.database_url,
        now: cli.now,
    };
    let progress: Arc<dyn Progress> = Arc::new(progress::Bars::default());
    let app = App::new(settings, Arc::clone(&progress));
    match cli.command {
        Command::Migrate(args) => admin::migrate(&app, &args, output).await,
        Command::Import(args) => import::import(&app, &args, output).await,
        Command::Run(args) => run::run(&app, &args, output).await,
        Command::Plan(args) => run::plan(&app, &args, output).await,
        Command::Backfill(args) => backfill::backfill(&app, &args, output).await,
        Command::Schedule(args) => schedule::schedule(&app, &args, output).await,
        Command::Classifications(args) => read::classifications(&app, &args, output).await,
        Command::History(args) => read::history(&app, &args, output).await,
        Command::Explain(args) => explain::explain(&app, &args, output).await,
        Command::Review(args) => review::review(&app, &args, output).await,
        Command::Feedback(args) => feedback::feedback(&app, args, output).await,
        Command::Override(args) => overrides::overrides(&app, args, output).await,
        Command::Model(args) => model::model(&app, args, output).await,
        Command::Report(args) => report::report(&app, &args, output).await,
        Command::Runs(args) => runs::runs(&app, &args, output).await,
        Command::Quarantine(args) => quarantine::quarantine(&app, &args, output).await,
        Command::State(args) => state::state(&app, &args, output).await,
        Command::Verify(args) => verify::verify(&app, &args, &progress, output).await,
        Command::Prove(args) => prove::prove(&app, &args, output).await,
        Command::Validate(args) => admin::validate(&app, &args, output),
        Command::Doctor => doctor::doctor(&app, output).await,
        Command::Completions(args) => admin::completions(&args),
        Command::Manual(args) => manual::manual(&args, output),
    }
}

/// Logs to standard error, a line or a JSON document an event; `RUST_LOG` wins over `--verbose`.
fn init_logging(verbose: u8, json: bool) {
    use tracing_subscriber::EnvFilter;
    let level = match verbose {
        0 => "paceline=warn",
        1 => "paceline=info",
        _ => "paceline=debug",
    };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
    let colours = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty());
    let logs = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(colours)
        .with_writer(std::io::stderr);
    // A second initialisation (tests in one process) keeps the first subscriber; nothing is lost.
    let _ = if json {
        logs.json().flatten_event(true).try_init()
    } else {
        logs.try_init()
    };
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_definitions_are_consistent() {
        super::definitions().debug_assert();
    }
}
