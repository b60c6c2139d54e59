//! Which model classifies a run: the active one, a freshly trained one, or none.
//!
//! Why: the decision itself is a pure stage; this gathers what it needs, obeys it, and handles what
//! it cannot know: training that fails, and training that gives the active model again.
//!
//! Invariants: nothing is written; a model is used only after its checksum has been verified.
//!
//! Must not know: how the verdicts are written.

use crate::config::Pipeline;
use crate::id::ModelId;
use crate::stage::decide::{ActiveModel, Decision, Fingerprint, Retrain, ReusePolicy, decide};
use crate::stage::features::Bounds;
use crate::stage::feedback::Feedback;
use crate::stage::frame::{Features, Frame};
use crate::stage::model::{ArtifactError, Model};
use crate::stage::params::Params;
use crate::stage::train::{TrainError, Trained, train};
use crate::store::Store;
use crate::store::models::{ModelRow, NewModel};
use crate::time::Timestamp;

use super::prepare::Options;
use super::register::{Parent, new_model};
use super::{Ambient, Kind, RunError};

/// The model that classifies this run.
#[derive(Debug)]
pub enum Chosen {
    /// The active one.
    Active(Box<ModelRow>),
    /// A freshly trained one, not registered yet.
    Fresh(Box<NewModel>),
    /// None: the era rule alone, because the classic algorithm has too little data.
    EraOnly,
}

impl Chosen {
    /// Id and version of the model; None for the era rule.
    pub fn model_ref(&self) -> Option<(&str, &str)> {
        match self {
            Self::Active(row) => Some((&row.model_id, &row.model_version)),
            Self::Fresh(model) => Some((model.model_id.as_str(), &model.model_version)),
            Self::EraOnly => None,
        }
    }
}

/// The outcome: a registry row (there already, or to be), its artifact, and why.
pub(super) struct Choice {
    pub chosen: Chosen,
    pub model: Model,
    pub decision: String,
}

/// What a choice needs beside the rows.
pub(super) struct Chooser<'a> {
    store: &'a Store,
    options: &'a Options,
    ambient: &'a Ambient,
    params: Params,
    policy: ReusePolicy,
    seed: u64,
    registry: Vec<ModelRow>,
}

impl<'a> Chooser<'a> {
    /// Reads the registry.
    pub async fn new(
        store: &'a Store,
        pipeline: &Pipeline,
        options: &'a Options,
        ambient: &'a Ambient,
    ) -> Result<Self, RunError> {
        let registry = store.models().await.map_err(|e| RunError::store("decide", e))?;
        let algorithm = options.algorithm.unwrap_or(pipeline.params.algorithm);
        let retrain = options.retrain.unwrap_or(pipeline.reuse.retrain);
        Ok(Self {
            store,
            options,
            ambient,
            params: Params {
                algorithm,
                ..pipeline.params.clone()
            },
            policy: ReusePolicy {
                retrain,
                ..pipeline.reuse
            },
            seed: options.seed.unwrap_or(pipeline.seed),
            registry,
        })
    }

    fn active(&self) -> Option<&ModelRow> {
        self.registry.iter().find(|row| row.status == "active")
    }

    /// The id of the model that is active now.
    pub fn active_id(&self) -> Option<String> {
        self.active().map(|row| row.model_id.clone())
    }

    /// What training may use.
    pub fn bounds(&self) -> &Bounds {
        &self.params.bounds
    }

    /// True where the rows do not matter, because nothing is trained.
    pub fn never_trains(&self) -> bool {
        self.policy.retrain == Retrain::Never
    }

    /// Decides, and trains on `features` or loads the active model.
    pub async fn choose(&self, features: &Frame<Features>) -> Result<Choice, RunError> {
        let decision = self.decision(&Fingerprint::of(features, &self.params.bounds));
        self.follow(decision, Some(features)).await
    }

    /// Decides by what there is to learn from.
    pub fn decision(&self, fingerprint: &Fingerprint) -> Decision {
        let facts = self.active().map(active_facts);
        let now = self.ambient.now();
        decide(facts.as_ref(), fingerprint, 0, &self.params, &self.policy, now)
    }

    /// Does what was decided. `features` are what a model is trained on; they may be missing where none is.
    pub async fn follow(&self, decision: Decision, features: Option<&Frame<Features>>) -> Result<Choice, RunError> {
        match decision {
            Decision::Reuse { reason, .. } => self.reuse(reason.to_string()).await,
            Decision::NoModel => Err(RunError::new(
                "decide",
                Kind::Config,
                "no model is active and retraining is switched off (retrain never)",
                "run with --retrain auto, or activate a model: `paceline model list`, `paceline model activate ID`",
            )),
            Decision::Train { reason } => {
                let Some(features) = features else {
                    return Err(RunError::bug("train", "a model is to be trained on nothing"));
                };
                let facts = self.active().map(active_facts);
                let started = self.ambient.now();
                self.ambient.progress.begin("training", None);
                let trained = train(features, &Feedback::none(), &self.params, self.seed);
                self.ambient.progress.end();
                match trained {
                    Ok(trained) => self.adopt(trained, started, reason.to_string()).await,
                    Err(TrainError::Params(error)) => {
                        let hint = "correct it in the pipeline file";
                        Err(RunError::new("train", Kind::Config, error, hint))
                    }
                    Err(error) => self.without_training(facts.as_ref(), &error, &reason.to_string()).await,
                }
            }
        }
    }

