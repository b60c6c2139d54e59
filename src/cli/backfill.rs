//! `backfill`: a range of dates, a window at a time.

use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, ValueEnum};

use crate::app::{Access, App, read_pipeline, stop_at_signals};
use crate::pipeline::backfill::report::{BackfillReport, WindowPlan};
use crate::pipeline::backfill::windows::Span;
use crate::pipeline::backfill::{
    BackfillOptions, Failure, MAX_CONCURRENCY, Reprocess, Start, backfill as do_backfill, plan_backfill,
};
use crate::pipeline::prepare::Options;
use crate::pipeline::{Kind, RunError};
use crate::stage::decide::Retrain;

use super::WindowArgs;
use super::exit;
use super::output::{Output, Rows, count, one};
use super::run::{MemoryArgs, RetrainArg, TrainingArgs};
use super::run_report::{changes_line, read_line};

/// Failed windows that a page shows.
const FAILURES_SHOWN: usize = 20;

/// Which windows are done again that have been tried before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ReprocessArg {
    /// None: only those that are not done yet.
    None,
    /// Also those that failed.
    Failed,
    /// Also those that failed, and those that are done.
    Completed,
}

/// `paceline backfill`.
#[derive(Debug, Args)]
pub struct BackfillArgs {
    /// The pipeline file; pipelines/nightly.toml shows every key.
    #[arg(value_name = "PIPELINE.toml")]
    pipeline: PathBuf,
    #[command(flatten)]
    range: WindowArgs,
    /// The length of a window: months (1mo), weeks (2w) or days (30d). Default: 1mo.
    #[arg(long)]
    window: Option<Span>,
    /// Windows, or parts of large ones, that are loaded and classified side by side; each takes the memory of ten
    /// thousand workouts, and they are written in order all the same.
    #[arg(long, value_name = "N", default_value_t = 1,
          value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..=MAX_CONCURRENCY as u64))]
    concurrency: usize,
    /// Does the newest window first.
    #[arg(long)]
    newest_first: bool,
    /// Which windows of the backfill that is resumed are done again; failed and completed imply --resume.
    #[arg(long, value_enum, default_value_t = ReprocessArg::None)]
    reprocess: ReprocessArg,
    /// Goes on with the unfinished backfill of this pipeline, range and window; begins one where there is none.
    #[arg(long)]
    resume: bool,
    /// Gives up the unfinished backfill of this pipeline, range and window, and begins anew.
    #[arg(long, conflicts_with_all = ["resume", "reprocess"])]
    restart: bool,
    /// Shows the windows and what each would write, and writes nothing.
    #[arg(long)]
    dry_run: bool,
    /// When a model is trained; default: as the pipeline says.
    #[arg(long, value_enum)]
    retrain: Option<RetrainArg>,
    #[command(flatten)]
    training: TrainingArgs,
    #[command(flatten)]
    memory: MemoryArgs,
    /// Writes even where more workouts would be relabelled than gate.max_churn allows.
    #[arg(long)]
    accept_churn: bool,
    /// Takes the pipeline from the run that holds it; that run writes nothing more.
    #[arg(long)]
    take_over: bool,
}

impl BackfillArgs {
    fn options(&self) -> Result<BackfillOptions> {
        // Checked as everywhere; an end that is left open stays open here.
        self.range.window()?;
        let reprocess = match self.reprocess {
            ReprocessArg::None => Reprocess::None,
            ReprocessArg::Failed => Reprocess::Failed,
            ReprocessArg::Completed => Reprocess::Completed,
        };
        let start = match (self.restart, self.resume || reprocess != Reprocess::None) {
            (true, _) => Start::Restart,
            (false, true) => Start::Resume,
            (false, false) => Start::Ask,
        };
        Ok(BackfillOptions {
            from: self.range.from,
            to: self.range.to,
            span: self.window,
            concurrency: self.concurrency,
            slice_rows: None,
            newest_first: self.newest_first,
            start,
            reprocess,
            run: Options {
                retrain: self.retrain.map(Retrain::from),
                accept_churn: self.accept_churn,
                take_over: self.take_over,
                max_memory: self.memory.max_memory,
                ..self.training.options()
            },
            command: format!("paceline backfill {}", self.pipeline.display()),
        })
    }
}

fn failure(failure: Failure) -> anyhow::Error {
    match failure {
        Failure::Usage(message) => exit::usage(message),
        Failure::Run(error) => error.into(),
    }
}

