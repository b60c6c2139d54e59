//! The stage that chooses between training a model and keeping the active one.
//!
//! Why: training every night would churn labels for nothing; never training would let a model age.
//! The choice is a value with its reason, so a run can say why it did what it did.
//!
//! Invariants: a pure function of the active model, the data's fingerprint, the number of unprocessed
//! corrections, the parameters, the policy and the instant. Rows, parameters and policy unchanged and
//! no new correction, the choice is `Reuse`, whatever the age: training again would give the same
//! artifact.
//!
//! Must not know: the registry.

use std::fmt;

use serde::{Deserialize, Serialize};

pub use super::fingerprint::Fingerprint;
use super::params::Params;
use crate::id::ModelId;
use crate::time::Timestamp;

const MICROS_A_DAY: i64 = 86_400 * 1_000_000;

/// What the registry knows of the model in production.
#[derive(Debug, Clone, PartialEq)]
pub struct ActiveModel {
    /// Its id.
    pub model_id: ModelId,
    /// Its parameters; None where another tool stored them in a form of its own.
    pub hyperparameters: Option<Params>,
    /// When it was trained.
    pub trained_at: Timestamp,
    /// How many valid rows there were ([`Fingerprint::rows`]), also where it used a sample.
    pub training_rows: u64,
    /// Their digest; absent for a model of another tool.
    pub data_sha256: Option<String>,
}

/// Whether a run may train.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Retrain {
    /// When there is a reason.
    #[default]
    Auto,
    /// Every time.
    Always,
    /// Not even without an active model.
    Never,
}

/// When an active model is kept.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReusePolicy {
    /// Whether a run may train.
    pub retrain: Retrain,
    /// A model older than this many days is trained again; without, age is no reason.
    pub max_age_days: Option<u32>,
    /// More new workouts than this share of the training rows are a reason; without, none are.
    pub new_share: Option<f64>,
    /// So many corrections that no model has learnt from are a reason; without, none are. 0 is read as 1.
    pub feedback_threshold: Option<u64>,
}

impl Default for ReusePolicy {
    /// Train when there is a reason: ninety days, a tenth more workouts, or five corrections.
    fn default() -> Self {
        Self {
            retrain: Retrain::Auto,
            max_age_days: Some(90),
            new_share: Some(0.1),
            feedback_threshold: Some(5),
        }
    }
}

impl ReusePolicy {
    /// How many waiting corrections are a reason to train; None where none are.
    pub fn enough_corrections(&self) -> Option<u64> {
        let threshold = self.feedback_threshold?.max(1);
        (self.retrain == Retrain::Auto).then_some(threshold)
    }
}

/// Why a model is trained.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum TrainReason {
    /// There is none in production.
    NoActiveModel,
    /// The policy says always.
    Forced,
    /// The active one was trained with other parameters.
    ParamsChanged {
        /// Which.
        what: Vec<&'static str>,
    },
    /// People corrected so many workouts since the active one was taught.
    Feedback {
        /// How many corrections no model has learnt from.
        unprocessed: u64,
        /// The policy's.
        threshold: u64,
    },
    /// The active one is older than the policy allows, and there are other rows or new corrections.
    TooOld {
        /// Whole days since it was trained.
        age_days: i64,
        /// The policy's.
        max_age_days: u32,
    },
    /// More workouts came than the policy allows.
    NewWorkouts {
        /// How many more there are.
        new: u64,
        /// As a share of the training rows; of 1 where there were none.
        share: f64,
        /// The policy's.
        allowed: f64,
    },
}

/// Why the active model is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ReuseReason {
    /// The policy says never to train.
    NeverRetrain,
    /// The rows are those it was trained on, and nobody corrected any.
    SameData,
    /// The rows differ or were corrected, by less than the policy asks for.
    LittleChange,
}

/// What [`decide`] returns.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum Decision {
    /// Train a model.
    Train {
        /// Why.
        reason: TrainReason,
    },
    /// Classify with the active one.
    Reuse {
        /// The active model.
        #[serde(serialize_with = "as_text")]
        model_id: ModelId,
        /// Why.
        reason: ReuseReason,
    },
    /// There is no active model and the policy forbids training: the run cannot go on.
    NoModel,
}

fn as_text<S: serde::Serializer>(id: &ModelId, s: S) -> Result<S::Ok, S::Error> {
    s.serialize_str(id.as_str())
}

