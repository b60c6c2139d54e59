//! `schedule`: pipelines run by themselves, or are looked at once, or listed.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::Result;
use chrono::TimeZone;
use clap::Args;
use serde::Serialize;
use tokio::task::JoinSet;

use crate::app::metrics::{Board, Endpoint};
use crate::app::{Access, App, read_pipeline, replace_file, signals};
use crate::pipeline::{Kind, RunError};
use crate::scheduler::due::next_n;
use crate::scheduler::health::Health;
use crate::scheduler::ticks::Ticks;
use crate::scheduler::{Entry, Outcome, Scheduler, Signal};
use crate::store::Store;
use crate::time::Timestamp;

use super::exit;
use super::output::{Output, Rows, list, text};

/// How many times `--list` and `validate` show.
const SHOWN: usize = 5;

/// `paceline schedule`.
#[derive(Debug, Args)]
pub struct ScheduleArgs {
    /// Pipeline files with a [schedule] section.
    #[arg(required = true, value_name = "PIPELINE.toml")]
    pipelines: Vec<PathBuf>,
    /// Runs what is due now, or has enough corrections to learn from, and ends: for cron and for Kubernetes.
    #[arg(long)]
    once: bool,
    /// Shows the next five times of each pipeline, and which ones watch for corrections, and ends.
    #[arg(long, conflicts_with = "once")]
    list: bool,
    /// Keeps this JSON file up to date, at least every two minutes: last look, and for each pipeline last run, status,
    /// next time. A monitor needs no more than its age.
    #[arg(long, value_name = "PATH", conflicts_with = "list")]
    health_file: Option<PathBuf>,
    /// Answers GET /metrics (Prometheus) and GET /healthz there, such as 127.0.0.1:9187. There is no password:
    /// keep it on this machine, or behind something that asks for one.
    #[arg(long, value_name = "ADDRESS:PORT", conflicts_with_all = ["list", "once"])]
    metrics_listen: Option<SocketAddr>,
}

impl ScheduleArgs {
    /// True where it prints rows under a header.
    pub fn is_list(&self) -> bool {
        self.list
    }

    /// True where it stays.
    pub fn is_service(&self) -> bool {
        !self.once && !self.list
    }

    /// True where somebody may ask for its metrics.
    pub fn is_watched(&self) -> bool {
        self.metrics_listen.is_some()
    }
}

/// When a pipeline runs by itself.
#[derive(Debug, Serialize)]
pub struct ListedJson {
    pipeline: String,
    cron: Option<String>,
    timezone: &'static str,
    /// How many waiting corrections begin a run.
    on_feedback: Option<u64>,
    next: Vec<TimeJson>,
}

#[derive(Debug, Serialize)]
struct TimeJson {
    utc: String,
    local: String,
}

impl ListedJson {
    /// From `now` on.
    pub fn of(entry: &Entry, now: Timestamp) -> Self {
        let schedule = &entry.schedule;
        let time = |at: Timestamp| TimeJson {
            utc: at.naive().format("%Y-%m-%d %H:%M:%S").to_string(),
            local: schedule
                .zone
                .from_utc_datetime(&at.naive())
                .format("%a %Y-%m-%d %H:%M:%S %Z")
                .to_string(),
        };
        Self {
            pipeline: entry.pipeline.name.clone(),
            cron: schedule.pattern().map(str::to_owned),
            timezone: schedule.zone.name(),
            on_feedback: entry.watches(),
            next: next_n(schedule, now, SHOWN).into_iter().map(time).collect(),
        }
    }

    /// A line for the pattern, one for each time, and one for what people say.
    pub fn text(&self) -> String {
        let mut lines = Vec::new();
        if let Some(cron) = &self.cron {
            lines.push(format!("runs at '{cron}' in {}, next:", self.timezone));
            let shown = |time: &TimeJson| format!("  {} UTC  {}", time.utc, time.local);
            lines.extend(self.next.iter().map(shown));
        }
        if let Some(threshold) = self.on_feedback {
            lines.push(format!("runs when {threshold} corrections wait to be learnt"));
        }
        lines.join("\n")
    }
}

