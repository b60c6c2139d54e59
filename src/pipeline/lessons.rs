//! What people said, read from the store and resolved for the stages that learn from it.
//!
//! Why: training, the gate and the review queue must see the same words; a label that no stage knows must
//! not stop a night, and must not teach.
//!
//! Invariants: every stored answer is here, in the order of its number; which of them a model was taught
//! by is decided by number, never by time.
//!
//! Must not know: how answers are given, or how they teach.

use crate::stage::feedback::{Answer, DEFAULT_CERTAINTY, Feedback};
use crate::store::Store;
use crate::store::feedback::StoredFeedback;
use crate::store::taught::Answered;
use crate::vocab::{FeedbackType, Label};

use super::waiting::waiting;
use super::{Kind, RunError};

/// An answer of an older tool may name nobody; all of those are one person.
const NOBODY: &str = "unnamed";

/// Everything that people said.
#[derive(Debug, Clone)]
pub struct Lessons {
    stored: Vec<StoredFeedback>,
    feedback: Feedback,
}

impl Lessons {
    /// Reads and resolves all answers.
    ///
    /// # Errors
    /// [`RunError`] of the store; of kind data for an answer whose certainty is outside 1 to 5.
    pub async fn read(store: &Store) -> Result<Self, RunError> {
        let stored = store.feedback(false).await;
        Self::of(stored.map_err(|error| RunError::store("feedback", error))?)
    }

    /// As [`Lessons::read`], in one question, where there is an answer that no model has learnt from; None where
    /// there is none, and so no correction that waits.
    ///
    /// # Errors
    /// As [`Lessons::read`].
    pub async fn read_where_any_waits(store: &Store) -> Result<Option<Self>, RunError> {
        let stored = store.feedback_where_any_waits().await;
        let stored = stored.map_err(|error| RunError::store("feedback", error))?;
        if stored.is_empty() {
            return Ok(None);
        }
        Self::of(stored).map(Some)
    }

    fn of(stored: Vec<StoredFeedback>) -> Result<Self, RunError> {
        let answers = stored.iter().map(answer).collect();
        let feedback = Feedback::of(answers).map_err(|error| {
            let hint = "an older tool wrote it; correct user_certainty in user_classification_feedback";
            RunError::new("feedback", Kind::Data, error, hint)
        })?;
        Ok(Self { stored, feedback })
    }

    /// What people say.
    pub fn feedback(&self) -> &Feedback {
        &self.feedback
    }

    /// The numbers of all answers.
    pub fn answered(&self) -> Answered {
        Answered::of(self.stored.iter().map(|row| row.feedback_id))
    }

    /// The numbers of those that are not among `known`.
    pub fn beside(&self, known: &Answered) -> Answered {
        let ids = self.stored.iter().map(|row| row.feedback_id);
        Answered::of(ids.filter(|id| !known.contains(*id)))
    }

    /// What people said in the answers of `known` alone.
    pub fn only(&self, known: &Answered) -> Feedback {
        self.feedback.retain(|answer| known.contains(answer.feedback_id))
    }

    /// How many corrections no model has learnt from, those of `tried` aside: a refused candidate was
    /// taught by them, and the same corrections would only make it again; see [`waiting`].
    pub fn waiting(&self, tried: &Answered) -> u64 {
        waiting(&self.stored, tried).len() as u64
    }
}

/// An answer as the stages take it. A certainty out of range is passed on and refused there.
fn answer(row: &StoredFeedback) -> Answer {
    let certainty = row.certainty.unwrap_or(i64::from(DEFAULT_CERTAINTY));
    Answer {
        workout_id: row.workout_id.clone(),
        user: row.user.clone().unwrap_or_else(|| NOBODY.to_owned()),
        submitted_at: row.submitted_at,
        feedback_id: row.feedback_id,
        label: label(row),
        certainty: u8::try_from(certainty).unwrap_or(u8::MAX),
    }
}

