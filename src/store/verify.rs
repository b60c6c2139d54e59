//! Verification: the chain's links, each segment's rows, and the state that the history folds to.
//!
//! Why: "the classifications are exactly what the history says" is a claim that anyone can check.
//!
//! Invariants: only reads; rows are streamed, and memory grows with workouts and segments, never with
//! the history; every break is reported, not only the first (bounded by [`MAX_FINDINGS`]).
//!
//! Must not know: what to do about a finding.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::audit::chain::{self, Link, Segment};
use crate::audit::encoding::{ENCODING_VERSION, HistoryRowRef};
use crate::audit::merkle::Merkle;
use crate::audit::replay::{Entry, Replay, State, difference};
use crate::db::error::DbError;
use crate::db::statement::Statement;
use crate::db::value::{Params, Row};
use crate::sql;
use crate::time::Timestamp;

use super::{Store, StoreError};

static SEGMENTS: Statement = sql!("query/verify_segments");
static HISTORY: Statement = sql!("query/verify_history");
static REPLAY: Statement = sql!("query/replay_history");
static STATE: Statement = sql!("query/verify_state");

/// More findings than this are counted and not listed: a table that was overwritten breaks every row.
pub const MAX_FINDINGS: usize = 1_000;

/// One thing that is not as it must be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// `gap`, `broken`, `head`, `version`, `count`, `root`; `unsealed`, `joins`; `label`, `override`,
    /// `change_count`, `label_model`, `label_run`, `missing_state`, `missing_history`.
    pub kind: &'static str,
    /// The segment, where it is about one.
    pub segment_id: Option<i64>,
    /// The workout, where it is about one.
    pub workout_id: Option<String>,
    /// A sentence.
    pub detail: String,
}

/// What verification found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verification {
    /// True without findings.
    pub ok: bool,
    /// Segments of the chain.
    pub segments: u64,
    /// History rows.
    pub rows: u64,
    /// Workouts with a verdict.
    pub workouts: u64,
    /// The chain's head.
    pub head: String,
    /// What is not as it must be, at most [`MAX_FINDINGS`].
    pub findings: Vec<Finding>,
    /// How many there were in all.
    pub found: u64,
}

#[derive(Default)]
struct Findings {
    listed: Vec<Finding>,
    count: u64,
}

impl Findings {
    fn add(&mut self, kind: &'static str, segment_id: Option<i64>, workout_id: Option<&str>, detail: String) {
        self.count += 1;
        if self.listed.len() < MAX_FINDINGS {
            let workout_id = workout_id.map(str::to_owned);
            self.listed.push(Finding {
                kind,
                segment_id,
                workout_id,
                detail,
            });
        }
    }
}

/// The trees over the rows as they are stored, and the fold of them.
#[derive(Default)]
struct History {
    trees: BTreeMap<i64, Merkle>,
    replay: Replay,
    rows: u64,
    scratch: Vec<u8>,
}

impl History {
    fn push(&mut self, row: &Row<'_>, findings: &mut Findings) -> Result<(), DbError> {
        self.rows += 1;
        let segment_id = row.opt_int(15)?;
        let entry = Entry {
            workout_id: row.text(1)?,
            previous: row.opt_text(2)?,
            new: row.text(3)?,
            source: row.text(4)?,
            model_id: row.opt_text(7)?,
            run_id: row.opt_text(14)?,
        };
        if let Err(disjoint) = self.replay.push(&entry) {
            findings.add("joins", segment_id, Some(entry.workout_id), disjoint.to_string());
        }
        let Some(segment_id) = segment_id else {
            let detail = format!(
                "history row {} was written by another tool and is sealed by no segment",
                row.int(0)?
            );
            findings.add("unsealed", None, Some(entry.workout_id), detail);
            return Ok(());
        };
        let leaf = sealed_row(row, segment_id)?.leaf_hash(&mut self.scratch);
        self.trees.entry(segment_id).or_default().push(leaf);
        Ok(())
    }
}

fn sealed_row<'r>(row: &'r Row<'_>, segment_id: i64) -> Result<HistoryRowRef<'r>, DbError> {
    Ok(HistoryRowRef {
        workout_id: row.text(1)?,
        previous_classification: row.opt_text(2)?,
        new_classification: row.text(3)?,
        classification_source: row.text(4)?,
        classification_confidence: row.opt_real(5)?,
        classification_method: row.opt_text(6)?,
        model_id: row.opt_text(7)?,
        model_version: row.opt_text(8)?,
        changed_by: row.text(9)?,
        changed_at: row.instant(10)?,
        reason: row.opt_text(11)?,
        features_used: row.opt_text(12)?,
        metadata: row.opt_text(13)?,
        run_id: row.opt_text(14)?,
        segment_id,
    })
}

fn segment_of(row: &Row<'_>) -> Result<Segment, DbError> {
    let hash = |index: usize| {
        let text = row.text(index)?;
        text.parse().map_err(|_| DbError::Decode {
            column: format!("audit_segments column {index}"),
            expected: "SHA-256 in hexadecimal",
            found: text.to_owned(),
        })
    };
    Ok(Segment {
        segment_id: row.int(0)?,
        row_count: row.int(1)?.max(0) as u64,
        merkle_root: hash(2)?,
        prev_head: hash(3)?,
        head: hash(4)?,
        // A version that is no u32 is no version of ours: 0 never was one.
        encoding_version: u32::try_from(row.int(5)?).unwrap_or(0),
    })
}

