//! The stage that compares the stored state with a model's predictions.
//!
//! Why: a nightly run writes what changed and nothing else; the same comparison, unwritten, is the
//! plan a person reads before a run.
//!
//! Invariants: an overridden workout is never `new` or `changed`; comparisons are NULL-safe and
//! compare confidences by their bits; the changes are in ascending order of workout. A workout that
//! is stored but not predicted is left alone and not counted.
//!
//! Must not know: how a change is written, and how many are too many.

use std::cmp::Ordering;

use polars::prelude::*;
use serde::Serialize;

use super::columns::{Memo, Texts};
use super::frame::{Classifications, Frame, Predictions};

/// What becomes of one workout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Never classified before.
    New,
    /// Another label than the stored one.
    Changed,
    /// The same label from another model or with another confidence.
    Refreshed,
    /// A person's label stands.
    Protected,
    /// The same label, model and confidence.
    Unchanged,
}

impl Outcome {
    /// The word as printed.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Changed => "changed",
            Self::Refreshed => "refreshed",
            Self::Protected => "protected",
            Self::Unchanged => "unchanged",
        }
    }
}

/// A row that needs a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    /// `New`, `Changed`, `Refreshed`, or `Protected` where `original_ml_classification` differs.
    pub outcome: Outcome,
    /// The row in the predictions, from 0.
    pub prediction: u32,
    /// The row in the classifications, from 0; absent for `New`.
    pub current: Option<u32>,
}

/// How many predicted workouts had each outcome; together all of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Never classified before.
    pub new: u64,
    /// Another label.
    pub changed: u64,
    /// Another model or confidence.
    pub refreshed: u64,
    /// Overridden, whether or not there is something to record.
    pub protected: u64,
    /// Nothing to write.
    pub unchanged: u64,
}

impl Counts {
    fn add(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::New => self.new += 1,
            Outcome::Changed => self.changed += 1,
            Outcome::Refreshed => self.refreshed += 1,
            Outcome::Protected => self.protected += 1,
            Outcome::Unchanged => self.unchanged += 1,
        }
    }
}

/// How many workouts went from one label to another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Transition {
    /// The stored label; absent for new workouts.
    pub from: Option<String>,
    /// The predicted one.
    pub to: String,
    /// Workouts; at least 1.
    pub count: u64,
}

/// What [`diff`] returns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeSet {
    /// The rows that need a write, ascending by workout.
    pub changes: Vec<Change>,
    /// Every predicted workout by its outcome.
    pub counts: Counts,
    /// The new and changed ones by label, sorted by `from` (new first), then `to`.
    pub matrix: Vec<Transition>,
}

impl ChangeSet {
    /// Changed workouts as a share of those predicted that were classified before and are not
    /// overridden; 0 when there is none.
    pub fn churn(&self) -> f64 {
        churn(self.counts.changed, self.counts.refreshed, self.counts.unchanged)
    }
}

/// `changed` as a share of the workouts that were classified before and are not overridden; 0 when there is
/// none.
pub fn churn(changed: u64, refreshed: u64, unchanged: u64) -> f64 {
    match changed + refreshed + unchanged {
        0 => 0.0,
        classified => changed as f64 / classified as f64,
    }
}

