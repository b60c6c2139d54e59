//! Verification: the chain's links, each segment's rows, and the state that the history folds to.
//!
//! Why: "the classifications are exactly what the history says" is a claim that anyone can check.
//!
//! Invariants: only reads; rows are streamed, and memory grows with workouts and segments, never with
//! the history (but for the segments that are broken, whose rows are read again to name the one); every
//! break is reported, not only the first.
//!
//! Must not know: what to do about a finding.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::audit::anchor::Anchor;
use crate::audit::chain::{self, Link, Segment};
use crate::audit::encoding::ENCODING_VERSION;
use crate::audit::leaves;
use crate::audit::merkle::Merkle;
use crate::audit::replay::{State, compare};
use crate::db::error::DbError;
use crate::db::statement::Statement;
use crate::db::value::{Params, Row};
use crate::sql;

use super::findings::{Finding, Findings};
use super::replay::{Fold, HISTORY, Sealed, sealed_of, state_of};
use super::{Store, StoreError};

static STATE: Statement = sql!("query/verify_state");
static ORPHANS: Statement = sql!("query/orphan_segments");

/// Of more broken segments than this the rows are not named: reading them all again would take memory
/// that grows with the history.
const MAX_NAMED: usize = 20;

/// What verification found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verification {
    /// True without findings.
    pub ok: bool,
    /// Segments of the chain.
    pub segments: u64,
    /// History rows.
    pub rows: u64,
    /// Those of them that others wrote and a segment adopted.
    pub adopted: u64,
    /// Workouts with a verdict.
    pub workouts: u64,
    /// The last segment; 0 before the first.
    pub segment_id: i64,
    /// The rows that the segments say they seal.
    pub sealed: u64,
    /// The chain's head.
    pub head: String,
    /// What is not as it must be; of one kind at most [`super::findings::MAX_OF_KIND`].
    pub findings: Vec<Finding>,
    /// How many there were in all.
    pub found: u64,
    /// What a reader should know and what breaks nothing, bounded as the findings are.
    pub notes: Vec<Finding>,
    /// How many there were in all.
    pub noted: u64,
    /// The chain's end.
    #[serde(skip)]
    pub end: Link,
}

/// Rows of one workout that no segment seals.
struct Unsealed {
    first: i64,
    rows: u64,
}

/// The trees over the rows as they are stored, and the fold of them.
#[derive(Default)]
struct History {
    trees: BTreeMap<i64, Merkle>,
    fold: Fold,
    rows: u64,
    adopted: BTreeMap<i64, u64>,
    unsealed: BTreeMap<String, Unsealed>,
    scratch: Vec<u8>,
}

impl History {
    fn push(&mut self, sealed: &Sealed<'_>) {
        self.rows += 1;
        self.fold.push(sealed);
        let Some(segment_id) = sealed.place else {
            let workout = self.unsealed.entry(sealed.row.workout_id.to_owned());
            workout.and_modify(|u| u.rows += 1).or_insert(Unsealed {
                first: sealed.history_id,
                rows: 1,
            });
            return;
        };
        if sealed.row.segment_id.is_none() {
            *self.adopted.entry(segment_id).or_default() += 1;
        }
        let leaf = sealed.row.leaf_hash(&mut self.scratch);
        self.trees.entry(segment_id).or_default().push(leaf);
    }

    /// What is to say of rows that are sealed by nothing, or by the segment that took them in.
    fn report(&self, stored: &BTreeMap<String, State>, findings: &mut Findings, notes: &mut Findings) {
        for (segment_id, rows) in &self.adopted {
            let detail = format!("{rows} rows that others wrote were adopted as they were found");
            notes.add("adopted_rows", Some(*segment_id), None, detail);
        }
        for (workout, Unsealed { first, rows }) in &self.unsealed {
            let mut detail = match rows {
                1 => format!("history row {first} was written by others and is sealed by no segment"),
                _ => format!("{rows} history rows from {first} on were written by others and are sealed by no segment"),
            };
            if let Some((_, differs)) = compare(stored.get(workout), self.fold.replay.states().get(workout)) {
                detail = format!("{detail}; {differs}");
            }
            findings.add("unsealed", None, Some(workout), detail);
        }
        self.fold.joins().for_each(|finding| findings.push(finding));
    }
}

/// Follows the chain and compares each segment with the rows that are stored for it. Returns the
/// segments whose rows are not what they seal.
fn check_segments(segments: &[Segment], trees: &BTreeMap<i64, Merkle>, findings: &mut Findings) -> Vec<Segment> {
    let mut link = Link::genesis();
    let (empty, mut broken) = (Merkle::new(), Vec::new());
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
            broken.push(*segment);
        }
    }
    broken
}

