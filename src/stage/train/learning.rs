//! What became of people's answers in one training: figures for the registry, sentences for people.
//!
//! Invariants: every agreed workout is counted once: used, absent, untypical, or neither run nor walk; the
//! disagreements come on top.

use serde::Serialize;

use super::teach::{Examples, Taught};
use crate::stage::feedback::{Disagreement, Feedback};
use crate::vocab::Algorithm;

/// As many disagreements are named; the others are counted.
const NAMED: usize = 5;

/// What a model learnt from people.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Learning {
    /// Answered runs that taught; 0 for an algorithm that does not learn.
    pub runs: usize,
    /// Answered walks that taught.
    pub walks: usize,
    /// As how many rows the clusters' opinion counted beside them; absent where nothing taught.
    pub prior_weight: Option<f64>,
    /// The weighted log loss of the answers, each learnt without itself; absent for fewer than two.
    pub log_loss: Option<f64>,
    /// Agreed runs and walks that are not among the rows, or not within the model's bounds.
    pub absent: usize,
    /// Agreed runs and walks beyond the typicality cut.
    pub untypical: usize,
    /// Workouts that people agree to be neither a run nor a walk.
    pub neither: usize,
    /// Workouts on which people disagree.
    pub disagreements: usize,
    #[serde(skip)]
    algorithm: Algorithm,
}

impl Learning {
    pub(super) fn of(algorithm: Algorithm, feedback: &Feedback, examples: &Examples, taught: Option<&Taught>) -> Self {
        let count = |run: bool| {
            examples
                .found
                .iter()
                .filter(|e| taught.is_some() && e.run == run)
                .count()
        };
        Self {
            runs: count(true),
            walks: count(false),
            prior_weight: taught.map(|t| t.prior_weight),
            log_loss: taught.and_then(|t| t.loss),
            absent: examples.absent,
            untypical: examples.untypical,
            neither: feedback.lessons().iter().filter(|l| l.is_run().is_none()).count(),
            disagreements: feedback.disagreements().len(),
            algorithm,
        }
    }

    /// One sentence for each thing worth saying.
    pub(super) fn notes(&self, feedback: &Feedback) -> Vec<String> {
        if self.algorithm == Algorithm::Kmeans {
            let answered = feedback.lessons().len();
            let note = format!("kmeans learns nothing from feedback: {answered} answered workouts were left aside");
            return vec![note];
        }
        let mut notes = vec![self.lesson()];
        let aside = [
            (self.absent, "are not among the rows within the bounds"),
            (self.untypical, "are outliers"),
            (self.neither, "are neither a run nor a walk"),
        ];
        for (count, why) in aside.into_iter().filter(|(count, _)| *count > 0) {
            notes.push(format!(
                "answered workouts that taught nothing because they {why}: {count}"
            ));
        }
        if self.disagreements > 0 {
            notes.push(disagreements(feedback.disagreements()));
        }
        notes
    }

    fn lesson(&self) -> String {
        let Some(weight) = self.prior_weight else {
            return "no answer could teach".to_owned();
        };
        let (runs, walks) = (self.runs, self.walks);
        let loss = self
            .log_loss
            .map(|loss| format!(" (cross-validated log loss {loss:.4})"));
        let loss = loss.unwrap_or_default();
        format!("learnt from {runs} answered runs and {walks} walks, the clusters counting as {weight} rows{loss}")
    }
}

fn disagreements(all: &[Disagreement]) -> String {
    let named = all.iter().take(NAMED).map(|d| {
        let words: Vec<String> = d.words.iter().map(|(user, label)| format!("{user} {label}")).collect();
        format!("{} ({})", d.workout_id, words.join(", "))
    });
    let more = all.len().saturating_sub(NAMED);
    let more = if more > 0 {
        format!(" and {more} more")
    } else {
        String::new()
    };
    let named: Vec<String> = named.collect();
    format!("people disagree on {}{more}: these taught nothing", named.join(", "))
}
