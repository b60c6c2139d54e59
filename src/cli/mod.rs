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
mod import;
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
use clap::{Parser, Subcommand};

use crate::app::{App, Settings};
use crate::pipeline::Progress;
use crate::store::workouts::Window;
use crate::time::{Timestamp, WorkoutDate};

use output::Output;

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
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Creates or upgrades the tables of a store.
    Migrate(migrate::MigrateArgs),
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
    Validate(admin::ValidateArgs),
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
            Self::Doctor(args) => args.is_list(),
            // A completion script and the answer of an export are the same in every format.
            Self::Classifications(_)
            | Self::Review(_)
            | Self::Report(_)
            | Self::History(_)
            | Self::Quarantine(_)
            | Self::State(_)
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
        Command::Migrate(args) => migrate::migrate(&app, &args, output).await,
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
        Command::Doctor(args) => doctor::doctor(&app, &args, output).await,
        Command::Completions(args) => admin::completions(&args),
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
    use clap::CommandFactory;

    #[test]
    fn the_definitions_are_consistent() {
        super::Cli::command().debug_assert();
    }
}
