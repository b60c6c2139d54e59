//! What an undo does to each workout, and the report of it.
//!
//! Why: the plan that a person reads first and the undo that follows decide by the same rules.
//!
//! Invariants: every workout that the run changed is restored or left with a reason.
//!
//! Must not know: how verdicts are written.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::id::RunId;
use crate::stage::diff::Outcome;
use crate::store::Store;
use crate::store::runs::LedgerRun;
use crate::store::undo::{PastVerdict, Touched};
use crate::store::write::Verdict;
use crate::vocab::Source;

use super::super::RunError;
use super::super::report::MatrixCell;

/// Workouts a transaction.
const CHUNK_ROWS: usize = 5_000;

/// What becomes of one workout that the run changed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct UndoneRow {
    /// The workout.
    pub workout_id: String,
    /// `restored`, or why it is left: `newer` (something has touched it since), `overridden` (a person has
    /// set it), `no_earlier` (it was new in the run), `already` (an earlier undo has restored it).
    pub outcome: &'static str,
    /// The label now.
    pub from: Option<String>,
    /// The label that it returns to; None where it is left.
    pub to: Option<String>,
    /// The run that has touched it since, where one has.
    pub newer_run: Option<String>,
}

/// The workouts of an undo, counted by what becomes of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct UndoCounts {
    /// Returned to what they were.
    pub restored: u64,
    /// Left: something newer has touched them.
    pub newer: u64,
    /// Left: a person has set them.
    pub overridden: u64,
    /// Left: they were new in the run.
    pub no_earlier: u64,
    /// Left: an earlier undo has restored them.
    pub already: u64,
}

/// What an undo did, or would do.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct UndoReport {
    /// Its own run; None for a dry run, and where there was nothing to write.
    pub run_id: Option<String>,
    /// The run that was undone.
    pub undo_of: String,
    /// Its pipeline.
    pub pipeline: String,
    /// `succeeded` or `planned`.
    pub status: &'static str,
    /// The workouts, counted.
    pub workouts: UndoCounts,
    /// From-to matrix of the restored.
    pub matrix: Vec<MatrixCell>,
    /// History rows and current rows written; for a dry run, what would be.
    pub rows_written: u64,
    /// The model that said what was undone, where it is still active: its next run says it again.
    pub still_active: Option<String>,
    /// Every workout that the run changed, by id.
    pub rows: Vec<UndoneRow>,
}

/// The workouts to restore with their earlier verdicts: chunks of one model each, ascending by workout.
pub(super) fn chunks(touched: &[Touched]) -> Vec<Vec<(&Touched, &PastVerdict)>> {
    type Group<'a> = Vec<(&'a Touched, &'a PastVerdict)>;
    let mut by_model: BTreeMap<(Option<&str>, Option<&str>), Group<'_>> = BTreeMap::new();
    for row in touched {
        if let Fate::Restored(before) = fate(row, None) {
            let model = (before.model_id.as_deref(), before.model_version.as_deref());
            by_model.entry(model).or_default().push((row, before));
        }
    }
    let groups = by_model.values();
    groups
        .flat_map(|group| group.chunks(CHUNK_ROWS).map(<[_]>::to_vec))
        .collect()
}

pub(super) fn verdict<'v>(row: &'v Touched, before: &'v PastVerdict) -> Verdict<'v> {
    let current = row.current.as_deref();
    let fallback = before.method.as_deref() == Some("era_fallback");
    Verdict {
        outcome: if current == Some(before.label.as_str()) {
            Outcome::Refreshed
        } else {
            Outcome::Changed
        },
        workout_id: &row.workout_id,
        classification_id: row.classification_id,
        previous: current,
        label: &before.label,
        confidence: before.confidence,
        same_confidence: false,
        method: before.method.as_deref(),
        source: if fallback {
            Source::EraFallback
        } else {
            Source::MlBatchUpdate
        },
        features: before
            .features
            .clone()
            .or_else(|| row.features.clone())
            .unwrap_or_else(|| "{}".to_owned()),
    }
}

/// What becomes of a workout.
enum Fate<'a> {
    Restored(&'a PastVerdict),
    Left(&'static str),
}

/// `own` is the undo that is going on: what it has written already counts as restored.
fn fate<'a>(row: &'a Touched, own: Option<&RunId>) -> Fate<'a> {
    let newer_run = row.newer.as_ref().and_then(|newer| newer.run_id.as_deref());
    let ours = own.is_some() && newer_run == own.map(RunId::as_str);
    match &row.before {
        _ if row.is_override => Fate::Left("overridden"),
        Some(before) if ours => Fate::Restored(before),
        None => Fate::Left("no_earlier"),
        Some(_) if row.newer.is_some() => Fate::Left("newer"),
        // A label that no history row explains was set behind Paceline's back: `verify` tells more.
        Some(_) if row.current.as_deref() != Some(row.left.as_str()) => Fate::Left("newer"),
        Some(before) => Fate::Restored(before),
    }
}

pub(super) async fn report(
    store: &Store,
    run: &LedgerRun,
    touched: &[Touched],
    own: Option<&RunId>,
    status: &'static str,
) -> Result<UndoReport, RunError> {
    let mut counts = UndoCounts::default();
    let mut matrix: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    let mut rows = Vec::with_capacity(touched.len());
    let mut rows_written = 0;
    let undone = format!("undo of {}", run.run_id);
    for row in touched {
        let (outcome, to) = match fate(row, own) {
            Fate::Restored(before) => ("restored", Some(before.label.as_str())),
            Fate::Left("newer") if is_undone(row, &undone) => ("already", None),
            Fate::Left(why) => (why, None),
        };
        match outcome {
            "restored" => counts.restored += 1,
            "newer" => counts.newer += 1,
            "overridden" => counts.overridden += 1,
            "already" => counts.already += 1,
            _ => counts.no_earlier += 1,
        }
        if let Some(to) = to {
            *matrix.entry((row.left.as_str(), to)).or_default() += 1;
            rows_written += 2;
        }
        rows.push(UndoneRow {
            workout_id: row.workout_id.clone(),
            outcome,
            from: if to.is_some() {
                Some(row.left.clone())
            } else {
                row.current.clone()
            },
            to: to.map(str::to_owned),
            newer_run: row.newer.as_ref().and_then(|newer| newer.run_id.clone()),
        });
    }
    let cell = |((from, to), count): (&(&str, &str), &u64)| MatrixCell {
        from: Some((*from).to_owned()),
        to: (*to).to_owned(),
        count: *count,
    };
    let active = store
        .active_model()
        .await
        .map_err(|error| RunError::store("load", error))?
        .map(|row| row.model_id);
    let speaks = |id: &String| touched.iter().any(|row| row.left_model.as_ref() == Some(id));
    Ok(UndoReport {
        run_id: own.map(ToString::to_string),
        undo_of: run.run_id.clone(),
        pipeline: run.pipeline.clone(),
        status,
        workouts: counts,
        matrix: matrix.iter().map(cell).collect(),
        rows_written,
        still_active: active.filter(|id| counts.restored > 0 && speaks(id)),
        rows,
    })
}

fn is_undone(row: &Touched, undone: &str) -> bool {
    let reason = row.newer.as_ref().and_then(|newer| newer.reason.as_deref());
    reason
        .and_then(|reason| reason.strip_prefix(undone))
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
}
