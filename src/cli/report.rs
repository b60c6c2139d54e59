//! `report`: what happened, what stands, and how far it can be believed.
//!
//! Why: an operator asks the same questions every month; each is one command here, and for all but
//! `calibration` and `map`, whose rows are computed, one file of `sql/report/` that gives the same rows in a
//! MySQL client. Where a picture says more, `--plot` draws one of the same rows.
//!
//! Invariants: a report is a list, so every output format has it; figures that are computed here (shares
//! and intervals) come after the columns that SQL gave.

use anyhow::Result;
use clap::{Args, Subcommand};
use serde::Serialize;

use crate::app::{Access, App};
use crate::stage::calibration::{Bin, Calibration, calibration};
use crate::stage::gate::figures::wilson;
use crate::store::Store;
use crate::store::report::{AccuracyRow, ChangesRow, LabelsRow, ModelsRow, OverrideRow, StatsRow};
use crate::time::Timestamp;

use super::WindowArgs;
use super::archive::warn_of_archived;
use super::exit;
use super::output::{Output, Rows, json, line, list, number, text};
use super::report_map::{MapArgs, map};
use super::report_plot::PlotArgs;

/// Microseconds of a day.
const DAY: i64 = 86_400_000_000;

/// `paceline report`.
#[derive(Debug, Args)]
pub struct ReportArgs {
    #[command(subcommand)]
    report: Report,
}

#[derive(Debug, Subcommand)]
enum Report {
    /// How often labels changed, by label before, label after and source.
    Changes(RangeArgs),
    /// Every label that stands because a person set it, and what the model would say.
    Overrides,
    /// Model versions: what each confirms, what it set, what people said of it.
    Models,
    /// What people said of each label, and how often they agreed.
    Accuracy(DaysArgs),
    /// The history by source.
    Stats(FromArgs),
    /// What stands, by month of the workout and label.
    Labels(LabelsArgs),
    /// Whether confidences mean what they say.
    Calibration(CalibrationArgs),
    /// Where a model draws its lines: the label of each pace at a few distances.
    Map(MapArgs),
}

/// A half-open range of instants.
#[derive(Debug, Args)]
struct RangeArgs {
    /// First instant (UTC), inclusive: 2026-01-01T06:00:00Z, or a date, which is its midnight. Default: no bound.
    #[arg(long, value_name = "TIME")]
    from: Option<Timestamp>,
    /// End (UTC), exclusive, in the same form. Default: no bound.
    #[arg(long, value_name = "TIME")]
    to: Option<Timestamp>,
    #[command(flatten)]
    plot: PlotArgs,
}

/// The start of a range that is still going on.
#[derive(Debug, Args)]
struct FromArgs {
    /// First instant (UTC), inclusive: 2026-01-01T06:00:00Z, or a date, which is its midnight. Default: no bound.
    #[arg(long, value_name = "TIME")]
    from: Option<Timestamp>,
    #[command(flatten)]
    plot: PlotArgs,
}

/// Workouts by their dates.
#[derive(Debug, Args)]
struct LabelsArgs {
    #[command(flatten)]
    window: WindowArgs,
    #[command(flatten)]
    plot: PlotArgs,
}

/// Answers, and a picture of them.
#[derive(Debug, Args)]
struct CalibrationArgs {
    #[command(flatten)]
    days: DaysArgs,
    #[command(flatten)]
    plot: PlotArgs,
}

/// The last so many days.
#[derive(Debug, Args)]
struct DaysArgs {
    /// Only answers of the last so many days of 24 hours, up to now.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=36_500))]
    days: Option<u32>,
}

impl DaysArgs {
    fn since(&self, now: Timestamp) -> Option<Timestamp> {
        let days = i64::from(self.days?);
        Some(Timestamp::from_micros(now.micros().saturating_sub(days * DAY)))
    }
}

/// Prints a report.
pub async fn report(app: &App, args: &ReportArgs, output: Output) -> Result<()> {
    let store = app.store(Access::Read).await?;
    match &args.report {
        Report::Changes(range) => warn_of_archived(&store, range.from).await?,
        Report::Stats(args) => warn_of_archived(&store, args.from).await?,
        Report::Overrides => warn_of_archived(&store, None).await?,
        // These read what stands, and what people said.
        Report::Models | Report::Labels(_) | Report::Accuracy(_) | Report::Calibration(_) | Report::Map(_) => {}
    }
    match &args.report {
        Report::Changes(range) => changes(&store, range, output).await,
        Report::Overrides => overrides(&store, output).await,
        Report::Models => models(&store, output).await,
        Report::Accuracy(days) => accuracy(&store, days.since(app.now()), output).await,
        Report::Stats(args) => stats(&store, args, output).await,
        Report::Labels(args) => labels(&store, args, output).await,
        Report::Calibration(args) => calibrated(&store, args, app.now(), output).await,
        Report::Map(args) => map(&store, args, output).await,
    }
}

