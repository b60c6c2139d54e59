//! The review queue over a store: what to ask people, and what becomes of their answers.
//!
//! Why: the queue itself is a pure stage; this gathers the history, the active model and what people say,
//! and turns a word in answer to what was *shown* into feedback on what is *stored*. The two differ where a
//! model became active and no run has classified with it yet, and an acceptance must mean the former.
//!
//! Invariants: only workouts that can be answered (those with a stored verdict) are asked about; showing
//! the queue writes nothing; an answer is recorded before [`answer`] returns; [`take_back`] leaves the
//! label, and what the person says, as they were before the answer. Feedback is append-only, so taking back
//! is a new row: the person's earlier word again, or else an `uncertain` one.
//!
//! Must not know: how the queue is printed, and how keys are read.

use std::collections::HashSet;

use polars::prelude::BooleanChunked;

use crate::stage::classify::classify;
use crate::stage::decide::ReusePolicy;
use crate::stage::features::{Activities, featurize};
use crate::stage::feedback::DEFAULT_CERTAINTY;
use crate::stage::frame::{Classifications, Frame, Workouts};
use crate::stage::review::{Item, Reason, review, settle, words};
use crate::store::Store;
use crate::store::feedback::{NewFeedback, StoredFeedback};
use crate::store::workouts::Window;
use crate::vocab::{FeedbackType, Label, Source};

use super::choose::load_model;
use super::lessons::Lessons;
use super::people::{Recorded, Said, clear, say};
use super::waiting::Waiting;
use super::{Ambient, Kind, RunError};

/// Kept with an answer that repeats what a person said before against the model: the same words without
/// it would count as one answer, and the workout would be asked about for ever.
const SAID_AGAIN: &str = "said again in the review";

/// Kept with what takes an answer back.
const TAKEN_BACK: &str = "taken back in the review";

/// Which part of the history people are asked about.
#[derive(Debug, Clone, PartialEq)]
pub struct Scope {
    /// Which activities.
    pub activities: Activities,
    /// Which dates.
    pub window: Window,
    /// At most so many workouts.
    pub limit: usize,
}

/// What to ask people, and on what it was decided.
#[derive(Debug, Clone, PartialEq)]
pub struct ReviewQueue {
    /// The active model, whose verdicts these are.
    pub model_id: String,
    /// Its version.
    pub model_version: String,
    /// The most informative first.
    pub items: Vec<Item>,
    /// Workouts of the scope that no run has classified yet; nobody can be asked about them.
    pub unclassified: u64,
}

/// A word in answer to an item of the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    /// It is what the model says.
    Accept,
    /// It is this.
    Is(Label),
    /// The person was asked and cannot say.
    Uncertain,
}

/// Who answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reviewer {
    /// The person.
    pub user: String,
    /// How sure the answers are, 1 (a guess) to 5 (sure).
    pub certainty: u8,
}

/// An answer that has been recorded, and how to take it back.
#[derive(Debug, Clone, PartialEq)]
pub struct Given {
    /// The workout.
    pub workout_id: String,
    /// As what it was recorded.
    pub feedback_type: FeedbackType,
    /// The label that the person says it has; None from one who does not say.
    pub label: Option<Label>,
    /// What was written.
    pub recorded: Recorded,
    /// The label that a person had set before, and as what.
    overridden: Option<(String, String)>,
    /// What this person had said before.
    prior: Option<StoredFeedback>,
}

/// How far away the next training is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outlook {
    /// Corrections that no model has learnt from.
    pub waiting: u64,
    /// So many start a training; None where corrections alone never do.
    pub threshold: Option<u64>,
}

fn failed(error: crate::store::StoreError) -> RunError {
    RunError::store("review", error)
}