/// Compares the stored state with predictions that would be stored under `model_id`.
///
/// | stored | prediction | outcome |
/// |---|---|---|
/// | nothing | any | new |
/// | an override | any | protected; a change where `original_ml_classification` is not the prediction |
/// | label A | label B | changed |
/// | label A | A, other model or confidence | refreshed |
/// | label A | A, same model and confidence | unchanged |
///
/// Every prediction is stored under `model_id`, era fallbacks included. One pass over both sides,
/// which are in the same key order.
///
/// # Panics
/// Where a side has more than `u32::MAX` rows, which no frame can.
pub fn diff(current: &Frame<Classifications>, predictions: &Frame<Predictions>, model_id: Option<&str>) -> ChangeSet {
    let stored = Stored::of(current);
    let rows = |n: usize| u32::try_from(n).expect("a frame counts its rows in 32 bits");
    let predicted = predictions.ids().downcast_as_array().values_iter();
    let predicted = predicted.zip(predictions.text("label").downcast_as_array().values_iter());
    let predicted = predicted.zip(predictions.real("confidence").downcast_as_array().values().iter());
    let mut changes = Vec::new();
    let mut counts = Counts::default();
    let mut matrix: Memo<(Option<&str>, &str), u64> = Memo::new();
    let mut next = 0;
    for (prediction, ((id, label), confidence)) in predicted.enumerate() {
        let at = stored.seek(&mut next, id);
        let (outcome, write) = match at {
            None => (Outcome::New, true),
            Some(at) => stored.outcome(at, label, *confidence, model_id),
        };
        counts.add(outcome);
        if matches!(outcome, Outcome::New | Outcome::Changed) {
            let from = at.and_then(|at| stored.label.get(at));
            *matrix.of((from, label), || 0) += 1;
        }
        if write {
            changes.push(Change {
                outcome,
                prediction: rows(prediction),
                current: at.map(rows),
            });
        }
    }
    let transition = |((from, to), count): ((Option<&str>, &str), u64)| Transition {
        from: from.map(str::to_owned),
        to: to.to_owned(),
        count,
    };
    ChangeSet {
        changes,
        counts,
        matrix: matrix.sorted().into_iter().map(transition).collect(),
    }
}

/// The columns of the stored state that a prediction is compared with, each its one chunk.
struct Stored<'a> {
    id: &'a <StringType as PolarsDataType>::Array,
    label: Texts<'a>,
    confidence: &'a <Float64Type as PolarsDataType>::Array,
    model: Texts<'a>,
    overridden: &'a <BooleanType as PolarsDataType>::Array,
    original: Texts<'a>,
}

impl<'a> Stored<'a> {
    fn of(current: &'a Frame<Classifications>) -> Self {
        Self {
            id: current.ids().downcast_as_array(),
            label: current.texts("current_classification"),
            confidence: current.real("classification_confidence").downcast_as_array(),
            model: current.texts("model_id"),
            overridden: current.flag("is_user_override").downcast_as_array(),
            original: current.texts("original_ml_classification"),
        }
    }

    /// Moves `next` to the first stored row that is not before `id`; the row when it is `id`'s.
    fn seek(&self, next: &mut usize, id: &str) -> Option<usize> {
        while *next < self.id.len() {
            match self.id.value(*next).cmp(id) {
                Ordering::Less => *next += 1,
                Ordering::Equal => return Some(*next),
                Ordering::Greater => return None,
            }
        }
        None
    }