    async fn reuse(&self, decision: String) -> Result<Choice, RunError> {
        let Some(row) = self.active() else {
            return Err(RunError::bug("decide", "a model is reused and none is active"));
        };
        let model = load_model(self.store, &row.model_id).await?;
        Ok(Choice {
            chosen: Chosen::Active(Box::new(row.clone())),
            model,
            decision,
        })
    }

    /// A freshly trained model is a new version, unless it is the active one again, byte for byte.
    async fn adopt(&self, trained: Trained, started: Timestamp, reason: String) -> Result<Choice, RunError> {
        let active = match self.active() {
            // A parent whose artifact is damaged still has a version to count from.
            Some(row) => Some(Parent {
                row,
                model: stored_model(self.store, &row.model_id).await?.ok(),
            }),
            None => None,
        };
        let sha256 = trained.model.sha256();
        let same = |parent: &&Parent<'_>| {
            // By what is stored: the checksum alone would keep a model whose artifact is damaged, and
            // only this run, which has it in memory, could go on.
            parent.model.is_some() && parent.row.artifact_sha256.as_deref() == Some(&sha256)
        };
        if let Some(Parent { row, .. }) = active.as_ref().filter(same) {
            let decision = format!("{reason}; training gave it again, byte for byte");
            return Ok(Choice {
                chosen: Chosen::Active(Box::new((*row).clone())),
                model: trained.model,
                decision,
            });
        }
        let now = self.ambient.now();
        let model_id = ModelId::generate(now, |id| self.registry.iter().any(|row| row.model_id == id));
        let fresh = NewModel {
            trained_at: now,
            training_duration_sec: (now.micros() - started.micros()) as f64 / 1e6,
            notes: self.options.notes.clone(),
            ..new_model(model_id, &self.params, &trained, active.as_ref(), &self.registry)
        };
        Ok(Choice {
            chosen: Chosen::Fresh(Box::new(fresh)),
            model: trained.model,
            decision: reason,
        })
    }

    /// Too little data to train: an active model of the same algorithm stays, or else the era rule
    /// speaks alone.
    async fn without_training(
        &self,
        facts: Option<&ActiveModel>,
        error: &TrainError,
        reason: &str,
    ) -> Result<Choice, RunError> {
        let algorithm = facts
            .and_then(|f| f.hyperparameters.as_ref())
            .map(|params| params.algorithm);
        if algorithm == Some(self.params.algorithm) {
            return self.reuse(format!("{reason}, but {error}")).await;
        }
        Ok(Choice {
            chosen: Chosen::EraOnly,
            model: Model::fallback_only(&self.params),
            decision: format!("{reason}, but {error}: the era rule speaks alone"),
        })
    }
}

/// What `decide` needs of the active model.
fn active_facts(row: &ModelRow) -> ActiveModel {
    let trained_at = row.trained_at.as_deref().and_then(|text| text.parse().ok());
    ActiveModel {
        model_id: ModelId::new(row.model_id.as_str()),
        hyperparameters: row
            .hyperparameters
            .as_ref()
            .and_then(|json| serde_json::from_str(json.get()).ok()),
        // A training time that cannot be read is older than any policy allows.
        trained_at: trained_at.unwrap_or(Timestamp::from_micros(0)),
        training_rows: row.training_workouts_count.unwrap_or(0).max(0) as u64,
        data_sha256: row.training_data_sha256.clone(),
    }
}

/// A model's artifact, checked against its checksum.
///
/// # Errors
/// [`RunError`] where it is missing, altered, or of an unknown version.
pub async fn load_model(store: &Store, model_id: &str) -> Result<Model, RunError> {
    stored_model(store, model_id).await?.map_err(|error| {
        let hint = format!(
            "restore the artifact from a backup, or retire the model: `paceline model fail {model_id} --reason damaged`, \
             and run again, or take its predecessor: `paceline model rollback`"
        );
        RunError::new("load model", Kind::Data, format!("model {model_id}: {error}"), hint)
    })
}

async fn stored_model(store: &Store, model_id: &str) -> Result<Result<Model, ArtifactError>, RunError> {
    let stored = store
        .artifact(model_id)
        .await
        .map_err(|e| RunError::store("load model", e))?;
    Ok(match stored {
        Some(stored) => Model::from_stored(&stored.artifact, &stored.sha256),
        None => Err(ArtifactError::Malformed {
            reason: "the registry holds none for it".to_owned(),
        }),
    })
}
