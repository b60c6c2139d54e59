//! What people said about workouts, resolved into what may be taught.
//!
//! Why: people change their minds, contradict one another and are more or less sure. All of that is
//! settled here, once, by rules that can be read; what comes out is at most one [`Lesson`] per workout.
//!
//! Invariants:
//! - one user's latest answer on a workout stands (by `submitted_at`, of equal ones the larger
//!   `feedback_id`), the earlier ones are history;
//! - a workout on which the standing answers of several users differ is a [`Disagreement`] and teaches
//!   nothing: it is never averaged;
//! - an answer without a label ("uncertain", or "not that") takes back what the user said before. Where
//!   no standing answer has a label the workout is undecided: it teaches nothing and was asked about;
//! - nothing here depends on the order in which the answers were handed in.
//!
//! `mixed` and `outlier` are answers like the others: they make lessons, which overrides and reports
//! use, but a run-or-walk head learns nothing from them ([`Lesson::is_run`] is `None`).
//!
//! Must not know: how feedback is stored, and what learns from it.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::time::Timestamp;
use crate::vocab::Label;

/// The certainty of an answer whose author gave none.
pub const DEFAULT_CERTAINTY: u8 = 3;

/// The largest certainty; the smallest is 1.
pub const MAX_CERTAINTY: u8 = 5;

/// One answer of one person on one workout: the label that the person says it has, whether that
/// confirms a model or corrects it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Answer {
    /// The workout.
    pub workout_id: String,
    /// Who answered.
    pub user: String,
    /// When.
    pub submitted_at: Timestamp,
    /// The row that holds it; of two answers of one instant the larger is the later.
    pub feedback_id: i64,
    /// What the person says it is; None from one who does not say.
    pub label: Option<Label>,
    /// How sure the person is, from 1 to [`MAX_CERTAINTY`].
    pub certainty: u8,
}

/// An answer that cannot have been given.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "feedback {feedback_id} on workout '{workout_id}' has certainty {found}; it must be from 1 to 5: correct that row"
)]
pub struct FeedbackError {
    /// The row.
    pub feedback_id: i64,
    /// The workout.
    pub workout_id: String,
    /// The certainty.
    pub found: u8,
}

/// What people agree that one workout is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Lesson {
    /// The workout.
    pub workout_id: String,
    /// What it is.
    pub label: Label,
    /// As how many rows it counts, from 1/3 to 5/3; see [`weight`].
    pub weight: f64,
    /// How many answers said so, earlier ones of the same user included.
    pub times: u32,
}

impl Lesson {
    /// True for a run, false for a walk, None for a label that is neither.
    pub fn is_run(&self) -> Option<bool> {
        match self.label {
            Label::RealRun => Some(true),
            Label::PupWalk => Some(false),
            Label::Mixed | Label::Outlier => None,
        }
    }
}

/// A workout on which people do not agree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Disagreement {
    /// The workout.
    pub workout_id: String,
    /// The standing labels, in ascending order of user.
    pub words: Vec<(String, Label)>,
}

/// Everything people said, parsed and resolved.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Feedback {
    /// Ascending by workout, user, instant, id.
    answers: Vec<Answer>,
    /// Ascending by workout.
    lessons: Vec<Lesson>,
    /// Ascending by workout.
    disagreements: Vec<Disagreement>,
    /// Ascending.
    undecided: Vec<String>,
}

/// As how many rows an answer of this certainty counts: `certainty / 3`, so that an answer of the usual
/// certainty is one row, a certain one (5) five thirds and a guess (1) one third.
pub fn weight(certainty: u8) -> f64 {
    f64::from(certainty) / f64::from(DEFAULT_CERTAINTY)
}

impl Feedback {
    /// Nobody said anything.
    pub fn none() -> Self {
        Self::default()
    }

    /// Resolves `answers`, in any order.
    ///
    /// # Errors
    /// [`FeedbackError`] on the first answer whose certainty is not from 1 to [`MAX_CERTAINTY`].
    pub fn of(mut answers: Vec<Answer>) -> Result<Self, FeedbackError> {
        answers.sort_unstable();
        match answers.iter().find(|a| !(1..=MAX_CERTAINTY).contains(&a.certainty)) {
            Some(odd) => Err(FeedbackError {
                feedback_id: odd.feedback_id,
                workout_id: odd.workout_id.clone(),
                found: odd.certainty,
            }),
            None => Ok(Self::resolved(answers)),
        }
    }

    /// `answers` in order, certainties in range.
    fn resolved(answers: Vec<Answer>) -> Self {
        let mut found = Self::none();
        for said in answers.chunk_by(|a, b| a.workout_id == b.workout_id) {
            let standing: BTreeMap<&str, &Answer> = said.iter().map(|a| (a.user.as_str(), a)).collect();
            found.settle(&standing.into_values().collect::<Vec<_>>(), said);
        }
        found.answers = answers;
        found
    }