/// Numbers as a table rounds them and as CSV has them.
fn figure(value: Option<f64>, decimals: usize, output: Output) -> String {
    match output {
        Output::Csv => value.map(|x| x.to_string()).unwrap_or_default(),
        Output::Table | Output::Json | Output::Ndjson => number(value, decimals),
    }
}

async fn changes(store: &Store, range: &RangeArgs, output: Output) -> Result<()> {
    if let (Some(from), Some(to)) = (range.from, range.to)
        && from >= to
    {
        return Err(exit::usage(format!(
            "--from {from} is not before --to {to}; --to is exclusive"
        )));
    }
    let values = store.report_changes(range.from, range.to).await?;
    range.plot.changes(store, range.from, range.to).await?;
    let mut rows = Rows::new(&[
        "from_label",
        "to_label",
        "source",
        "changes",
        "workouts",
        "runs",
        "mean_confidence",
        "first_at",
        "last_at",
    ]);
    for ChangesRow {
        from_label,
        to_label,
        source,
        changes,
        workouts,
        runs,
        mean_confidence,
        first_at,
        last_at,
    } in &values
    {
        rows.push(vec![
            text(from_label.as_deref()),
            to_label.clone(),
            source.clone(),
            changes.to_string(),
            workouts.to_string(),
            runs.to_string(),
            figure(*mean_confidence, 3, output),
            first_at.to_string(),
            last_at.to_string(),
        ]);
    }
    list(&values, &rows, "No label changed in this time.", output)?;
    range.plot.said(output)
}

async fn overrides(store: &Store, output: Output) -> Result<()> {
    let values = store.report_overrides().await?;
    let mut rows = Rows::new(&[
        "workout_id",
        "workout_date",
        "label",
        "model_says",
        "model_agrees",
        "source",
        "changed_by",
        "changed_at",
        "reason",
    ]);
    for OverrideRow {
        workout_id,
        workout_date,
        label,
        model_says,
        model_agrees,
        source,
        changed_by,
        changed_at,
        reason,
    } in &values
    {
        rows.push(vec![
            workout_id.clone(),
            text(workout_date.map(|date| date.to_string()).as_deref()),
            label.clone(),
            text(model_says.as_deref()),
            model_agrees.to_string(),
            source.clone(),
            text(changed_by.as_deref()),
            text(changed_at.map(|at| at.to_string()).as_deref()),
            text(reason.as_deref()),
        ]);
    }
    list(&values, &rows, "No label was set by a person.", output)
}

async fn models(store: &Store, output: Output) -> Result<()> {
    let values = store.report_models().await?;
    let mut rows = Rows::new(&[
        "model_id",
        "version",
        "algorithm",
        "status",
        "parent_model_id",
        "trained_at",
        "activated_at",
        "trained_on",
        "silhouette",
        "confirms",
        "labels_set",
        "accepted",
        "objected",
    ]);
    for m in &values {
        rows.push(model_cells(m, output));
    }
    list(
        &values,
        &rows,
        "There is no model yet: `paceline run` trains one.",
        output,
    )
}

fn model_cells(m: &ModelsRow, output: Output) -> Vec<String> {
    let instant = |at: Option<Timestamp>| text(at.map(|at| at.to_string()).as_deref());
    vec![
        m.model_id.clone(),
        m.model_version.clone(),
        text(m.algorithm.as_deref()),
        m.status.clone(),
        text(m.parent_model_id.as_deref()),
        instant(m.trained_at),
        instant(m.activated_at),
        text(m.trained_on.map(|n| n.to_string()).as_deref()),
        figure(m.silhouette, 3, output),
        m.confirms.to_string(),
        m.labels_set.to_string(),
        m.accepted.to_string(),
        m.objected.to_string(),
    ]
}

/// A row of SQL with the share that agreed.
#[derive(Debug, Serialize)]
struct AccuracyJson {
    #[serde(flatten)]
    row: AccuracyRow,
    /// `agreed / judged`.
    agreement: Option<f64>,
    /// Its 95 % interval (Wilson).
    agreement_low: Option<f64>,
    /// As above.
    agreement_high: Option<f64>,
}

impl From<AccuracyRow> for AccuracyJson {
    fn from(row: AccuracyRow) -> Self {
        let judged = row.judged > 0;
        let [low, high] = wilson(row.agreed.unsigned_abs(), row.judged.unsigned_abs());
        Self {
            agreement: judged.then(|| row.agreed as f64 / row.judged as f64),
            agreement_low: judged.then_some(low),
            agreement_high: judged.then_some(high),
            row,
        }
    }
}

