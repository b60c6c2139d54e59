//! A run's report as a page that a newcomer understands.

use std::fmt::Write as _;

use crate::pipeline::report::{MatrixCell, ModelSummary, RunReport};
use crate::store::runs::{OutcomeCounts, RowCounts};

use super::import::sentence;
use super::output::{count, printable};

/// The report as text.
pub fn report_text(report: &RunReport) -> String {
    let mut text = String::new();
    for import in &report.imports {
        let _ = writeln!(text, "{}\n", sentence(import));
    }
    model_part(&mut text, report);
    rows_part(&mut text, report);
    changes_part(&mut text, report);
    ending(&mut text, report);
    text
}

fn model_part(text: &mut String, report: &RunReport) {
    let model = &report.model;
    let planned = report.run_id.is_none();
    let action = match report.decision.action {
        "trained" if planned => "would train a new model",
        "trained" => "trained a new model",
        "reused" if planned => "would keep the active model",
        "reused" => "kept the active model",
        _ => "no model",
    };
    let _ = writeln!(text, "Decision  {action}: {}", report.decision.reason);
    let Some(version) = &model.model_version else {
        let _ = writeln!(text, "Model     none");
        return;
    };
    let id = model.model_id.as_deref().unwrap_or_default();
    let state = match (report.run_id.is_none(), model.active) {
        (true, true) => "would be active",
        (false, true) => "active",
        (_, false) => "not active",
    };
    let _ = writeln!(text, "Model     {id}  version {version}  {}  {state}", model.algorithm);
    for cluster in &model.clusters {
        let centre: Vec<String> = cluster
            .centroid
            .iter()
            .map(|(name, x)| format!("{name} {x:.2}"))
            .collect();
        let _ = writeln!(text, "          {:<9} around {}", cluster.label, centre.join(", "));
    }
    training_line(text, model);
    gate_part(text, report);
}

fn gate_part(text: &mut String, report: &RunReport) {
    let Some(gate) = &report.gate else { return };
    let (id, version) = (&gate.model_id, &gate.model_version);
    let word = if gate.admitted { "admitted" } else { "REFUSED" };
    let _ = writeln!(
        text,
        "Gate      {word} {id}  version {version}, held against {}:\n          {}",
        gate.compared_with, gate.evaluation.reason
    );
    for missed in &gate.evaluation.missed {
        let _ = writeln!(
            text,
            "          wrong on {}, which people call {}",
            printable(&missed.workout_id),
            missed.said
        );
    }
}

fn training_line(text: &mut String, model: &ModelSummary) {
    if let Some(rows) = model.training_rows {
        let _ = writeln!(text, "          trained on {} workouts", count(rows));
    }
}

/// What became of the rows that were read.
pub fn read_line(rows: &RowCounts) -> String {
    format!(
        "Read      {} workouts = {} classified + {} skipped + {} quarantined",
        count(rows.read),
        count(rows.classified),
        count(rows.skipped),
        count(rows.quarantined)
    )
}

/// The outcomes of the diff.
pub fn changes_line(changes: &OutcomeCounts) -> String {
    format!(
        "Changes   {} new, {} changed, {} refreshed, {} protected, {} unchanged",
        count(changes.new),
        count(changes.changed),
        count(changes.refreshed),
        count(changes.protected),
        count(changes.unchanged)
    )
}

fn rows_part(text: &mut String, report: &RunReport) {
    let rows = &report.rows;
    let _ = writeln!(text, "\n{}", read_line(rows));
    for (label, n) in &report.labels {
        let share = 100.0 * *n as f64 / rows.classified.max(1) as f64;
        let _ = writeln!(text, "          {label:<9} {:>9}  {share:>5.1} %", count(*n));
    }
    if rows.fallback > 0 {
        let _ = writeln!(
            text,
            "          {} of them by the era rule: their pace, distance or duration is missing or impossible",
            count(rows.fallback)
        );
    }
    if !report.skipped.is_empty() {
        let names: Vec<String> = report.skipped.iter().map(named).collect();
        let _ = writeln!(text, "          other sports skipped: {}", names.join(", "));
    }
}

fn named((sport, n): (&String, &u64)) -> String {
    format!("{} {n}", printable(sport))
}

fn changes_part(text: &mut String, report: &RunReport) {
    let _ = writeln!(text, "\n{}", changes_line(&report.changes));
    for cell in report.matrix.iter().filter(|cell| cell.from.is_some()) {
        let _ = writeln!(text, "          {}", transition(cell));
    }
    if report.stopped_by_churn {
        let _ = writeln!(
            text,
            "          churn {:.1} % is above the gate: a run would stop",
            report.churn * 100.0
        );
    }
}

fn transition(cell: &MatrixCell) -> String {
    format!(
        "{} -> {}  {}",
        cell.from.as_deref().unwrap_or("-"),
        cell.to,
        count(cell.count)
    )
}

fn ending(text: &mut String, report: &RunReport) {
    let written = count(report.rows_written);
    match report.run_id.as_deref() {
        None => {
            let _ = writeln!(
                text,
                "\nPlan      {written} rows would be written in {} transactions",
                report.chunks
            );
        }
        Some(run_id) if report.status == "trained" => {
            let _ = writeln!(text, "\nRun {run_id}: nothing classified");
            let _ = writeln!(text, "  reclassify: paceline run PIPELINE.toml --retrain never");
        }
        Some(run_id) if report.status == "candidate" => {
            let id = report.model.model_id.as_deref().unwrap_or_default();
            let _ = writeln!(text, "\nRun {run_id}: model registered, nothing classified");
            let _ = writeln!(text, "  put it in production: paceline model activate {id}");
        }
        Some(run_id) => {
            let _ = writeln!(text, "\nRun {run_id} {}: {written} rows written", report.status);
        }
    }
}