    /// Files one workout: the `standing` answers, one a user, of all that was `said`.
    fn settle(&mut self, standing: &[&Answer], said: &[Answer]) {
        let workout_id = said[0].workout_id.clone();
        let labelled = || standing.iter().filter_map(|a| Some((a.label?, *a)));
        let Some((label, _)) = labelled().next() else {
            self.undecided.push(workout_id);
            return;
        };
        if labelled().any(|(other, _)| other != label) {
            let words = labelled().map(|(label, a)| (a.user.clone(), label)).collect();
            self.disagreements.push(Disagreement { workout_id, words });
            return;
        }
        // One workout is one row of evidence however many people saw it, so the surest of them sets its
        // weight; they do not add up.
        let surest = labelled().map(|(_, a)| a.certainty).max().unwrap_or(DEFAULT_CERTAINTY);
        let times = said.iter().filter(|a| a.label == Some(label)).count();
        self.lessons.push(Lesson {
            workout_id,
            label,
            weight: weight(surest),
            times: u32::try_from(times).unwrap_or(u32::MAX),
        });
    }

    /// Every answer, ascending by workout, user, instant and id.
    pub fn answers(&self) -> &[Answer] {
        &self.answers
    }

    /// What people agree on, ascending by workout.
    pub fn lessons(&self) -> &[Lesson] {
        &self.lessons
    }

    /// What they do not agree on, ascending by workout.
    pub fn disagreements(&self) -> &[Disagreement] {
        &self.disagreements
    }

    /// The workouts on which somebody answered and nobody says a label, ascending.
    pub fn undecided(&self) -> &[String] {
        &self.undecided
    }

    /// True where nobody said anything.
    pub fn is_empty(&self) -> bool {
        self.answers.is_empty()
    }

    /// The feedback there would be if only the answers that `keep` admits had been given.
    pub fn retain(&self, keep: impl Fn(&Answer) -> bool) -> Self {
        Self::resolved(self.answers.iter().filter(|a| keep(a)).cloned().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Label::{Mixed, PupWalk, RealRun};

    fn answer(workout: &str, user: &str, at: i64, id: i64, label: Label, certainty: u8) -> Answer {
        Answer {
            workout_id: workout.to_owned(),
            user: user.to_owned(),
            submitted_at: Timestamp::from_micros(at),
            feedback_id: id,
            label: Some(label),
            certainty,
        }
    }

    fn of(answers: Vec<Answer>) -> Feedback {
        Feedback::of(answers).expect("certainties in range")
    }

    #[test]
    fn the_latest_answer_of_a_user_stands() {
        let found = of(vec![
            answer("w", "ann", 20, 1, PupWalk, 4),
            answer("w", "ann", 10, 9, RealRun, 5),
            answer("v", "ann", 10, 2, RealRun, 3),
            answer("v", "ann", 10, 3, Mixed, 1),
        ]);
        let lessons: Vec<_> = found.lessons().iter().map(|l| (l.label, l.weight, l.times)).collect();
        assert_eq!(lessons, [(Mixed, weight(1), 1), (PupWalk, weight(4), 1)]);
        assert_eq!([1, 3, 5].map(weight), [1.0 / 3.0, 1.0, 5.0 / 3.0]);
        assert_eq!(found.lessons()[0].is_run(), None);
        assert_eq!(found.disagreements(), []);
    }

    #[test]
    fn users_who_disagree_are_reported_and_teach_nothing() {
        let mut said = vec![
            answer("w", "bob", 5, 2, PupWalk, 5),
            answer("w", "ann", 1, 1, RealRun, 5),
            answer("x", "ann", 1, 3, RealRun, 2),
            answer("x", "bob", 2, 4, RealRun, 5),
        ];
        let found = of(said.clone());
        let words = vec![("ann".to_owned(), RealRun), ("bob".to_owned(), PupWalk)];
        assert_eq!(found.disagreements()[0].words, words);
        assert_eq!(found.lessons().len(), 1);
        assert_eq!((found.lessons()[0].weight, found.lessons()[0].times), (weight(5), 2));
        said.push(answer("w", "bob", 6, 5, RealRun, 1));
        let settled = of(said);
        assert_eq!(settled.disagreements(), []);
        assert_eq!(settled.lessons()[0].label, RealRun);
        assert_eq!(settled.retain(|a| a.feedback_id != 5), found);
    }

    #[test]
    fn an_answer_without_a_label_takes_the_earlier_one_back() {
        let unsure = |user, at, id| Answer {
            label: None,
            ..answer("w", user, at, id, RealRun, 5)
        };
        let mut said = vec![answer("w", "ann", 1, 1, RealRun, 5), unsure("ann", 2, 2)];
        let found = of(said.clone());
        assert_eq!((found.lessons(), found.disagreements()), (&[][..], &[][..]));
        assert_eq!(found.undecided(), ["w"]);
        said.push(answer("w", "bob", 3, 3, PupWalk, 2));
        let found = of(said.clone());
        assert_eq!(
            (found.lessons()[0].label, found.lessons()[0].weight),
            (PupWalk, weight(2))
        );
        assert!(found.undecided().is_empty());
        said.push(answer("w", "ann", 4, 4, RealRun, 1));
        assert_eq!(of(said).disagreements().len(), 1);
    }

    #[test]
    fn a_certainty_out_of_range_names_its_row() {
        for certainty in [0, 6] {
            let error = Feedback::of(vec![answer("w", "ann", 1, 7, RealRun, certainty)]).expect_err("out of range");
            assert_eq!((error.feedback_id, error.found), (7, certainty));
        }
        assert!(Feedback::of(Vec::new()).expect("nothing").is_empty());
    }
}