/// The queue of `scope` by the active model; empty where there is nothing to ask.
///
/// # Errors
/// [`RunError`] of kind data where no model is active or its artifact is damaged; otherwise of the store.
pub async fn review_queue(store: &Store, scope: &Scope, ambient: &Ambient) -> Result<ReviewQueue, RunError> {
    let Some(active) = store.active_model().await.map_err(failed)? else {
        let hint = "`paceline run PIPELINE.toml` trains one, `paceline model activate ID` takes one from the registry";
        return Err(RunError::new(
            "review",
            Kind::Data,
            "no model is active, so there is nothing to ask about",
            hint,
        ));
    };
    let model = load_model(store, &active.model_id).await?;
    ambient.progress.begin("loading", None);
    let loaded = store
        .load_workouts(scope.window, |rows| ambient.progress.at(rows))
        .await;
    ambient.progress.end();
    let loaded = loaded.map_err(failed)?.frame;
    let current = store.load_classifications(scope.window).await.map_err(failed)?;
    let bug = |error: crate::stage::frame::FrameError| RunError::bug("review", error);
    let on_foot = featurize(&loaded, &scope.activities).map_err(bug)?.features.height();
    let answerable = answerable(&loaded, &current)?;
    let features = featurize(&answerable, &scope.activities).map_err(bug)?.features;
    let predictions = classify(&features, &model).map_err(bug)?;
    let lessons = Lessons::read(store).await?;
    let learnt = store.taught_by(&active.model_id).await.map_err(failed)?;
    let unlearnt = lessons.feedback().answers().iter();
    let unlearnt = unlearnt.filter(|answer| !learnt.contains(answer.feedback_id));
    let mut said = words(lessons.feedback(), overrides(store).await?);
    settle(&mut said, unlearnt.map(|answer| answer.workout_id.as_str()));
    Ok(ReviewQueue {
        model_id: active.model_id,
        model_version: active.model_version,
        items: review(&features, &predictions, &said, scope.limit),
        unclassified: (on_foot - features.height()) as u64,
    })
}

/// The workouts that have a stored verdict: only those can be answered.
fn answerable(loaded: &Frame<Workouts>, current: &Frame<Classifications>) -> Result<Frame<Workouts>, RunError> {
    let known: HashSet<&str> = current.ids().iter().flatten().collect();
    let ids = loaded.ids().iter();
    let keep: BooleanChunked = ids.map(|id| Some(id.is_some_and(|id| known.contains(id)))).collect();
    let kept = loaded.df().filter(&keep).map_err(|e| RunError::bug("review", e))?;
    Frame::parse(kept).map_err(|e| RunError::bug("review", e))
}

async fn overrides(store: &Store) -> Result<Vec<(String, Label)>, RunError> {
    let mut found = Vec::new();
    for row in store.overrides().await.map_err(failed)? {
        match row.label.parse() {
            Ok(label) => found.push((row.workout_id, label)),
            Err(error) => tracing::warn!(workout_id = row.workout_id, %error, "an override with a label that is none"),
        }
    }
    Ok(found)
}

/// Records `word` in answer to `item` as it was shown.
///
/// What agrees with both the model and the stored label is an acceptance. Everything else that names a
/// label is a correction, also an acceptance of a label that is not the stored one: it is obeyed at once.
///
/// # Errors
/// As [`say`].
pub async fn answer(
    store: &Store,
    item: &Item,
    word: Word,
    reviewer: &Reviewer,
    ambient: &Ambient,
) -> Result<Given, RunError> {
    let id = &item.workout_id;
    let current = store.classification(id).await.map_err(failed)?;
    let prior = store.latest_feedback(id, &reviewer.user).await.map_err(failed)?;
    let set = current.as_ref().filter(|current| current.is_user_override);
    let overridden = set.map(|current| (current.classification.clone(), current.source.clone()));
    let stored = current.as_ref().map(|current| current.classification.as_str());
    let label = match word {
        Word::Accept => Some(item.classification),
        Word::Is(label) => Some(label),
        Word::Uncertain => None,
    };
    let accepts =
        label == Some(item.classification) && overridden.is_none() && stored == Some(item.classification.as_str());
    let feedback_type = match label {
        None => FeedbackType::Uncertain,
        Some(_) if accepts => FeedbackType::Accept,
        Some(_) => FeedbackType::Correct,
    };
    let against = matches!(item.reason, Reason::Contradicted { said } if Some(said) == label);
    let comment = against.then(|| SAID_AGAIN.to_owned());
    let mut given = Given {
        workout_id: id.clone(),
        feedback_type,
        label,
        recorded: Recorded::Kept,
        overridden,
        prior,
    };
    given.recorded = say(store, &said(&given, reviewer, comment.clone()), ambient).await?;
    if feedback_type == FeedbackType::Accept && !accepted(store, &given, reviewer).await? {
        // A run changed the verdict between: what was accepted is what was shown.
        given.feedback_type = FeedbackType::Correct;
        given.recorded = say(store, &said(&given, reviewer, comment), ambient).await?;
    }
    Ok(given)
}