/// Names the segments that rows and lists know of and the chain does not.
fn check_gaps(segments: &[Segment], trees: &BTreeMap<i64, Merkle>, orphans: &[i64], findings: &mut Findings) {
    let known: BTreeSet<i64> = segments.iter().map(|s| s.segment_id).collect();
    for (segment_id, tree) in trees.iter().filter(|(id, _)| !known.contains(id)) {
        let rows = tree.len();
        let detail = format!("{rows} history rows name segment {segment_id}, which is not in the chain");
        findings.add("gap", Some(*segment_id), None, detail);
    }
    for segment_id in orphans.iter().filter(|id| !trees.contains_key(id)) {
        let detail =
            format!("the list of its leaves is there, and neither segment {segment_id} nor its rows are: it was cut");
        findings.add("gap", Some(*segment_id), None, detail);
    }
}

/// Compares the stored state with the folded one, in order of workout. Workouts with unsealed rows have
/// been told of already.
fn check_state(stored: &BTreeMap<String, State>, history: &History, findings: &mut Findings) {
    let folded = history.fold.replay.states();
    let workouts: BTreeSet<&String> = stored.keys().chain(folded.keys()).collect();
    for workout in workouts {
        if history.unsealed.contains_key(workout) {
            continue;
        }
        if let Some((kind, detail)) = compare(stored.get(workout), folded.get(workout)) {
            findings.add(kind, None, Some(workout), detail);
        }
    }
}

impl Store {
    /// Re-hashes the whole history, follows the chain, replays, and compares. `on_rows` is told how many
    /// history rows are through, now and then.
    ///
    /// # Errors
    /// [`StoreError::Db`]. What is wrong with the data is a finding, not an error.
    pub async fn verify(&self, on_rows: impl FnMut(u64) + Send) -> Result<Verification, StoreError> {
        self.verify_against(None, on_rows).await
    }

    /// As [`Store::verify`], and holds the chain against a head that was written down elsewhere.
    ///
    /// # Errors
    /// As [`Store::verify`].
    pub async fn verify_against(
        &self,
        anchor: Option<&Anchor>,
        mut on_rows: impl FnMut(u64) + Send,
    ) -> Result<Verification, StoreError> {
        let mut history = History::default();
        let segments = self.segments().await?;
        let each = |row: &Row<'_>| {
            history.push(&sealed_of(row)?);
            if history.rows.is_multiple_of(4_096) {
                on_rows(history.rows);
            }
            Ok(())
        };
        self.db.query(&HISTORY, &Params::none(), each).await?;
        let stored = self.stored_states().await?;
        let orphans = self.orphan_segments().await?;

        let mut findings = Findings::default();
        let broken = check_segments(&segments, &history.trees, &mut findings);
        check_gaps(&segments, &history.trees, &orphans, &mut findings);
        self.name_rows(&broken, &mut findings).await?;
        if let Some(Err(error)) = anchor.map(|anchor| anchor.check(&segments)) {
            findings.add(error.kind(), Some(error.segment_id()), None, error.to_string());
        }
        let mut notes = Findings::default();
        history.report(&stored, &mut findings, &mut notes);
        check_state(&stored, &history, &mut findings);
        let of_fold = std::mem::take(&mut history.fold.notes);
        let noted = notes.count + of_fold.count;
        notes.listed.extend(of_fold.listed);
        let end = segments.last().map_or_else(Link::genesis, Segment::link);
        Ok(Verification {
            ok: findings.count == 0,
            segments: segments.len() as u64,
            rows: history.rows,
            adopted: history.adopted.values().sum(),
            workouts: stored.len() as u64,
            segment_id: end.segment_id,
            sealed: segments.iter().fold(0, |rows, s| rows.saturating_add(s.row_count)),
            head: end.head.to_string(),
            findings: findings.listed,
            found: findings.count,
            notes: notes.listed,
            noted,
            end,
        })
    }

    /// Names the rows of broken segments, where the segment's list of leaves is there to tell.
    async fn name_rows(&self, broken: &[Segment], findings: &mut Findings) -> Result<(), StoreError> {
        for segment in broken.iter().take(MAX_NAMED) {
            let segment_id = segment.segment_id;
            let sealed = self.segment_leaves(segment_id).await?;
            if !leaves::is_sealed(&sealed, &segment.merkle_root) {
                continue;
            }
            for row in leaves::breaks(&sealed, &self.stored_leaves(segment_id).await?) {
                findings.add(row.kind(), Some(segment_id), Some(row.workout_id()), row.detail());
            }
        }
        Ok(())
    }

    async fn stored_states(&self) -> Result<BTreeMap<String, State>, StoreError> {
        let mut stored = BTreeMap::new();
        let each = |row: &Row<'_>| {
            let (id, state) = state_of(row)?;
            stored.insert(id, state);
            Ok::<_, DbError>(())
        };
        self.db.query(&STATE, &Params::none(), each).await?;
        Ok(stored)
    }

    async fn orphan_segments(&self) -> Result<Vec<i64>, StoreError> {
        let mut orphans = Vec::new();
        let each = |row: &Row<'_>| {
            orphans.push(row.int(0)?);
            Ok(())
        };
        self.db.query(&ORPHANS, &Params::none(), each).await?;
        Ok(orphans)
    }
}
