//! The history, read for replay: rows in the order in which they were sealed, and the fold of them.
//!
//! Why: `verify`, `state --as-of` and adoption must fold the same rows in the same order, or each would
//! have a truth of its own.
//!
//! Invariants: only reads; the fold of one workout (`Line`) holds one state, that of all (`Fold`) one for
//! each workout.
//!
//! Must not know: what to do where the fold and the state differ.

use std::collections::BTreeMap;

use crate::audit::encoding::HistoryRowRef;
use crate::audit::replay::{Entry, Folded, State, StateOf, Text, fold};
use crate::db::error::DbError;
use crate::db::statement::Statement;
use crate::db::value::Row;
use crate::sql;

use super::findings::Finding;

pub(super) static HISTORY: Statement = sql!("query/sealed_history");

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

/// Where a row stands in the order of sealing.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    /// The segment that seals it; None where none does, which comes last.
    pub(super) segment_id: Option<i64>,
    pub(super) history_id: i64,
}

/// The rows of one workout that do not follow.
struct Unjoined {
    first: Finding,
    rows: u64,
}

/// The fold of one workout, with what does not follow.
pub(super) struct Line<S> {
    /// What its rows fold to, so far.
    pub(super) state: Option<StateOf<S>>,
    unjoined: Option<Unjoined>,
}

impl<S> Default for Line<S> {
    fn default() -> Self {
        Self {
            state: None,
            unjoined: None,
        }
    }
}

impl<S> Line<S> {
    /// Folds the next row in. `note` gets what the rows that say how a workout was found differ by, and what
    /// they settled.
    pub(super) fn push<'a>(&mut self, at: Place, entry: &Entry<'a>, mut note: impl FnMut(Finding))
    where
        S: Text<'a>,
    {
        let finding = |kind: &'static str, detail: String| Finding {
            kind,
            segment_id: at.segment_id,
            workout_id: Some(entry.workout_id.to_owned()),
            detail,
        };
        match fold(&mut self.state, entry) {
            Ok(Folded::Continued | Folded::Testimony(None)) => {}
            Ok(Folded::Testimony(Some(label))) => {
                let new = entry.new;
                let detail = format!("a person's label '{label}' was overwritten by others with '{new}'");
                note(finding("adopted_override", detail));
            }
            Ok(Folded::Found(differs)) => {
                // What was found was looked at and taken over: what did not join up before is explained.
                if let Some(unjoined) = self.unjoined.take() {
                    note(Finding {
                        kind: "adopted_joins",
                        ..unjoined.first
                    });
                }
                if let Some((kind, detail)) = differs {
                    note(finding(adopted(kind), detail));
                }
            }
            Err(disjoint) => match &mut self.unjoined {
                Some(unjoined) => unjoined.rows += 1,
                None => {
                    let detail = format!("history row {}: {disjoint}", at.history_id);
                    let first = finding("joins", detail);
                    self.unjoined = Some(Unjoined { first, rows: 1 });
                }
            },
        }
    }

    /// True where rows do not follow and nothing explains it.
    pub(super) fn is_unjoined(&self) -> bool {
        self.unjoined.is_some()
    }

    /// The finding on rows that do not follow.
    pub(super) fn joins(&self) -> Option<Finding> {
        let Unjoined { first, rows } = self.unjoined.as_ref()?;
        let mut finding = first.clone();
        if *rows > 1 {
            finding.detail = format!("{}; {} more rows after it do not follow either", first.detail, rows - 1);
        }
        Some(finding)
    }
}

/// The fold of every workout. Memory grows with their number.
#[derive(Default)]
pub(super) struct Fold {
    lines: BTreeMap<String, Line<String>>,
}

impl Fold {
    /// Begins with the states that archived rows have left.
    pub(super) fn begin(states: BTreeMap<String, Option<State>>) -> Self {
        let line = |(workout, state)| {
            let line = Line {
                state,
                ..Line::default()
            };
            (workout, line)
        };
        Self {
            lines: states.into_iter().map(line).collect(),
        }
    }

    pub(super) fn push(&mut self, sealed: &Sealed<'_>) {
        let at = Place {
            segment_id: sealed.place,
            history_id: sealed.history_id,
        };
        let entry = Entry::from(&sealed.row);
        match self.lines.get_mut(entry.workout_id) {
            Some(line) => line.push(at, &entry, drop),
            None => {
                let line = self.lines.entry(entry.workout_id.to_owned()).or_default();
                line.push(at, &entry, drop);
            }
        }
    }

    /// The workouts that have a folded state, or rows that do not follow.
    pub(super) fn workouts(&self) -> impl Iterator<Item = &str> {
        let told = self.lines.iter().filter(|(_, l)| l.state.is_some() || l.is_unjoined());
        told.map(|(id, _)| id.as_str())
    }

    /// What a workout's rows fold to.
    pub(super) fn state(&self, workout_id: &str) -> Option<&State> {
        self.lines.get(workout_id)?.state.as_ref()
    }

    /// True where rows of the workout do not follow and nothing explains it.
    pub(super) fn is_unjoined(&self, workout_id: &str) -> bool {
        self.lines.get(workout_id).is_some_and(Line::is_unjoined)
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

/// A row of `stored_state`: the workout and its stored state.
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
