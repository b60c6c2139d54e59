//! The corrections that wait to be learnt.
//!
//! Why: the run that decides whether to train and the scheduler that decides whether to begin one must
//! count the same answers, or one of them begins what the other finds needless, every minute again.
//!
//! Invariants: an answer waits until a model that was taught by it is or was in production; those that
//! taught the last candidate that was refused beside the active model do not, for they would only make
//! that candidate again.
//!
//! Must not know: how many are enough, or what time it is.

use std::collections::BTreeMap;

use crate::store::Store;
use crate::store::feedback::StoredFeedback;
use crate::store::taught::Answered;
use crate::time::Timestamp;
use crate::vocab::FeedbackType;

use super::RunError;

/// What the last candidate that the gate refused was taught by.
#[derive(Debug, Clone)]
pub struct Tried {
    /// The candidate.
    pub model_id: String,
    /// The answers.
    pub taught: Answered,
}

impl Tried {
    /// The last candidate that was held against the model `active` and refused; None where there is none.
    ///
    /// # Errors
    /// [`RunError`] of the store.
    pub async fn against(store: &Store, active: &str) -> Result<Option<Self>, RunError> {
        let fail = |e| RunError::store("decide", e);
        let refused = store.refused_against(active).await.map_err(fail)?;
        let Some(last) = refused.into_iter().next() else {
            return Ok(None);
        };
        let taught = store.taught_by(&last.model_id).await.map_err(fail)?;
        Ok(Some(Self {
            model_id: last.model_id,
            taught,
        }))
    }
}

/// Those of `stored`, oldest first, that are corrections which no model has learnt from, those of `tried`
/// aside. A person's last word on a workout counts: a correction that was taken back waits for nothing, and
/// the answer that takes back one that was learnt waits, because a model has to unlearn it.
pub fn waiting<'r>(stored: &'r [StoredFeedback], tried: &Answered) -> Vec<&'r StoredFeedback> {
    let mut words: BTreeMap<(&str, Option<&str>), Vec<&StoredFeedback>> = BTreeMap::new();
    for row in stored {
        let word = words.entry((row.workout_id.as_str(), row.user.as_deref()));
        word.or_default().push(row);
    }
    let is = |row: &StoredFeedback, kind: FeedbackType| row.feedback_type == kind.as_str();
    let waits = |said: &Vec<&'r StoredFeedback>| {
        let (last, before) = said.split_last()?;
        let names_none = is(last, FeedbackType::Uncertain) || is(last, FeedbackType::Reject);
        let unlearns = || {
            let learnt = |row: &&StoredFeedback| row.processed && is(row, FeedbackType::Correct);
            names_none && before.iter().any(learnt)
        };
        let waits = !last.processed && !tried.contains(last.feedback_id);
        (waits && (is(last, FeedbackType::Correct) || unlearns())).then_some(*last)
    };
    words.values().filter_map(waits).collect()
}

/// The corrections that wait, by when they were given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Waiting(Vec<Timestamp>);

impl Waiting {
    /// Corrections that were given at these instants, in any order.
    pub fn of(submitted: impl IntoIterator<Item = Timestamp>) -> Self {
        Self(submitted.into_iter().collect())
    }

    /// Reads them: what a run that began now would count.
    ///
    /// # Errors
    /// [`RunError`] of the store.
    pub async fn read(store: &Store) -> Result<Self, RunError> {
        let fail = |e| RunError::store("feedback", e);
        let rows = store.feedback_where_any_waits().await.map_err(fail)?;
        if rows.is_empty() {
            return Ok(Self::default());
        }
        let tried = match store.active_model().await.map_err(fail)? {
            Some(active) => Tried::against(store, &active.model_id).await?,
            None => None,
        };
        let tried = tried.map_or_else(Answered::default, |tried| tried.taught);
        let waiting = waiting(&rows, &tried);
        Ok(Self::of(waiting.into_iter().map(|row| row.submitted_at)))
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.0.len() as u64
    }

    /// How many of them were given at `at` or later.
    pub fn since(&self, at: Timestamp) -> u64 {
        self.0.iter().filter(|submitted| **submitted >= at).count() as u64
    }
}