async fn accepted(store: &Store, given: &Given, reviewer: &Reviewer) -> Result<bool, RunError> {
    let latest = store.latest_feedback(&given.workout_id, &reviewer.user).await;
    let label = latest.map_err(failed)?.and_then(|latest| latest.user_classification);
    Ok(label.as_deref() == given.label.map(Label::as_str))
}

fn said(given: &Given, reviewer: &Reviewer, comment: Option<String>) -> Said {
    Said {
        workout_id: given.workout_id.clone(),
        feedback_type: given.feedback_type,
        label: given.label.filter(|_| given.feedback_type == FeedbackType::Correct),
        certainty: reviewer.certainty,
        comment,
        user: reviewer.user.clone(),
        admin: false,
    }
}

/// Takes an answer back: the label that stood before stands again, and so does what this person had said.
///
/// # Errors
/// [`RunError`] of kind data where the label that a person had set before is none that Paceline knows;
/// otherwise as [`say`] and [`clear`].
pub async fn take_back(store: &Store, given: &Given, reviewer: &Reviewer, ambient: &Ambient) -> Result<(), RunError> {
    let (id, user) = (&given.workout_id, &reviewer.user);
    let restored = match (&given.recorded, &given.overridden) {
        (Recorded::Already, _) => return Ok(()),
        (Recorded::Kept, _) => false,
        (Recorded::Overridden { .. }, None) => {
            clear(store, id, user, TAKEN_BACK, ambient).await?;
            true
        }
        (Recorded::Overridden { .. }, Some((label, source))) => {
            let said = set_again(given, label, source, user)?;
            say(store, &said, ambient).await?;
            false
        }
    };
    if let Some(prior) = &given.prior {
        let again = said_before(prior, user, ambient);
        return store.add_feedback(&again).await.map_err(failed);
    }
    // Somebody who could not say has said nothing that could be taken back, and a clearing has done it.
    if restored || (given.label.is_none() && given.overridden.is_none()) {
        return Ok(());
    }
    let nothing = Said {
        workout_id: id.clone(),
        feedback_type: FeedbackType::Uncertain,
        label: None,
        certainty: DEFAULT_CERTAINTY,
        comment: Some(TAKEN_BACK.to_owned()),
        user: user.clone(),
        admin: false,
    };
    say(store, &nothing, ambient).await?;
    Ok(())
}

/// The override that stood before the answer.
fn set_again(given: &Given, label: &str, source: &str, user: &str) -> Result<Said, RunError> {
    let label: Label = label.parse().map_err(|error| {
        let hint = format!("set it by hand: `paceline override set {} LABEL`", given.workout_id);
        RunError::new("review", Kind::Data, error, hint)
    })?;
    Ok(Said {
        workout_id: given.workout_id.clone(),
        feedback_type: FeedbackType::Correct,
        label: Some(label),
        certainty: DEFAULT_CERTAINTY,
        comment: Some(TAKEN_BACK.to_owned()),
        user: user.to_owned(),
        admin: source == Source::AdminCorrection.as_str(),
    })
}

/// An earlier word, said now.
fn said_before(prior: &StoredFeedback, user: &str, ambient: &Ambient) -> NewFeedback {
    NewFeedback {
        workout_id: prior.workout_id.clone(),
        ai_classification: prior.ai_classification.clone().unwrap_or_default(),
        ai_confidence: prior.ai_confidence,
        user_classification: prior.user_classification.clone(),
        feedback_type: prior.feedback_type.parse().unwrap_or(FeedbackType::Uncertain),
        certainty: prior
            .certainty
            .and_then(|c| u8::try_from(c).ok())
            .unwrap_or(DEFAULT_CERTAINTY),
        comments: prior.comments.clone(),
        model_id: prior.model_id.clone(),
        method: None,
        user: user.to_owned(),
        submitted_at: ambient.now(),
    }
}

/// How many corrections wait, and how many start a training by `policy`.
///
/// # Errors
/// [`RunError`] of the store.
pub async fn outlook(store: &Store, policy: &ReusePolicy) -> Result<Outlook, RunError> {
    Ok(Outlook {
        waiting: Waiting::read(store).await?.count(),
        threshold: policy.enough_corrections(),
    })
}
