//! What people say: answers are kept, corrections are obeyed at once, and taken back when asked.
//!
//! Why: the whole loop exists for this; a person who is not obeyed at once does not correct twice.
//!
//! Invariants: a correction, its history row, the override and the feedback are one transaction; the
//! same answer given again is not a second one; only a workout that has a verdict can be answered.
//!
//! Must not know: how answers are asked for, or how they teach.

use crate::ingest::Workout;
use crate::stage::classify::{Explanation, explain};
use crate::stage::features::{duration_min, features_json};
use crate::stage::feedback::{DEFAULT_CERTAINTY, MAX_CERTAINTY};
use crate::store::Store;
use crate::store::classifications::StoredClassification;
use crate::store::feedback::NewFeedback;
use crate::store::overrides::{LabelChange, Opinion};
use crate::vocab::{FeedbackType, Label, Source};

use super::adopt;
use super::choose::load_model;
use super::{Ambient, Kind, RunError, retrying};

/// How often an answer is tried again: a person waits for it, beside runs that write for long.
const RETRIES: usize = 10;

/// One thing that a person says of one workout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// The workout.
    pub workout_id: String,
    /// Accept, reject, correct, uncertain.
    pub feedback_type: FeedbackType,
    /// For a correction, what is right.
    pub label: Option<Label>,
    /// 1 (a guess) to 5 (sure).
    pub certainty: u8,
    /// Free text.
    pub comment: Option<String>,
    /// The person.
    pub user: String,
    /// True where an administrator corrects: the history says so.
    pub admin: bool,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recorded {
    /// Kept; no label changed.
    Kept,
    /// The label is the person's from now on.
    Overridden {
        /// The label before.
        from: String,
        /// The person's.
        to: String,
    },
    /// The person had said just that before; nothing was written.
    Already,
}

/// A workout that returned to the model's opinion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cleared {
    /// The person's label.
    pub from: String,
    /// The model's.
    pub to: String,
}

fn refused(what: String, hint: &str) -> RunError {
    RunError::new("feedback", Kind::Data, what, hint)
}

fn failed(error: crate::store::StoreError) -> RunError {
    RunError::store("feedback", error)
}

impl Said {
    /// Checks what the types cannot: a label exactly where a correction is, certainty 1 to 5.
    fn check(&self) -> Result<(), RunError> {
        if !(1..=MAX_CERTAINTY).contains(&self.certainty) {
            let what = format!("certainty {} is outside 1 (a guess) to 5 (sure)", self.certainty);
            return Err(refused(what, "give --certainty 1, 2, 3, 4 or 5"));
        }
        match (self.feedback_type, self.label) {
            (FeedbackType::Correct, None) => Err(refused(
                "a correction without a label".to_owned(),
                "say what is right: --label real_run or pup_walk",
            )),
            (FeedbackType::Correct, Some(_)) | (_, None) => Ok(()),
            (other, Some(label)) => {
                let what = format!("'{other}' takes no label, and '{label}' was given");
                Err(refused(what, "to set a label, give --type correct"))
            }
        }
    }
}

/// Records what a person said; a correction also sets the override.
///
/// # Errors
/// [`RunError`] of kind data for an unknown or never classified workout, a missing or superfluous
/// label, a certainty outside 1 to 5; otherwise of the store.
pub async fn say(store: &Store, said: &Said, ambient: &Ambient) -> Result<Recorded, RunError> {
    said.check()?;
    retrying(RETRIES, || try_say(store, said, ambient)).await
}

async fn try_say(store: &Store, said: &Said, ambient: &Ambient) -> Result<Recorded, RunError> {
    adopt::before_writing(store, ambient).await?;
    // The head goes first: a verdict that comes between makes the write below collide.
    let head = store.chain_head().await.map_err(failed)?;
    let (workout, current) = answerable(store, &said.workout_id).await?;
    let feedback = feedback_of(said, &current, ambient);
    let latest = store
        .latest_feedback(&said.workout_id, &said.user)
        .await
        .map_err(failed)?;
    let repeats = latest.is_some_and(|latest| latest.says(&feedback));
    let Some(label) = said.label else {
        if repeats {
            return Ok(Recorded::Already);
        }
        store.add_feedback(&feedback).await.map_err(failed)?;
        return Ok(Recorded::Kept);
    };
    if repeats && current.is_user_override && current.classification == label.as_str() {
        return Ok(Recorded::Already);
    }
    let source = if said.admin {
        Source::AdminCorrection
    } else {
        Source::UserOverride
    };
    let reason = said
        .comment
        .clone()
        .unwrap_or_else(|| format!("{} says {label}", said.user));
    let change = LabelChange {
        workout_id: &said.workout_id,
        previous: &current.classification,
        seen_count: current.change_count,
        label: label.as_str(),
        changed_by: &said.user,
        reason: &reason,
        now: ambient.now(),
        features: features_of(&workout),
    };
    ambient.reached("before_override");
    store
        .set_override(&change, source, Some(models_word(&current)), Some(&feedback), &head)
        .await
        .map_err(failed)?;
    ambient.reached("after_override");
    Ok(Recorded::Overridden {
        from: current.classification,
        to: label.to_string(),
    })
}