/// The label that the person says the workout has; None from one who does not say.
fn label(row: &StoredFeedback) -> Option<Label> {
    let word = match row.feedback_type.parse() {
        Ok(FeedbackType::Correct) => row.user_classification.as_deref(),
        // An older tool may not repeat the label that is accepted.
        Ok(FeedbackType::Accept) => row.user_classification.as_deref().or(row.ai_classification.as_deref()),
        Ok(FeedbackType::Reject | FeedbackType::Uncertain) | Err(_) => None,
    };
    let label = word?.parse().ok();
    if label.is_none() {
        tracing::warn!(
            feedback_id = row.feedback_id,
            word,
            "an answer with a label that is none teaches nothing"
        );
    }
    label
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;

    fn row(id: i64, kind: &str, said: Option<&str>, model: Option<&str>) -> StoredFeedback {
        StoredFeedback {
            feedback_id: id,
            workout_id: format!("w{id}"),
            ai_classification: model.map(str::to_owned),
            ai_confidence: None,
            user_classification: said.map(str::to_owned),
            feedback_type: kind.to_owned(),
            certainty: None,
            comments: None,
            model_id: None,
            user: None,
            submitted_at: Timestamp::from_micros(id),
            processed: id == 9,
            incorporated_in_model: None,
        }
    }

    #[test]
    fn what_a_row_says_depends_on_its_type() {
        let said = |kind, said, model| label(&row(1, kind, said, model));
        assert_eq!(
            said("correct", Some("pup_walk"), Some("real_run")),
            Some(Label::PupWalk)
        );
        assert_eq!(said("accept", None, Some("real_run")), Some(Label::RealRun));
        assert_eq!(said("accept", Some("pup_walk"), Some("real_run")), Some(Label::PupWalk));
        assert_eq!(said("reject", Some("pup_walk"), Some("real_run")), None);
        assert_eq!(said("uncertain", None, Some("real_run")), None);
        assert_eq!(said("correct", Some("unknown"), None), None);
        let answer = answer(&row(1, "accept", None, Some("real_run")));
        assert_eq!((answer.user.as_str(), answer.certainty), (NOBODY, DEFAULT_CERTAINTY));
    }

    #[test]
    fn only_the_last_word_of_a_person_waits() {
        let on = |row: StoredFeedback| StoredFeedback {
            workout_id: "w".to_owned(),
            ..row
        };
        let waiting = |stored: Vec<StoredFeedback>| {
            let feedback = Feedback::of(stored.iter().map(super::answer).collect()).expect("in range");
            Lessons { stored, feedback }.waiting(&Answered::default())
        };
        let correct = |id| on(row(id, "correct", Some("real_run"), None));
        let taken_back = |id| on(row(id, "uncertain", None, None));
        assert_eq!(waiting(vec![correct(1), correct(2)]), 1);
        assert_eq!(waiting(vec![correct(1), taken_back(2)]), 0);
        assert_eq!(
            waiting(vec![correct(9), taken_back(10)]),
            1,
            "learnt, and to be unlearnt"
        );
        assert_eq!(waiting(vec![taken_back(10)]), 0);
    }

    #[test]
    fn corrections_wait_until_a_model_has_learnt_or_tried_them() {
        let stored: Vec<_> = (1..=9)
            .map(|id| row(id, if id == 3 { "accept" } else { "correct" }, Some("real_run"), None))
            .collect();
        let feedback = Feedback::of(stored.iter().map(super::answer).collect()).expect("in range");
        let lessons = Lessons { stored, feedback };
        assert_eq!(
            lessons.waiting(&Answered::default()),
            7,
            "neither the accepted nor the learnt one"
        );
        let tried = Answered::of([1, 2, 3, 9]);
        assert_eq!(lessons.waiting(&tried), 5);
        assert_eq!(lessons.only(&tried).answers().len(), 4);
        assert_eq!(lessons.beside(&tried), Answered::of(4..=8));
        assert_eq!(lessons.answered(), Answered::of(1..=9));
    }
}
