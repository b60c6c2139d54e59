//! Adoption: history rows that others wrote are sealed as they are, and the state beside them with them.
//!
//! Why: an older tool goes on writing to the same tables, and the promise must hold all the same: from
//! the moment of adoption on, whatever changes is found.
//!
//! How: one transaction writes a segment over the rows that no segment seals (which rows these are stands
//! in `audit_adopted`, because the history refuses UPDATE), and behind it a segment of our own with a row
//! for each workout whose current row is not what the history now folds to. Such a row says what was
//! found ([`FoundState`]), and replay takes it over.
//!
//! Invariants: a row is adopted once; nothing of others is changed; the head is read before the rows and
//! the state, so a write of ours that comes between makes the adoption collide. A current row that others
//! changed without a word in the history is not taken over, unless [`Scope::Everything`] asks for it or
//! nothing was ever sealed: that is what tampering looks like.
//!
//! Must not know: who the others are.

use std::collections::{BTreeMap, BTreeSet};

use crate::audit::adopted::{FoundState, Range, ranges};
use crate::audit::chain::{Link, Sealer};
use crate::audit::encoding::HistoryRow;
use crate::audit::leaves::Leaf;
use crate::audit::replay::{State, compare};
use crate::db::error::DbError;
use crate::db::statement::{Batch, Insert, Statement, Transaction};
use crate::db::value::{Params, Row};
use crate::sql;
use crate::time::Timestamp;

use super::chain::SealedSegment;
use super::replay::{Fold, HISTORY, sealed_of, state_of};
use super::write::INSERT_HISTORY;
use super::{Store, StoreError};

static COUNT: Statement = sql!("query/unsealed_count");
static STATE: Statement = sql!("query/stored_state");

static INSERT_ADOPTED: Insert = Insert {
    table: "audit_adopted",
    columns: &["first_history_id", "last_history_id", "segment_id"],
    mysql_tail: "",
    sqlite_tail: "",
};

/// Why a row that says how a workout was found was written.
const REASON: &str = "as it was found when rows of others were adopted";

/// Of which workouts the current row is taken over as it is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Of those with rows that are adopted now; of all, where nothing has ever been sealed.
    Openly,
    /// Of all that differ from the history.
    Everything,
}

/// What was adopted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adoption {
    /// History rows of others.
    pub rows: u64,
    /// The segment that seals them; None where there were none.
    pub segment_id: Option<i64>,
    /// Workouts whose current row was taken over as it was found.
    pub states: u64,
    /// The chain's end.
    pub head: Link,
}

/// The columns of a current row that the row about it repeats.
#[derive(Default)]
struct Said {
    source: String,
    confidence: Option<f64>,
    method: Option<String>,
    model_id: Option<String>,
    model_version: Option<String>,
}

fn said_of(row: &Row<'_>) -> Result<Said, DbError> {
    let owned = |index| Ok::<_, DbError>(row.opt_text(index)?.map(str::to_owned));
    Ok(Said {
        source: row.text(6)?.to_owned(),
        confidence: row.opt_real(7)?,
        method: owned(8)?,
        model_id: owned(9)?,
        model_version: owned(10)?,
    })
}

/// What was read: the rows to adopt, sealed, and the fold of everything.
struct Gathered {
    sealer: Sealer,
    leaves: Vec<Leaf>,
    ids: Vec<i64>,
    touched: BTreeSet<String>,
    fold: Fold,
}

impl Gathered {
    fn push(&mut self, row: &Row<'_>) -> Result<(), DbError> {
        let sealed = sealed_of(row)?;
        self.fold.push(&sealed);
        if sealed.place.is_none() {
            self.ids.push(sealed.history_id);
            self.touched.insert(sealed.row.workout_id.to_owned());
            self.leaves.push(Leaf {
                hash: self.sealer.push_adopted(sealed.row),
                workout_id: sealed.row.workout_id.to_owned(),
            });
        }
        Ok(())
    }
}

/// The row of ours on a workout whose state is not what the history folds to.
fn found_row(workout: &str, stored: Option<&(State, Said)>, folded: Option<&State>, now: Timestamp) -> HistoryRow {
    let found = match stored {
        Some((state, _)) => FoundState {
            present: true,
            is_user_override: state.is_override,
            classification_change_count: state.change_count,
            label_model_id: state.model_id.clone(),
            run_id: state.run_id.clone(),
        },
        None => FoundState {
            present: false,
            is_user_override: false,
            classification_change_count: 0,
            label_model_id: None,
            run_id: None,
        },
    };
    let label = |state: &State| state.label.clone();
    let absent = Said {
        source: crate::vocab::Source::MlBatchUpdate.as_str().to_owned(),
        ..Said::default()
    };
    let said = stored.map_or(&absent, |(_, said)| said);
    HistoryRow {
        workout_id: workout.to_owned(),
        previous_classification: folded.map(label),
        new_classification: stored.map(|(state, _)| state).or(folded).map(label).unwrap_or_default(),
        classification_source: said.source.clone(),
        classification_confidence: said.confidence,
        classification_method: said.method.clone(),
        model_id: said.model_id.clone(),
        model_version: said.model_version.clone(),
        changed_by: "system".to_owned(),
        changed_at: now,
        reason: Some(REASON.to_owned()),
        features_used: None,
        metadata: Some(found.metadata()),
        run_id: None,
        segment_id: None,
    }
}