/// Runs pipelines when they are due.
pub async fn schedule(app: &App, args: &ScheduleArgs, output: Output) -> Result<()> {
    let entries = read_entries(&args.pipelines)?;
    if args.list {
        return print_list(&entries, app.now(), output);
    }
    if args.is_service() && app.is_frozen() {
        return Err(exit::usage(
            "--now stops the clock; a scheduler that stays needs one that goes: give --once or --list",
        ));
    }
    let store = app.store(Access::Write).await?;
    let mut signals = signals()?;
    let board = Board::new(app.telemetry().clone());
    let _shown = show(app, args, &board, &store).await?;
    let scheduler = Scheduler::new(store, app.ambient()?, entries.clone());
    let report = reporter(args.health_file.clone(), board);
    if args.once {
        return once(scheduler, &entries, &mut signals, &report, output).await;
    }
    serve(scheduler, &mut signals, &report).await
}

/// Shows metrics at the address and in the file that were asked for, while the returned tasks live; by itself
/// nothing of a scheduler waits for them.
async fn show(app: &App, args: &ScheduleArgs, board: &Board, store: &Store) -> Result<JoinSet<()>> {
    let mut tasks = JoinSet::new();
    // `--once` writes its file when it has ended.
    let file = app.metrics_file().filter(|_| args.is_service());
    if file.is_some() || args.is_watched() {
        tasks.spawn(board.clone().keep(store.clone(), file.map(Path::to_owned)));
    }
    if let Some(address) = args.metrics_listen {
        let endpoint = Endpoint::listen(address, board.clone()).await.map_err(|error| {
            let hint = "name an address of this machine and a port that is free";
            RunError::new("metrics", Kind::Config, format!("{error:#}"), hint)
        })?;
        tracing::info!(address = %endpoint.address()?, "metrics are shown");
        tasks.spawn(endpoint.serve());
    }
    Ok(tasks)
}

async fn serve(
    mut scheduler: Scheduler,
    signals: &mut tokio::sync::mpsc::Receiver<Signal>,
    report: &(dyn Fn(&Health) + Send + Sync),
) -> Result<()> {
    let ticks = Ticks::every_minute().await?;
    let signal = scheduler.run(ticks, signals, report).await;
    Err(exit::stopped(signal))
}

/// Reads the files; each needs a schedule, and a name of its own.
fn read_entries(paths: &[PathBuf]) -> Result<Vec<Entry>> {
    let mut names = BTreeSet::new();
    let mut entries = Vec::with_capacity(paths.len());
    for path in paths {
        let pipeline = read_pipeline(path)?;
        let refuse = |what: String, hint: &str| {
            RunError::new(
                "pipeline file",
                Kind::Config,
                format!("{}: {what}", path.display()),
                hint,
            )
        };
        let Some(schedule) = pipeline.schedule.clone() else {
            let hint = "add a section [schedule] with cron = \"30 2 * * *\" and timezone = \"Europe/Berlin\", \
                        or with on_feedback = true";
            return Err(refuse("it has no [schedule]".to_owned(), hint).into());
        };
        if !names.insert(pipeline.name.clone()) {
            let what = format!("a second pipeline of the name '{}'", pipeline.name);
            return Err(refuse(
                what,
                "the name is what the ledger and the lease go by: give each its own",
            )
            .into());
        }
        entries.push(Entry { pipeline, schedule });
    }
    Ok(entries)
}

fn print_list(entries: &[Entry], now: Timestamp, output: Output) -> Result<()> {
    let listed: Vec<ListedJson> = entries.iter().map(|entry| ListedJson::of(entry, now)).collect();
    let mut rows = Rows::new(&["pipeline", "cron", "utc", "local"]);
    for pipeline in &listed {
        let name = &pipeline.pipeline;
        for time in &pipeline.next {
            let cron = text(pipeline.cron.as_deref());
            rows.push(vec![name.clone(), cron, time.utc.clone(), time.local.clone()]);
        }
        if let Some(threshold) = pipeline.on_feedback {
            let on_feedback = format!("on feedback ({threshold})");
            rows.push(vec![name.clone(), on_feedback, text(None), text(None)]);
        }
    }
    list(&listed, &rows, "", output)
}

