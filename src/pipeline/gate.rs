//! The gate in a run: a fresh model against the active one, on what people said and on churn.
//!
//! Why: the comparison itself is a pure stage; this gathers what it needs, and says what became of the
//! candidate in the words that the report, the registry and the ledger share.
//!
//! Invariants: nothing is written here; a candidate is compared with the model that the run saw as active,
//! and with none where none was or where its artifact cannot be read.
//!
//! Must not know: what is done with a candidate that is refused.

use serde::Serialize;

use crate::id::RunId;
use crate::stage::frame::{Features, Frame};
use crate::stage::gate::{Active, Candidate, Evaluation, Limits, evaluate};
use crate::stage::model::Model;
use crate::stage::params::Params;
use crate::stage::train::TrainError;
use crate::store::Store;
use crate::store::evaluations::NewEvaluation;
use crate::store::models::{ModelRow, NewModel};
use crate::time::Timestamp;

use super::choose::stored_model;
use super::lessons::Lessons;
use super::{Kind, RunError};

/// The smallest p that is not significant.
pub const ALPHA: f64 = 0.05;

/// A candidate, the model that it was held against, and what the gate says.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Gated {
    /// The candidate.
    pub model_id: String,
    /// Its version.
    pub model_version: String,
    /// The model that was active.
    pub compared_with: String,
    /// True where the candidate may become active without being forced.
    pub admitted: bool,
    /// The comparison.
    #[serde(flatten)]
    pub evaluation: Evaluation,
}

impl Gated {
    /// The evidence as it is stored.
    pub fn evidence(&self, run_id: Option<&RunId>, now: Timestamp) -> NewEvaluation {
        NewEvaluation {
            model_id: self.model_id.clone(),
            compared_with: Some(self.compared_with.clone()),
            run_id: run_id.cloned(),
            evaluation: self.evaluation.clone(),
            force: None,
            evaluated_at: now,
        }
    }

    /// Why the candidate is not in production, for its registry row.
    pub fn note(&self) -> String {
        format!(
            "refused by the gate against {}: {}",
            self.compared_with, self.evaluation.reason
        )
    }

    /// The failure of a command whose candidate was refused.
    pub fn refusal(&self) -> RunError {
        let (id, active) = (&self.model_id, &self.compared_with);
        let found = format!(
            "the candidate {id} ({}) was refused: {}",
            self.model_version, self.evaluation.reason
        );
        let churn = self.evaluation.churn.zip(self.evaluation.limits.max_churn);
        let accept = match churn {
            Some((churn, limit)) if churn > limit => "run again with --accept-churn, ",
            _ => "",
        };
        let hint = format!(
            "nothing was classified and {active} stays active: `--retrain never` goes on with it; look at \
             `paceline model compare {active} {id}`, then {accept}correct the answers that are wrong, or take it all \
             the same: `paceline model activate {id} --force --reason ..`"
        );
        RunError::new("gate", Kind::Gate, found, hint)
    }
}

/// What the gate is to compare.
pub struct Contest<'a> {
    /// What the models are trained and judged on.
    pub ground: &'a Frame<Features>,
    /// What people said.
    pub lessons: &'a Lessons,
    /// The candidate's parameters.
    pub params: &'a Params,
    /// Its seed.
    pub seed: u64,
    /// The share of classified workouts that it would relabel, where that is known.
    pub churn: Option<f64>,
    /// The largest that needs no better labels; None: any.
    pub max_churn: Option<f64>,
}

impl Contest<'_> {
    /// Holds the candidate against `active`, which `model` is the artifact of; reads what that was taught by.
    ///
    /// # Errors
    /// [`RunError`] of the store; of kind config where the parameters give no model.
    pub async fn against(&self, store: &Store, active: &ModelRow, model: &Model) -> Result<Evaluation, RunError> {
        let taught = store.taught_by(&active.model_id).await;
        let taught = self
            .lessons
            .only(&taught.map_err(|error| RunError::store("gate", error))?);
        let params = params_of(active);
        let candidate = Candidate {
            params: self.params,
            seed: self.seed,
            churn: self.churn,
        };
        let active = Active {
            model,
            params: params.as_ref(),
            taught: &taught,
        };
        let limits = Limits {
            alpha: ALPHA,
            max_churn: self.max_churn,
        };
        let judged = evaluate(self.ground, self.lessons.feedback(), &candidate, &active, &limits);
        judged.map_err(|error: TrainError| {
            RunError::new(
                "gate",
                Kind::Config,
                error,
                "train with other parameters, or on a wider window",
            )
        })
    }

    /// What becomes of `fresh` beside `active`; None where there is nothing to hold it against.
    ///
    /// # Errors
    /// As [`Contest::against`].
    pub async fn judge(
        &self,
        store: &Store,
        fresh: &NewModel,
        active: Option<&ModelRow>,
    ) -> Result<Option<Gated>, RunError> {
        let Some(active) = active else { return Ok(None) };
        let Ok(model) = stored_model(store, &active.model_id).await? else {
            tracing::warn!(
                model_id = active.model_id,
                "the active model cannot be read: the candidate is not compared"
            );
            return Ok(None);
        };
        let evaluation = self.against(store, active, &model).await?;
        Ok(Some(Gated {
            model_id: fresh.model_id.to_string(),
            model_version: fresh.model_version.clone(),
            compared_with: active.model_id.clone(),
            admitted: evaluation.verdict.admits(),
            evaluation,
        }))
    }
}

/// The parameters that a registered model was trained with; None where another tool stored them in a form
/// of its own.
pub fn params_of(row: &ModelRow) -> Option<Params> {
    serde_json::from_str(row.hyperparameters.as_ref()?.get()).ok()
}
