//! Labels that stand in an imported file, recorded as `csv_import`.
//!
//! Why: a file that was labelled elsewhere says something about a workout before any model does.
//!
//! Invariants: only a workout without any verdict takes one; the label goes into the history and the
//! current state in one transaction, so replay holds.
//!
//! Must not know: how files are read.

use std::collections::HashSet;

use crate::ingest::Accepted;
use crate::stage::diff::Outcome;
use crate::store::Store;
use crate::store::write::{Verdict, VerdictChunk};
use crate::vocab::{Label, Source, UnknownWord};

use super::{Ambient, RETRIES, RunError, adopt, retrying};

/// A workout and the label its file gives it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ImportedLabel<'a> {
    accepted: &'a Accepted,
    /// None where the word is no label.
    label: Option<Label>,
}

impl<'a> ImportedLabel<'a> {
    /// The label of a row, None where its file gives it none (blank).
    pub fn of(accepted: &'a Accepted) -> Option<Self> {
        let word = accepted
            .label
            .as_deref()
            .map(str::trim)
            .filter(|word| !word.is_empty())?;
        Some(Self {
            accepted,
            label: parse(word).ok(),
        })
    }
}

/// Our four words, and the two everyday ones that other tools use.
pub(super) fn parse(word: &str) -> Result<Label, UnknownWord> {
    match word.to_lowercase().as_str() {
        "run" => Ok(Label::RealRun),
        "walk" => Ok(Label::PupWalk),
        other => other.parse(),
    }
}

/// Records the labels of workouts that have no verdict yet; returns how many.
///
/// # Errors
/// [`RunError`] of the store.
pub async fn record_labels(
    store: &Store,
    file: &str,
    labels: &[ImportedLabel<'_>],
    ambient: &Ambient,
) -> Result<u64, RunError> {
    retrying(RETRIES, || try_record(store, file, labels, ambient)).await
}

async fn try_record(
    store: &Store,
    file: &str,
    labels: &[ImportedLabel<'_>],
    ambient: &Ambient,
) -> Result<u64, RunError> {
    let fail = |e| RunError::store("record labels", e);
    adopt::before_writing(store, ambient).await?;
    // The head goes first: a verdict that comes between makes the write below collide.
    let head = store.chain_head().await.map_err(fail)?;
    let ids: Vec<&str> = labels.iter().map(|l| l.accepted.workout.id.as_str()).collect();
    let classified: HashSet<String> = store
        .already_classified(&ids)
        .await
        .map_err(fail)?
        .into_iter()
        .collect();
    let mut verdicts: Vec<Verdict<'_>> = labels
        .iter()
        .filter(|l| !classified.contains(&l.accepted.workout.id))
        .filter_map(|l| Some(verdict(l.accepted, l.label?)))
        .collect();
    verdicts.sort_by(|a, b| a.workout_id.cmp(b.workout_id));
    if verdicts.is_empty() {
        return Ok(0);
    }
    let recorded = verdicts.len() as u64;
    let chunk = VerdictChunk {
        run: None,
        model: None,
        changed_by: "system",
        reason: &format!("label in {file}"),
        now: ambient.now(),
        log_refreshed: false,
        verdicts,
    };
    store.write_verdicts(&chunk, &head).await.map_err(fail)?;
    Ok(recorded)
}

fn verdict(accepted: &Accepted, label: Label) -> Verdict<'_> {
    let w = &accepted.workout;
    let features = serde_json::json!({
        "avg_pace": w.avg_pace,
        "distance_mi": w.distance_mi,
        "duration_sec": w.duration_sec,
    });
    Verdict {
        outcome: Outcome::New,
        workout_id: &w.id,
        classification_id: None,
        previous: None,
        label: label.as_str(),
        confidence: None,
        same_confidence: false,
        method: None,
        source: Source::CsvImport,
        features: features.to_string(),
    }
}