/// Writes the health file, where there is to be one, and tells the board. A disk that is full must not end the
/// scheduler.
fn reporter(path: Option<PathBuf>, board: Board) -> impl Fn(&Health) + Send + Sync {
    move |health| {
        board.saw(health);
        let Some(path) = &path else { return };
        if let Err(error) = write_health(path, health) {
            tracing::warn!(%error, "no health report");
        }
    }
}

fn write_health(path: &Path, health: &Health) -> Result<()> {
    replace_file(path, &format!("{}\n", serde_json::to_string_pretty(health)?))
}

#[derive(Debug, Serialize)]
struct OnceJson {
    pipeline: String,
    outcome: &'static str,
    run_id: Option<String>,
    rows_written: u64,
    detail: Option<String>,
    next_due: Option<String>,
}

/// One look; fails with the first failure, after everything that was due has been tried.
async fn once(
    mut scheduler: Scheduler,
    entries: &[Entry],
    signals: &mut tokio::sync::mpsc::Receiver<Signal>,
    report: &(dyn Fn(&Health) + Send + Sync),
    output: Output,
) -> Result<()> {
    let (outcomes, told) = scheduler.once(signals, report).await;
    let health = scheduler.health();
    let lines: Vec<OnceJson> = entries
        .iter()
        .zip(&outcomes)
        .zip(&health.pipelines)
        .map(|((entry, outcome), health)| OnceJson {
            next_due: health.next_due.clone(),
            ..once_line(&entry.pipeline.name, outcome)
        })
        .collect();
    let mut rows = Rows::new(&["pipeline", "outcome", "run_id", "rows written", "next", "detail"]);
    for line in &lines {
        rows.push(vec![
            line.pipeline.clone(),
            line.outcome.to_owned(),
            text(line.run_id.as_deref()),
            line.rows_written.to_string(),
            text(line.next_due.as_deref()),
            text(line.detail.as_deref()),
        ]);
    }
    list(&lines, &rows, "", output)?;
    if let Some(signal) = told {
        return Err(exit::stopped(signal));
    }
    for (entry, outcome) in entries.iter().zip(outcomes) {
        match outcome {
            Outcome::Failed(error) => return Err(error.into()),
            Outcome::Waiting { why } => {
                let hint = "look again in a minute: by then its lease is renewed or expired";
                let found = format!("{} did not run: {why}", entry.pipeline.name);
                return Err(RunError::new("schedule", Kind::LeaseHeld, found, hint).into());
            }
            _ => {}
        }
    }
    Ok(())
}

fn once_line(pipeline: &str, outcome: &Outcome) -> OnceJson {
    let line = |outcome| OnceJson {
        pipeline: pipeline.to_owned(),
        outcome,
        run_id: None,
        rows_written: 0,
        detail: None,
        next_due: None,
    };
    match outcome {
        Outcome::NotDue => line("not_due"),
        Outcome::DoneElsewhere => line("done_elsewhere"),
        Outcome::Stopped => line("stopped"),
        Outcome::Succeeded(report) => OnceJson {
            run_id: report.run_id.clone(),
            rows_written: report.rows_written,
            ..line("succeeded")
        },
        Outcome::Skipped { run_id, why } => OnceJson {
            run_id: Some(run_id.clone()),
            detail: Some(why.clone()),
            ..line("skipped")
        },
        Outcome::Waiting { why } => OnceJson {
            detail: Some(why.clone()),
            ..line("waiting")
        },
        Outcome::Busy { why } => OnceJson {
            detail: Some(why.clone()),
            ..line("busy")
        },
        Outcome::Failed(error) => OnceJson {
            detail: Some(error.to_string()),
            ..line("failed")
        },
    }
}