/// Does a backfill, or plans one.
pub async fn backfill(app: &App, args: &BackfillArgs, output: Output) -> Result<()> {
    let options = args.options()?;
    let pipeline = read_pipeline(&args.pipeline)?;
    let ambient = app.ambient()?;
    if args.dry_run {
        let store = app.store(Access::Read).await?;
        let planned = plan_backfill(&store, &pipeline, &options, &ambient).await;
        let report = planned.map_err(failure)?;
        one(&report, || page(&report), output)?;
        if report.stopped_by_churn {
            let found = format!("a backfill would be stopped: churn {:.1} %", report.churn * 100.0);
            return Err(RunError::new("plan", Kind::Gate, found, "--accept-churn writes it all the same").into());
        }
        return Ok(());
    }
    let store = app.store(Access::Write).await?;
    stop_at_signals(ambient.stop.clone(), exit::of_signal)?;
    let done = do_backfill(&store, &pipeline, &options, &ambient).await;
    let report = done.map_err(failure)?;
    one(&report, || page(&report), output)?;
    let windows = report.windows;
    if windows.failed + windows.left == 0 {
        return Ok(());
    }
    let why = report
        .stopped
        .as_deref()
        .map(|why| format!("\n  {why}"))
        .unwrap_or_default();
    Err(exit::partial(format!(
        "partial: of {} windows, {} failed and {} are left{why}",
        windows.total, windows.failed, windows.left
    )))
}

/// The report as a page.
fn page(report: &BackfillReport) -> String {
    let mut text = String::new();
    let (Some(from), Some(to)) = (&report.window_from, &report.window_to) else {
        return "There are no workouts in the range: nothing to do.".to_owned();
    };
    let _ = writeln!(
        text,
        "Range     [{from}, {to}) in {} windows of {}",
        report.windows.total, report.window
    );
    if let Some(decision) = &report.decision {
        let model = report.model.as_ref().and_then(|model| {
            let version = model.model_version.as_deref()?;
            Some(format!("{}  version {version}", model.model_id.as_deref()?))
        });
        let _ = writeln!(
            text,
            "Model     {}: {}",
            model.as_deref().unwrap_or("none"),
            decision.reason
        );
    }
    let _ = writeln!(text, "\n{}", read_line(&report.rows));
    let _ = writeln!(text, "{}", changes_line(&report.changes));
    if report.status == "planned" {
        plan_part(&mut text, report);
    } else {
        windows_part(&mut text, report);
    }
    text
}

fn plan_part(text: &mut String, report: &BackfillReport) {
    let mut rows = Rows::new(&["window", "read", "new", "changed", "refreshed", "protected", "to write"]);
    for WindowPlan {
        from,
        to,
        rows: read,
        changes,
        rows_written,
        ..
    } in &report.planned
    {
        rows.push(vec![
            format!("[{from}, {to})"),
            count(read.read),
            count(changes.new),
            count(changes.changed),
            count(changes.refreshed),
            count(changes.protected),
            count(*rows_written),
        ]);
    }
    let _ = writeln!(text, "\n{}", rows.table());
    let _ = writeln!(
        text,
        "\nPlan      {} rows would be written in {} windows",
        count(report.rows_written),
        count(report.windows.left)
    );
}

fn windows_part(text: &mut String, report: &BackfillReport) {
    let w = &report.windows;
    let _ = writeln!(
        text,
        "Windows   {} completed, {} were done before, {} failed, {} left",
        count(w.completed),
        count(w.already),
        count(w.failed),
        count(w.left)
    );
    for failed in report.failed.iter().take(FAILURES_SHOWN) {
        let times = if failed.attempts == 1 { "once" } else { "times" };
        let tried = if failed.attempts == 1 {
            times.to_owned()
        } else {
            format!("{} {times}", failed.attempts)
        };
        let _ = writeln!(
            text,
            "          [{}, {}) failed, tried {tried}: {}",
            failed.from, failed.to, failed.failure.message
        );
        let _ = writeln!(text, "            {}", failed.retry);
    }
    if report.failed.len() > FAILURES_SHOWN {
        let _ = writeln!(text, "          and {} more", report.failed.len() - FAILURES_SHOWN);
    }
    if let Some(retry) = &report.retry {
        let _ = writeln!(text, "  all that failed, again: {retry}");
    }
    if let Some(run_id) = &report.run_id {
        let _ = writeln!(
            text,
            "\nRun {run_id} {}: {} rows written",
            report.status,
            count(report.rows_written)
        );
    }
}