/// The rows of ours that are needed, by workout.
fn found_rows(
    gathered: &Gathered,
    stored: &BTreeMap<String, (State, Said)>,
    everything: bool,
    now: Timestamp,
) -> Vec<HistoryRow> {
    let fold = &gathered.fold;
    let workouts: BTreeSet<&str> = if everything {
        stored.keys().map(String::as_str).chain(fold.workouts()).collect()
    } else {
        gathered.touched.iter().map(String::as_str).collect()
    };
    let differs = |workout: &&str| {
        let state = stored.get(*workout).map(|(state, _)| state);
        fold.is_unjoined(workout) || compare(state, fold.state(workout)).is_some()
    };
    let row = |workout: &str| found_row(workout, stored.get(workout), fold.state(workout), now);
    workouts.into_iter().filter(differs).map(row).collect()
}

fn adopted_batch(ranges: &[Range], segment_id: i64) -> Batch {
    Batch::new(ranges.len())
        .each(ranges.iter().map(|r| r.first))
        .each(ranges.iter().map(|r| r.last))
        .same(segment_id)
}

fn history_batch(rows: &[HistoryRow], segment_id: i64) -> Batch {
    Batch::new(rows.len())
        .each(rows.iter().map(|r| r.workout_id.as_str()))
        .each(rows.iter().map(|r| r.previous_classification.as_deref()))
        .each(rows.iter().map(|r| r.new_classification.as_str()))
        .each(rows.iter().map(|r| r.classification_source.as_str()))
        .each(rows.iter().map(|r| r.classification_confidence))
        .each(rows.iter().map(|r| r.classification_method.as_deref()))
        .each(rows.iter().map(|r| r.model_id.as_deref()))
        .each(rows.iter().map(|r| r.model_version.as_deref()))
        .each(rows.iter().map(|r| r.changed_by.as_str()))
        .each(rows.iter().map(|r| r.changed_at))
        .each(rows.iter().map(|r| r.reason.as_deref()))
        .each(rows.iter().map(|r| r.features_used.as_deref()))
        .each(rows.iter().map(|r| r.metadata.as_deref()))
        .each(rows.iter().map(|r| r.run_id.as_deref()))
        .same(segment_id)
}

impl Store {
    /// True where [`Store::adopt`] in scope [`Scope::Openly`] may have something to do. Costs two counts over
    /// an index, not a replay.
    ///
    /// # Errors
    /// [`StoreError::Db`].
    pub async fn may_adopt(&self) -> Result<bool, StoreError> {
        // Nothing was ever sealed: what is there, if anything, is others'.
        if self.chain_head().await?.segment_id == 0 {
            return Ok(true);
        }
        let mut pending = false;
        let each = |row: &Row<'_>| {
            pending = row.int(0)? != row.int(1)?;
            Ok(())
        };
        self.db.query(&COUNT, &Params::none(), each).await?;
        Ok(pending)
    }

    /// Seals what others wrote, in one transaction; None where there was nothing to seal. Replays the whole
    /// history.
    ///
    /// # Errors
    /// [`StoreError::Db`]; a conflict where another writer came between. Nothing is written then.
    pub async fn adopt(&self, scope: Scope, now: Timestamp) -> Result<Option<Adoption>, StoreError> {
        let head = self.chain_head().await?;
        let covered = self.archives().await?.covered();
        let mut gathered = Gathered {
            sealer: Sealer::new(&head),
            leaves: Vec::new(),
            ids: Vec::new(),
            touched: BTreeSet::new(),
            // What is archived was sealed long ago, and is folded already.
            fold: Fold::begin(self.states_at(covered, None).await?),
        };
        self.db
            .query(&HISTORY, &Params::none().with("first", covered + 1), |row| {
                gathered.push(row)
            })
            .await?;
        let mut stored = BTreeMap::new();
        let each = |row: &Row<'_>| {
            let (id, state) = state_of(row)?;
            stored.insert(id, (state, said_of(row)?));
            Ok(())
        };
        self.db.query(&STATE, &Params::none(), each).await?;
        let everything = scope == Scope::Everything || head.segment_id == 0;
        let found = found_rows(&gathered, &stored, everything, now);
        self.write_adoption(head, gathered, &found, now).await
    }

    async fn write_adoption(
        &self,
        head: Link,
        gathered: Gathered,
        found: &[HistoryRow],
        now: Timestamp,
    ) -> Result<Option<Adoption>, StoreError> {
        let mut transaction = Transaction::new("adopt rows of others");
        let (mut end, mut segment_id) = (head, None);
        let rows = gathered.ids.len() as u64;
        if rows > 0 {
            let sealed = SealedSegment {
                segment: gathered.sealer.finish(),
                leaves: gathered.leaves,
            };
            end = sealed.segment.link();
            segment_id = Some(end.segment_id);
            transaction = sealed
                .write(transaction, None, now)
                .insert_many(&INSERT_ADOPTED, adopted_batch(&ranges(gathered.ids), end.segment_id));
        }
        if !found.is_empty() {
            let sealed = SealedSegment::of(&end, found.iter().map(HistoryRow::borrowed));
            end = sealed.segment.link();
            transaction = sealed
                .write(transaction, None, now)
                .insert_many(&INSERT_HISTORY, history_batch(found, end.segment_id));
        }
        if transaction.steps.is_empty() {
            return Ok(None);
        }
        self.transact_sealed(transaction, &end).await?;
        Ok(Some(Adoption {
            rows,
            segment_id,
            states: found.len() as u64,
            head: end,
        }))
    }
}