    /// The outcome of a prediction on stored row `at`, and whether it needs a write.
    fn outcome(&self, at: usize, label: &str, confidence: f64, model_id: Option<&str>) -> (Outcome, bool) {
        let same_confidence = self.confidence.get(at).map(f64::to_bits) == Some(confidence.to_bits());
        if self.overridden.value(at) {
            (Outcome::Protected, self.original.get(at) != Some(label))
        } else if self.label.get(at) != Some(label) {
            (Outcome::Changed, true)
        } else if self.model.get(at) != model_id || !same_confidence {
            (Outcome::Refreshed, true)
        } else {
            (Outcome::Unchanged, false)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type StoredRow = (
        &'static str,
        &'static str,
        Option<f64>,
        Option<&'static str>,
        bool,
        Option<&'static str>,
    );

    fn current(rows: &[StoredRow]) -> Frame<Classifications> {
        let text = |pick: fn(&StoredRow) -> Option<&'static str>| rows.iter().map(pick).collect::<Vec<_>>();
        Frame::made(vec![
            Column::new("workout_id".into(), text(|r| Some(r.0))),
            Column::new("current_classification".into(), text(|r| Some(r.1))),
            Column::new(
                "classification_confidence".into(),
                rows.iter().map(|r| r.2).collect::<Vec<_>>(),
            ),
            Column::new("model_id".into(), text(|r| r.3)),
            Column::new("is_user_override".into(), rows.iter().map(|r| r.4).collect::<Vec<_>>()),
            Column::new("original_ml_classification".into(), text(|r| r.5)),
            Column::new("classification_id".into(), (1..=rows.len() as i64).collect::<Vec<_>>()),
        ])
        .expect("rows of the schema")
    }

    fn predictions(rows: &[(&str, &str, f64)]) -> Frame<Predictions> {
        let none = || vec![None::<f64>; rows.len()];
        Frame::made(vec![
            Column::new("workout_id".into(), rows.iter().map(|r| r.0).collect::<Vec<_>>()),
            Column::new("label".into(), rows.iter().map(|r| r.1).collect::<Vec<_>>()),
            Column::new("confidence".into(), rows.iter().map(|r| r.2).collect::<Vec<_>>()),
            Column::new("posterior_real_run".into(), none()),
            Column::new("posterior_mixed".into(), none()),
            Column::new("posterior_pup_walk".into(), none()),
            Column::new("method".into(), vec!["kmeans"; rows.len()]),
        ])
        .expect("rows of the schema")
    }

    #[test]
    fn every_line_of_the_table() {
        let stored = current(&[
            ("a", "real_run", Some(0.9), Some("m"), false, None),
            ("b", "real_run", Some(0.9), Some("m"), false, None),
            ("c", "real_run", Some(0.9), Some("old"), false, None),
            ("d", "real_run", None, Some("m"), false, None),
            ("e", "real_run", Some(1.0), None, true, None),
            ("f", "real_run", Some(1.0), None, true, Some("pup_walk")),
            ("g", "unknown", Some(0.1), None, false, None),
            ("gone", "real_run", Some(0.1), None, false, None),
        ]);
        let predicted = predictions(&[
            ("a", "real_run", 0.9),
            ("b", "pup_walk", 0.9),
            ("c", "real_run", 0.9),
            ("d", "real_run", 0.9),
            ("e", "pup_walk", 0.9),
            ("f", "pup_walk", 0.9),
            ("g", "mixed", 0.5),
            ("z", "mixed", 0.5),
        ]);
        let set = diff(&stored, &predicted, Some("m"));
        let found: Vec<_> = set
            .changes
            .iter()
            .map(|c| (c.outcome, c.prediction, c.current))
            .collect();
        assert_eq!(
            found,
            [
                (Outcome::Changed, 1, Some(1)),
                (Outcome::Refreshed, 2, Some(2)),
                (Outcome::Refreshed, 3, Some(3)),
                (Outcome::Protected, 4, Some(4)),
                (Outcome::Changed, 6, Some(6)),
                (Outcome::New, 7, None),
            ]
        );
        let counts = Counts {
            new: 1,
            changed: 2,
            refreshed: 2,
            protected: 2,
            unchanged: 1,
        };
        assert_eq!(set.counts, counts);
        let matrix: Vec<_> = set
            .matrix
            .iter()
            .map(|t| (t.from.as_deref(), t.to.as_str(), t.count))
            .collect();
        assert_eq!(
            matrix,
            [
                (None, "mixed", 1),
                (Some("real_run"), "pup_walk", 1),
                (Some("unknown"), "mixed", 1)
            ]
        );
        assert_eq!(set.churn(), 0.4);
    }

    #[test]
    fn a_confidence_is_the_same_only_bit_for_bit() {
        let stored = current(&[("a", "mixed", Some(0.1 + 0.2), None, false, None)]);
        let set = |confidence| diff(&stored, &predictions(&[("a", "mixed", confidence)]), None).counts;
        assert_eq!(set(0.1 + 0.2).unchanged, 1);
        assert_eq!(set(0.3).refreshed, 1);
    }

    #[test]
    fn nothing_stored_and_nothing_predicted() {
        let none = diff(&current(&[]), &predictions(&[]), None);
        assert_eq!(
            (none.changes.len(), none.counts, none.churn()),
            (0, Counts::default(), 0.0)
        );
        let all_new = diff(&current(&[]), &predictions(&[("a", "mixed", 0.5)]), None);
        assert_eq!((all_new.counts.new, all_new.churn()), (1, 0.0));
        let untouched = diff(
            &current(&[("a", "mixed", None, None, false, None)]),
            &predictions(&[]),
            None,
        );
        assert_eq!((untouched.changes.len(), untouched.counts), (0, Counts::default()));
    }
}
