//! The history, read for replay: rows in the order in which they were sealed, and the fold of them.
//!
//! Why: `verify`, `state --as-of` and adoption must fold the same rows in the same order, or each would
//! have a truth of its own.
//!
//! Invariants: only reads; memory grows with workouts, never with the history.
//!
//! Must not know: what to do where the fold and the state differ.

use std::collections::BTreeMap;

use crate::audit::encoding::HistoryRowRef;
use crate::audit::replay::{Entry, Folded, Replay, State};
use crate::db::error::DbError;
use crate::db::statement::Statement;
use crate::db::value::{Params, Row};
use crate::sql;
use crate::time::Timestamp;

use super::findings::{Finding, Findings};
use super::{Store, StoreError};

pub(super) static HISTORY: Statement = sql!("query/verify_history");
static AS_OF: Statement = sql!("query/replay_history");

/// A row of [`HISTORY`]: the row as it is sealed, its number, and the segment that seals it.
pub(super) struct Sealed<'r> {
    pub(super) history_id: i64,
    pub(super) row: HistoryRowRef<'r>,
    /// None where no segment does.
    pub(super) place: Option<i64>,
}

/// The row as it is stored, of the first sixteen columns of [`HISTORY`].
pub(super) fn row_of<'r>(row: &'r Row<'_>) -> Result<HistoryRowRef<'r>, DbError> {
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
        segment_id: row.opt_int(15)?,
    })
}

pub(super) fn sealed_of<'r>(row: &'r Row<'_>) -> Result<Sealed<'r>, DbError> {
    Ok(Sealed {
        history_id: row.int(0)?,
        row: row_of(row)?,
        place: row.opt_int(16)?,
    })
}

fn entry_of<'r>(row: &HistoryRowRef<'r>) -> Entry<'r> {
    Entry {
        workout_id: row.workout_id,
        previous: row.previous_classification,
        new: row.new_classification,
        source: row.classification_source,
        model_id: row.model_id,
        run_id: row.run_id,
        metadata: row.metadata,
        testimony: row.segment_id.is_none(),
    }
}

/// The rows of one workout that do not follow.
struct Unjoined {
    first: Finding,
    rows: u64,
}

/// The fold, with what does not follow and what was found when rows of others were adopted.
#[derive(Default)]
pub(super) struct Fold {
    pub(super) replay: Replay,
    unjoined: BTreeMap<String, Unjoined>,
    /// What the rows that say how a workout was found differ by, and what they settled.
    pub(super) notes: Findings,
}

impl Fold {
    pub(super) fn push(&mut self, sealed: &Sealed<'_>) {
        let (workout, segment_id) = (sealed.row.workout_id, sealed.place);
        match self.replay.push(&entry_of(&sealed.row)) {
            Ok(Folded::Continued | Folded::Testimony(None)) => {}
            Ok(Folded::Testimony(Some(label))) => {
                let new = sealed.row.new_classification;
                let detail = format!("a person's label '{label}' was overwritten by others with '{new}'");
                self.notes.add("adopted_override", segment_id, Some(workout), detail);
            }
            Ok(Folded::Found(differs)) => {
                // What was found was looked at and taken over: what did not join up before is explained.
                if let Some(unjoined) = self.unjoined.remove(workout) {
                    self.notes.push(Finding {
                        kind: "adopted_joins",
                        ..unjoined.first
                    });
                }
                if let Some((kind, detail)) = differs {
                    self.notes.add(adopted(kind), segment_id, Some(workout), detail);
                }
            }
            Err(disjoint) => {
                let detail = format!("history row {}: {disjoint}", sealed.history_id);
                let unjoined = self.unjoined.entry(workout.to_owned());
                unjoined.and_modify(|u| u.rows += 1).or_insert_with(|| Unjoined {
                    first: Finding {
                        kind: "joins",
                        segment_id,
                        workout_id: Some(workout.to_owned()),
                        detail,
                    },
                    rows: 1,
                });
            }
        }
    }

    /// True where rows of the workout do not follow and nothing explains it.
    pub(super) fn is_unjoined(&self, workout_id: &str) -> bool {
        self.unjoined.contains_key(workout_id)
    }

    /// The workouts whose rows do not follow.
    pub(super) fn unjoined(&self) -> impl Iterator<Item = &str> {
        self.unjoined.keys().map(String::as_str)
    }

    /// The findings on rows that do not follow, by workout.
    pub(super) fn joins(&self) -> impl Iterator<Item = Finding> + '_ {
        self.unjoined.values().map(|u| match u.rows {
            1 => u.first.clone(),
            rows => Finding {
                detail: format!(
                    "{}; {} more rows after it do not follow either",
                    u.first.detail,
                    rows - 1
                ),
                ..u.first.clone()
            },
        })
    }
}

/// The note for a difference that was there when the workout's rows were adopted.
fn adopted(kind: &'static str) -> &'static str {
    match kind {
        "label" => "adopted_label",
        "override" => "adopted_override",
        "change_count" => "adopted_change_count",
        "label_model" => "adopted_label_model",
        "label_run" => "adopted_label_run",
        "missing_state" => "adopted_missing_state",
        "missing_history" => "adopted_missing_history",
        other => other,
    }
}

/// A row of `verify_state` or `stored_state`: the workout and its stored state.
pub(super) fn state_of(row: &Row<'_>) -> Result<(String, State), DbError> {
    let owned = |index| Ok::<_, DbError>(row.opt_text(index)?.map(str::to_owned));
    let state = State {
        label: row.text(1)?.to_owned(),
        is_override: row.opt_int(2)?.unwrap_or(0) != 0,
        change_count: row.opt_int(3)?.unwrap_or(0),
        model_id: owned(4)?,
        run_id: owned(5)?,
        testimony: false,
    };
    Ok((row.text(0)?.to_owned(), state))
}

impl Store {
    /// The classifications as they were at `as_of` (inclusive, to the microsecond), rebuilt from the history
    /// alone; of one workout, or of all.
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
                metadata: row.opt_text(6)?,
                testimony: row.opt_int(7)?.is_none(),
            };
            // A row that does not join up is `verify`'s to report; the state is what the rows say.
            let _ = replay.push(&entry);
            Ok(())
        };
        self.db.query(&AS_OF, &params, each).await?;
        Ok(replay.into_states())
    }
}
