//! `runs undo`: what a run changed, back to what it was.

use std::fmt::Write as _;

use anyhow::Result;
use clap::Args;

use crate::app::{Access, App, stop_at_signals};
use crate::pipeline::undo::report::{UndoReport, UndoneRow};
use crate::pipeline::undo::{UndoOptions, plan_undo, undo as do_undo};

use super::exit;
use super::output::{Output, Rows, count, one, text};

/// Workouts that a page shows.
const SHOWN: usize = 20;

/// `paceline runs undo`.
#[derive(Debug, Args)]
pub struct UndoArgs {
    /// The run: an id, as `paceline runs list` has it.
    run_id: String,
    /// Shows what would be restored and what would be left, and writes nothing.
    #[arg(long)]
    dry_run: bool,
    /// Your name, for the history.
    #[arg(long, default_value = "system")]
    user: String,
    /// Why, for the history.
    #[arg(long)]
    reason: Option<String>,
    /// Takes the run's pipeline from the run that holds it; that run writes nothing more.
    #[arg(long)]
    take_over: bool,
}

/// Undoes a run, or shows what that would do.
pub async fn undo(app: &App, args: &UndoArgs, output: Output) -> Result<()> {
    let report = if args.dry_run {
        plan_undo(&app.store(Access::Read).await?, &args.run_id).await?
    } else {
        let store = app.store(Access::Write).await?;
        let options = UndoOptions {
            user: args.user.clone(),
            reason: args.reason.clone(),
            take_over: args.take_over,
        };
        let ambient = app.ambient()?;
        stop_at_signals(ambient.stop.clone(), exit::of_signal)?;
        do_undo(&store, &args.run_id, &options, &ambient).await?
    };
    one(&report, || page(&report), output)
}

fn page(report: &UndoReport) -> String {
    let mut page = String::new();
    let w = &report.workouts;
    let planned = report.status == "planned";
    if report.rows.is_empty() {
        let _ = writeln!(
            page,
            "Run {} wrote no verdict: there is nothing to undo.",
            report.undo_of
        );
        return page;
    }
    let _ = writeln!(
        page,
        "Undo of {}: {} workouts {}",
        report.undo_of,
        count(w.restored),
        if planned { "would be restored" } else { "restored" }
    );
    for cell in &report.matrix {
        let _ = writeln!(
            page,
            "  {} -> {}  {}",
            text(cell.from.as_deref()),
            cell.to,
            count(cell.count)
        );
    }
    for (left, why) in [
        (w.newer, "left, because something newer has touched them"),
        (w.overridden, "left, because a person has set them"),
        (w.no_earlier, "left, because they had no label before that run"),
        (w.already, "left, because an earlier undo has restored them"),
    ] {
        if left > 0 {
            let _ = writeln!(page, "  {} {why}", count(left));
        }
    }
    rows_part(&mut page, report);
    if let Some(model) = &report.still_active {
        let _ = writeln!(
            page,
            "\nModel {model}, which said so, is still active: its next run says it again.\n  \
             go back to its predecessor first: paceline model rollback"
        );
    }
    match &report.run_id {
        Some(run_id) => {
            let _ = writeln!(
                page,
                "\nRun {run_id} succeeded: {} rows written",
                count(report.rows_written)
            );
        }
        None if planned => {
            let _ = writeln!(page, "\nPlan      {} rows would be written", count(report.rows_written));
        }
        None => {
            let _ = writeln!(page, "\nNothing was written.");
        }
    }
    page
}

/// The first workouts, those that are left before the others.
fn rows_part(page: &mut String, report: &UndoReport) {
    let mut rows = Rows::new(&["workout_id", "outcome", "from", "to", "touched since by"]);
    let is_restored = |row: &&UndoneRow| row.outcome == "restored";
    let left = report
        .rows
        .iter()
        .filter(|row| !is_restored(row) && row.outcome != "no_earlier");
    let others = report.rows.iter().filter(is_restored);
    for row in left.chain(others).take(SHOWN) {
        rows.push(vec![
            row.workout_id.clone(),
            row.outcome.to_owned(),
            text(row.from.as_deref()),
            text(row.to.as_deref()),
            text(row.newer_run.as_deref()),
        ]);
    }
    if !rows.is_empty() {
        let _ = writeln!(page, "\n{}", rows.table());
    }
    if report.rows.len() > SHOWN {
        let _ = writeln!(
            page,
            "of {} workouts; --output json lists all",
            count(report.rows.len() as u64)
        );
    }
}