/// Chooses between training on the rows of `data` with `params` and keeping `active`. `unprocessed` is
/// how many corrections there are that no active model has learnt from.
///
/// With `Retrain::Auto`, the first that holds decides: no active model, other parameters, enough
/// corrections (train); the very rows it was trained on and no correction (reuse); too old, too many
/// new workouts (train); otherwise reuse.
pub fn decide(
    active: Option<&ActiveModel>,
    data: &Fingerprint,
    unprocessed: u64,
    params: &Params,
    policy: &ReusePolicy,
    now: Timestamp,
) -> Decision {
    let train = |reason| Decision::Train { reason };
    let Some(active) = active else {
        return match policy.retrain {
            Retrain::Never => Decision::NoModel,
            Retrain::Always | Retrain::Auto => train(TrainReason::NoActiveModel),
        };
    };
    let reuse = |reason| Decision::Reuse {
        model_id: active.model_id.clone(),
        reason,
    };
    match policy.retrain {
        Retrain::Always => return train(TrainReason::Forced),
        Retrain::Never => return reuse(ReuseReason::NeverRetrain),
        Retrain::Auto => {}
    }
    let what = match &active.hyperparameters {
        Some(trained_with) => trained_with.differences(params),
        None => vec!["set of parameters"],
    };
    if !what.is_empty() {
        return train(TrainReason::ParamsChanged { what });
    }
    if let Some(reason) = corrected(unprocessed, policy) {
        return train(reason);
    }
    if unprocessed == 0 && active.data_sha256.as_deref() == Some(data.data_sha256.as_str()) {
        return reuse(ReuseReason::SameData);
    }
    match too_old(active, policy, now).or_else(|| new_workouts(active, data, policy)) {
        Some(reason) => train(reason),
        None => reuse(ReuseReason::LittleChange),
    }
}

fn corrected(unprocessed: u64, policy: &ReusePolicy) -> Option<TrainReason> {
    let threshold = policy.enough_corrections()?;
    (unprocessed >= threshold).then_some(TrainReason::Feedback { unprocessed, threshold })
}

fn too_old(active: &ActiveModel, policy: &ReusePolicy, now: Timestamp) -> Option<TrainReason> {
    let max_age_days = policy.max_age_days?;
    let age = now.micros().saturating_sub(active.trained_at.micros());
    (age > i64::from(max_age_days) * MICROS_A_DAY).then_some(TrainReason::TooOld {
        age_days: age / MICROS_A_DAY,
        max_age_days,
    })
}

fn new_workouts(active: &ActiveModel, data: &Fingerprint, policy: &ReusePolicy) -> Option<TrainReason> {
    let allowed = policy.new_share?;
    let new = data.rows.saturating_sub(active.training_rows);
    let share = new as f64 / active.training_rows.max(1) as f64;
    (share > allowed).then_some(TrainReason::NewWorkouts { new, share, allowed })
}

impl fmt::Display for TrainReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoActiveModel => f.write_str("there is no active model"),
            Self::Forced => f.write_str("the policy asks for a new model every time"),
            Self::ParamsChanged { what } => write!(f, "the active model was trained with another {}", what.join(", ")),
            Self::Feedback { unprocessed, threshold } => write!(
                f,
                "corrections that wait to be learnt: {unprocessed}, the policy asks for {threshold}"
            ),
            Self::TooOld { age_days, max_age_days } => {
                write!(
                    f,
                    "the active model is {age_days} days old, the policy allows {max_age_days}"
                )
            }
            Self::NewWorkouts { new, share, allowed } => write!(
                f,
                "{new} workouts came since the active model was trained, {:.1} % of what it knew; \
                 the policy allows {:.1} %",
                share * 100.0,
                allowed * 100.0
            ),
        }
    }
}

impl fmt::Display for ReuseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NeverRetrain => "the policy never trains",
            Self::SameData => "nothing changed in the workouts it was trained on",
            Self::LittleChange => "little changed, less than the policy asks for",
        })
    }
}

impl fmt::Display for Decision {
    /// A sentence for people.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Train { reason } => write!(f, "train: {reason}"),
            Self::Reuse { model_id, reason } => write!(f, "reuse {model_id}: {reason}"),
            Self::NoModel => f.write_str("there is no active model and the policy never trains"),
        }
    }
}