async fn accuracy(store: &Store, since: Option<Timestamp>, output: Output) -> Result<()> {
    let found = store.report_accuracy(since).await?;
    let values: Vec<AccuracyJson> = found.into_iter().map(Into::into).collect();
    let mut rows = Rows::new(&[
        "label",
        "answers",
        "accepted",
        "corrected",
        "rejected",
        "uncertain",
        "agreed",
        "judged",
        "mean_confidence",
        "mean_certainty",
        "agreement",
        "agreement_low",
        "agreement_high",
    ]);
    for v in &values {
        let r = &v.row;
        let counts = [
            r.answers,
            r.accepted,
            r.corrected,
            r.rejected,
            r.uncertain,
            r.agreed,
            r.judged,
        ];
        let figures = [
            (r.mean_confidence, 3),
            (r.mean_certainty, 2),
            (v.agreement, 3),
            (v.agreement_low, 3),
            (v.agreement_high, 3),
        ];
        let mut cells = vec![text(r.label.as_deref())];
        cells.extend(counts.map(|n| n.to_string()));
        cells.extend(figures.map(|(x, decimals)| figure(x, decimals, output)));
        rows.push(cells);
    }
    list(&values, &rows, NOBODY, output)
}

/// What a report on answers says where there are none.
const NOBODY: &str = "Nobody has answered in this time: `paceline review` asks, `paceline feedback add` tells.";

async fn stats(store: &Store, args: &FromArgs, output: Output) -> Result<()> {
    let values = store.report_stats(args.from).await?;
    args.plot.stats(store, args.from).await?;
    let mut rows = Rows::new(&[
        "source",
        "changes",
        "mean_confidence",
        "workouts",
        "models",
        "first_at",
        "last_at",
    ]);
    for StatsRow {
        source,
        changes,
        mean_confidence,
        workouts,
        models,
        first_at,
        last_at,
    } in &values
    {
        rows.push(vec![
            source.clone(),
            changes.to_string(),
            figure(*mean_confidence, 3, output),
            workouts.to_string(),
            models.to_string(),
            first_at.to_string(),
            last_at.to_string(),
        ]);
    }
    list(&values, &rows, "Nothing was classified in this time.", output)?;
    args.plot.said(output)
}

async fn labels(store: &Store, args: &LabelsArgs, output: Output) -> Result<()> {
    let window = args.window.window()?.unwrap_or_default();
    let values = store.report_labels(window).await?;
    args.plot.labels(store, window, &values).await?;
    let mut rows = Rows::new(&["month", "label", "workouts", "overrides", "mean_confidence"]);
    for LabelsRow {
        month,
        label,
        workouts,
        overrides,
        mean_confidence,
    } in &values
    {
        rows.push(vec![
            text(month.as_deref()),
            label.clone(),
            workouts.to_string(),
            overrides.to_string(),
            figure(*mean_confidence, 3, output),
        ]);
    }
    list(&values, &rows, "Nothing is classified in this time.", output)?;
    args.plot.said(output)
}

async fn calibrated(store: &Store, args: &CalibrationArgs, now: Timestamp, output: Output) -> Result<()> {
    let since = args.days.since(now);
    let value = calibration(&store.report_calibration(since).await?);
    args.plot.calibration(store, since, &value).await?;
    let mut rows = Rows::new(&[
        "from",
        "to",
        "answers",
        "agreed",
        "mean_confidence",
        "agreement",
        "agreement_low",
        "agreement_high",
    ]);
    for bin in &value.bins {
        rows.push(bin_cells(bin, output));
    }
    match output {
        Output::Json | Output::Ndjson => json(&value, output)?,
        Output::Table if value.answers == 0 => line(NOBODY)?,
        Output::Table => {
            list(&value.bins, &rows, "", output)?;
            line(&summary(&value))?;
        }
        Output::Csv => list(&value.bins, &rows, "", output)?,
    }
    args.plot.said(output)
}

fn bin_cells(bin: &Bin, output: Output) -> Vec<String> {
    let [low, high] = bin.interval;
    let known = bin.answers > 0;
    vec![
        bin.from.to_string(),
        bin.to.to_string(),
        bin.answers.to_string(),
        bin.agreed.to_string(),
        figure(bin.mean_confidence, 3, output),
        figure(bin.agreement, 3, output),
        figure(known.then_some(low), 3, output),
        figure(known.then_some(high), 3, output),
    ]
}

fn summary(value: &Calibration) -> String {
    format!(
        "{} answers: ECE {} where a calibrated model would show {} (noise floor), Brier {}",
        value.answers,
        number(value.ece, 3),
        number(value.noise_floor, 3),
        number(value.brier, 3)
    )
}