fn state_of(row: &Row<'_>) -> Result<(String, State), DbError> {
    let state = State {
        label: row.text(1)?.to_owned(),
        is_override: row.opt_int(2)?.unwrap_or(0) != 0,
        change_count: row.opt_int(3)?.unwrap_or(0),
        model_id: row.opt_string(4)?,
        run_id: row.opt_string(5)?,
    };
    Ok((row.text(0)?.to_owned(), state))
}

/// Follows the chain and compares each segment with the rows that are stored for it.
fn check_segments(segments: &[Segment], trees: &BTreeMap<i64, Merkle>, findings: &mut Findings) -> Link {
    let mut link = Link::genesis();
    let empty = Merkle::new();
    for segment in segments {
        if let Err(error) = chain::check_link(&link, segment) {
            findings.add(error.kind(), Some(error.segment_id()), None, error.to_string());
        }
        link = segment.link();
        // Rows of another encoding cannot be re-hashed; the link above has said so.
        if segment.encoding_version == ENCODING_VERSION
            && let Err(error) = chain::check_rows(segment, trees.get(&segment.segment_id).unwrap_or(&empty))
        {
            findings.add(error.kind(), Some(error.segment_id()), None, error.to_string());
        }
    }
    let known: std::collections::BTreeSet<i64> = segments.iter().map(|s| s.segment_id).collect();
    for (segment_id, tree) in trees.iter().filter(|(id, _)| !known.contains(id)) {
        let detail = format!(
            "{} history rows name segment {segment_id}, which is not in the chain",
            tree.len()
        );
        findings.add("gap", Some(*segment_id), None, detail);
    }
    link
}

/// Compares the stored state with the folded one, both in order of workout.
fn check_state(stored: &BTreeMap<String, State>, folded: &BTreeMap<String, State>, findings: &mut Findings) {
    for (id, state) in stored {
        match folded.get(id) {
            None => {
                let detail = format!("it is {} and the history has never heard of it", state.label);
                findings.add("missing_history", None, Some(id), detail);
            }
            Some(expected) => {
                if let Some((kind, detail)) = difference(state, expected) {
                    findings.add(kind, None, Some(id), detail);
                }
            }
        }
    }
    for (id, state) in folded.iter().filter(|(id, _)| !stored.contains_key(*id)) {
        let detail = format!("the history says {}, and there is no current row", state.label);
        findings.add("missing_state", None, Some(id), detail);
    }
}

impl Store {
    /// The classifications as they were at `as_of` (inclusive), rebuilt from the history alone; of one
    /// workout, or of all.
    ///
    /// # Errors
    /// [`StoreError::Db`].
    pub async fn state_as_of(
        &self,
        as_of: Timestamp,
        workout_id: Option<&str>,
    ) -> Result<BTreeMap<String, State>, StoreError> {
        let mut replay = Replay::default();
        let params = Params::none().with("as_of", as_of).with("workout_id", workout_id);
        let each = |row: &Row<'_>| {
            let entry = Entry {
                workout_id: row.text(0)?,
                previous: row.opt_text(1)?,
                new: row.text(2)?,
                source: row.text(3)?,
                model_id: row.opt_text(4)?,
                run_id: row.opt_text(5)?,
            };
            // A row that does not join up is `verify`'s to report; the state is what the rows say.
            let _ = replay.push(&entry);
            Ok(())
        };
        self.db.query(&REPLAY, &params, each).await?;
        Ok(replay.into_states())
    }

    /// Re-hashes the whole history, follows the chain, replays, and compares. `on_rows` is told how many
    /// history rows are through, now and then.
    ///
    /// # Errors
    /// [`StoreError::Db`]. What is wrong with the data is a finding, not an error.
    pub async fn verify(&self, mut on_rows: impl FnMut(u64) + Send) -> Result<Verification, StoreError> {
        let mut findings = Findings::default();
        let mut history = History::default();
        let mut stored = BTreeMap::new();
        let segments = self.rows(&SEGMENTS, &Params::none(), segment_of).await?;
        let each = |row: &Row<'_>| {
            history.push(row, &mut findings)?;
            if history.rows.is_multiple_of(4_096) {
                on_rows(history.rows);
            }
            Ok(())
        };
        self.db.query(&HISTORY, &Params::none(), each).await?;
        let each = |row: &Row<'_>| {
            let (id, state) = state_of(row)?;
            stored.insert(id, state);
            Ok(())
        };
        self.db.query(&STATE, &Params::none(), each).await?;
        let head = check_segments(&segments, &history.trees, &mut findings).head;
        check_state(&stored, history.replay.states(), &mut findings);
        Ok(Verification {
            ok: findings.count == 0,
            segments: segments.len() as u64,
            rows: history.rows,
            workouts: stored.len() as u64,
            head: head.to_string(),
            findings: findings.listed,
            found: findings.count,
        })
    }
}
