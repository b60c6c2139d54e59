//! `prove`: history rows of a workout with the proof that they are in the chain, to be checked elsewhere.

use std::fmt::Write as _;

use anyhow::Result;
use clap::Args;
use serde::Serialize;

use crate::app::{Access, App};
use crate::audit::chain::{Link, Segment};
use crate::pipeline::{Kind, RunError};
use crate::store::segments::{ProveError, ProvedRow};

use super::archive::FilesArgs;
use super::output::{Output, count, one, text};

/// The `format` of the document.
const FORMAT: &str = "paceline proof 1";

/// `paceline prove`.
#[derive(Debug, Args)]
pub struct ProveArgs {
    /// The workout: its id, as `paceline classifications` lists it.
    workout_id: String,
    /// Only this history row of it: a history_id of `paceline history ID --output json`.
    #[arg(long, value_name = "N")]
    history_id: Option<i64>,
    #[command(flatten)]
    files: FilesArgs,
}

#[derive(Debug, Serialize)]
struct SegmentJson {
    segment_id: i64,
    row_count: u64,
    encoding_version: u32,
    merkle_root: String,
    prev_head: String,
    head: String,
}

#[derive(Debug, Serialize)]
struct RowJson {
    workout_id: String,
    previous_classification: Option<String>,
    new_classification: String,
    classification_source: String,
    classification_confidence: Option<f64>,
    changed_by: String,
    changed_at: String,
}

#[derive(Debug, Serialize)]
struct ProofJson {
    history_id: i64,
    row: RowJson,
    leaf: String,
    leaf_index: u64,
    tree_size: u64,
    audit_path: Vec<String>,
    merkle_root: String,
    segment: SegmentJson,
}

#[derive(Debug, Serialize)]
struct ProveJson {
    format: &'static str,
    workout_id: String,
    head: String,
    proofs: Vec<ProofJson>,
    links: Vec<SegmentJson>,
    unsealed: usize,
}

impl From<&Segment> for SegmentJson {
    fn from(segment: &Segment) -> Self {
        Self {
            segment_id: segment.segment_id,
            row_count: segment.row_count,
            encoding_version: segment.encoding_version,
            merkle_root: segment.merkle_root.to_string(),
            prev_head: segment.prev_head.to_string(),
            head: segment.head.to_string(),
        }
    }
}

impl From<&ProvedRow> for ProofJson {
    fn from(proved: &ProvedRow) -> Self {
        let (row, proof) = (&proved.row, &proved.proof);
        Self {
            history_id: proved.history_id,
            row: RowJson {
                workout_id: row.workout_id.clone(),
                previous_classification: row.previous_classification.clone(),
                new_classification: row.new_classification.clone(),
                classification_source: row.classification_source.clone(),
                classification_confidence: row.classification_confidence,
                changed_by: row.changed_by.clone(),
                changed_at: row.changed_at.to_string(),
            },
            leaf: proof.leaf.iter().map(|byte| format!("{byte:02x}")).collect(),
            leaf_index: proof.leaf_index,
            tree_size: proof.tree_size,
            audit_path: proof.audit_path.iter().map(ToString::to_string).collect(),
            merkle_root: proof.segment.merkle_root.to_string(),
            segment: SegmentJson::from(&proof.segment),
        }
    }
}

/// Prints the proofs.
pub async fn prove(app: &App, args: &ProveArgs, output: Output) -> Result<()> {
    let store = app.store(Access::Read).await?;
    let shelf = args.files.shelf();
    let proved = store
        .prove(&args.workout_id, args.history_id, Some(shelf.as_ref()))
        .await;
    let proved = proved.map_err(|error| match error {
        ProveError::Store(error) => RunError::store("prove", error),
        broken @ ProveError::Broken { .. } => {
            let hint = "what was changed cannot be proved; `paceline verify` says what is";
            RunError::new("prove", Kind::Data, broken, hint)
        }
    })?;
    if proved.rows.is_empty() {
        return Err(nothing(args, proved.unsealed).into());
    }
    let end = proved.segments.last().map_or_else(Link::genesis, Segment::link);
    let earliest = proved.rows.iter().map(|row| row.proof.segment.segment_id).min();
    let later: Vec<Segment> = proved
        .segments
        .iter()
        .filter(|s| Some(s.segment_id) > earliest)
        .copied()
        .collect();
    // Checked as the reader will check it: a proof that does not hold must not leave the house.
    for row in &proved.rows {
        let own: Vec<Segment> = later
            .iter()
            .filter(|s| s.segment_id > row.proof.segment.segment_id)
            .copied()
            .collect();
        row.proof.check(&own, &end.head).map_err(|error| {
            let what = format!("history row {}: {error}", row.history_id);
            RunError::new("prove", Kind::Data, what, "`paceline verify` says what does not hold")
        })?;
    }
    let value = ProveJson {
        format: FORMAT,
        workout_id: args.workout_id.clone(),
        head: end.head.to_string(),
        proofs: proved.rows.iter().map(ProofJson::from).collect(),
        links: later.iter().map(SegmentJson::from).collect(),
        unsealed: proved.unsealed,
    };
    one(&value, || page(&value), output)
}

fn nothing(args: &ProveArgs, unsealed: usize) -> RunError {
    let id = &args.workout_id;
    if unsealed > 0 {
        let what = format!("{unsealed} rows on workout {id} were written by others and no segment seals them yet");
        let hint = "the next run adopts them, or `paceline migrate` does now";
        return RunError::new("prove", Kind::Data, what, hint);
    }
    let what = match args.history_id {
        Some(row) => format!("workout {id} has no history row {row}"),
        None => format!("workout {id} has no history"),
    };
    RunError::new(
        "prove",
        Kind::Data,
        what,
        "`paceline history WORKOUT_ID` lists the rows of a workout",
    )
}

fn page(value: &ProveJson) -> String {
    let mut page = format!("Workout {}\n", value.workout_id);
    for p in &value.proofs {
        let from = text(p.row.previous_classification.as_deref());
        let _ = writeln!(
            page,
            "Row {}  {}  {from} -> {}  by {}",
            p.history_id, p.row.changed_at, p.row.new_classification, p.row.changed_by
        );
        let _ = writeln!(
            page,
            "    row {} of {} in segment {}, root {}",
            count(p.leaf_index + 1),
            count(p.tree_size),
            p.segment.segment_id,
            p.merkle_root
        );
        for hash in &p.audit_path {
            let _ = writeln!(page, "    beside {hash}");
        }
    }
    if value.unsealed > 0 {
        let _ = writeln!(
            page,
            "{} more rows were written by others and are not sealed yet",
            value.unsealed
        );
    }
    let _ = writeln!(page, "Links {} to the head", count(value.links.len() as u64));
    let _ = writeln!(page, "Head  {}", value.head);
    page.push_str("`--output json` gives the proof whole; docs/check_proof.py checks it without Paceline.");
    page
}