/// What the model says of a workout, whoever's label stands there.
pub(super) fn models_word(current: &StoredClassification) -> &str {
    let original = current
        .original_ml_classification
        .as_deref()
        .filter(|_| current.is_user_override);
    original.unwrap_or(&current.classification)
}

fn feedback_of(said: &Said, current: &StoredClassification, ambient: &Ambient) -> NewFeedback {
    let models_word = models_word(current).to_owned();
    let label = match said.feedback_type {
        FeedbackType::Accept => Some(models_word.clone()),
        FeedbackType::Correct => said.label.map(|label| label.to_string()),
        FeedbackType::Reject | FeedbackType::Uncertain => None,
    };
    NewFeedback {
        workout_id: said.workout_id.clone(),
        ai_classification: models_word,
        ai_confidence: current.confidence.filter(|_| !current.is_user_override),
        user_classification: label,
        feedback_type: said.feedback_type,
        certainty: said.certainty,
        comments: said.comment.clone(),
        model_id: current.model_id.clone(),
        method: current.method.clone(),
        user: said.user.clone(),
        submitted_at: ambient.now(),
    }
}

/// The workout and its verdict; only both together can be answered.
pub(super) async fn answerable(store: &Store, workout_id: &str) -> Result<(Workout, StoredClassification), RunError> {
    let Some(workout) = store.workout(workout_id).await.map_err(failed)? else {
        return Err(refused(
            format!("there is no workout '{workout_id}'"),
            "`paceline classifications` lists the ids",
        ));
    };
    let Some(current) = store.classification(workout_id).await.map_err(failed)? else {
        let what = format!("workout {workout_id} has never been classified, so there is nothing to answer");
        return Err(refused(
            what,
            "run a pipeline over it first: `paceline run PIPELINE.toml`",
        ));
    };
    Ok((workout, current))
}

pub(super) fn features_of(workout: &Workout) -> String {
    features_json(
        workout.avg_pace,
        workout.distance_mi,
        workout.duration_sec.map(duration_min),
    )
}

/// Returns a workout to the active model's opinion, and takes the person's answer back: it teaches no
/// more.
///
/// # Errors
/// [`RunError`] of kind data where there is no override to clear or no active model to ask.
pub async fn clear(
    store: &Store,
    workout_id: &str,
    user: &str,
    reason: &str,
    ambient: &Ambient,
) -> Result<Cleared, RunError> {
    retrying(RETRIES, || try_clear(store, workout_id, user, reason, ambient)).await
}

async fn try_clear(
    store: &Store,
    workout_id: &str,
    user: &str,
    reason: &str,
    ambient: &Ambient,
) -> Result<Cleared, RunError> {
    adopt::before_writing(store, ambient).await?;
    let head = store.chain_head().await.map_err(failed)?;
    let (workout, current) = answerable(store, workout_id).await?;
    if !current.is_user_override {
        let what = format!(
            "workout {workout_id} is {} by the model; no person has set it",
            current.classification
        );
        return Err(refused(what, "`paceline override list` shows what people set"));
    }
    let Some(active) = store.active_model().await.map_err(failed)? else {
        let hint = "`paceline run PIPELINE.toml` trains one, `paceline model activate ID` takes one from the registry";
        return Err(refused(
            "no model is active, so there is no opinion to return to".to_owned(),
            hint,
        ));
    };
    let model = load_model(store, &active.model_id).await?;
    let minutes = workout.duration_sec.map(duration_min);
    let opinion: Explanation = explain(&model, workout.date, workout.avg_pace, workout.distance_mi, minutes);
    let change = LabelChange {
        workout_id,
        previous: &current.classification,
        seen_count: current.change_count,
        label: opinion.label.as_str(),
        changed_by: user,
        reason,
        now: ambient.now(),
        features: features_of(&workout),
    };
    let words = Opinion {
        model: Some((&active.model_id, &active.model_version)),
        confidence: opinion.confidence,
        method: opinion.method,
    };
    let said = Said {
        workout_id: workout_id.to_owned(),
        feedback_type: FeedbackType::Uncertain,
        label: None,
        certainty: DEFAULT_CERTAINTY,
        comment: Some(reason.to_owned()),
        user: user.to_owned(),
        admin: false,
    };
    let taken_back = feedback_of(&said, &current, ambient);
    ambient.reached("before_override");
    store
        .clear_override(&change, &words, Some(&taken_back), &head)
        .await
        .map_err(failed)?;
    ambient.reached("after_override");
    Ok(Cleared {
        from: current.classification,
        to: opinion.label.to_string(),
    })
}
