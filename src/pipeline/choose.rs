//! Which model classifies a run: the active one, a freshly trained one, or none.
//!
//! Why: the decision itself is a pure stage; this gathers what it needs, obeys it, and handles what
//! it cannot know: training that fails, and training that gives the active model again.
//!
//! Invariants: nothing is written; a model is used only after its checksum has been verified.
//!
//! Must not know: how the verdicts are written.

use tokio::sync::OnceCell;

use crate::config::Pipeline;
use crate::id::ModelId;
use crate::stage::decide::{ActiveModel, Decision, Fingerprint, Retrain, ReusePolicy, decide};
use crate::stage::features::Bounds;
use crate::stage::frame::{Features, Frame};
use crate::stage::model::{ArtifactError, Model};
use crate::stage::params::Params;
use crate::stage::train::{TrainError, Trained, train};
use crate::store::models::{ModelRow, NewModel};
use crate::store::taught::Answered;
use crate::store::{Store, StoreError};
use crate::time::Timestamp;

use super::gate::{Contest, Gated, params_of};
use super::lessons::Lessons;
use super::prepare::Options;
use super::register::{Parent, new_model};
use super::{Ambient, Kind, RunError, waiting};

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
    /// The answers that the active model was not taught by, where training on them gave it again.
    pub again: Option<Answered>,
}

/// The last candidate that the gate held against the active model and refused.
struct Tried {
    row: ModelRow,
    taught: Answered,
}

/// What a choice needs beside the rows.
pub(super) struct Chooser<'a> {
    store: &'a Store,
    options: &'a Options,
    ambient: &'a Ambient,
    params: Params,
    policy: ReusePolicy,
    seed: u64,
    max_churn: f64,
    registry: Vec<ModelRow>,
    /// How many corrections no model has learnt from.
    waiting: u64,
    /// What people said, once somebody needs it: on a quiet night nobody does.
    lessons: OnceCell<Lessons>,
    tried: Option<Tried>,
}

impl<'a> Chooser<'a> {
    /// Reads the registry, and what people said where that may be a reason to train.
    pub async fn new(
        store: &'a Store,
        pipeline: &Pipeline,
        options: &'a Options,
        ambient: &'a Ambient,
    ) -> Result<Self, RunError> {
        let registry = store.models().await.map_err(|e| RunError::store("decide", e))?;
        let tried = tried(store, &registry).await?;
        let algorithm = options.algorithm.unwrap_or(pipeline.params.algorithm);
        let retrain = options.retrain.unwrap_or(pipeline.reuse.retrain);
        let lessons = match retrain {
            Retrain::Never => None,
            Retrain::Auto | Retrain::Always => Lessons::read_where_any_waits(store).await?,
        };
        let learnt = tried.as_ref().map(|tried| &tried.taught);
        let waits = |lessons: &Lessons| lessons.waiting(learnt.unwrap_or(&Answered::default()));
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
            max_churn: pipeline.max_churn,
            registry,
            waiting: lessons.as_ref().map_or(0, waits),
            lessons: OnceCell::new_with(lessons),
            tried,
        })
    }

    fn active(&self) -> Option<&ModelRow> {
        active_of(&self.registry)
    }

    /// The id of the model that is active now.
    pub fn active_id(&self) -> Option<String> {
        self.active().map(|row| row.model_id.clone())
    }

    /// What training may use.
    pub fn bounds(&self) -> &Bounds {
        &self.params.bounds
    }

    /// What people said, always the same: what comes while a model is trained is not among what it was taught.
    async fn lessons(&self) -> Result<&Lessons, RunError> {
        self.lessons.get_or_try_init(|| Lessons::read(self.store)).await
    }

    /// The workouts that people have answered, one or more times each.
    pub async fn answered(&self) -> Result<impl Iterator<Item = &str>, RunError> {
        let answers = self.lessons().await?.feedback().answers();
        Ok(answers.iter().map(|answer| answer.workout_id.as_str()))
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

    /// Decides by what there is to learn from. Where a candidate was refused, the reasons count from that
    /// training: what was tried and did not do is not tried again every night.
    pub fn decision(&self, fingerprint: &Fingerprint) -> Decision {
        let facts = self.facts();
        decide(
            facts.as_ref(),
            fingerprint,
            self.waiting,
            &self.params,
            &self.policy,
            self.ambient.now(),
        )
    }

    fn facts(&self) -> Option<ActiveModel> {
        self.active().map(|row| facts(row, self.tried.as_ref()))
    }

    /// Does what was decided. `features` are what a model is trained on; they may be missing where none is.
    pub async fn follow(&self, decision: Decision, features: Option<&Frame<Features>>) -> Result<Choice, RunError> {
        match decision {
            Decision::Reuse { reason, .. } => self.reuse(self.since_tried(reason.to_string())).await,
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
                let facts = self.facts();
                let lessons = self.lessons().await?;
                let started = self.ambient.now();
                self.ambient.progress.begin("training", None);
                let trained = train(features, lessons.feedback(), &self.params, self.seed);
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
            again: None,
        })
    }

    fn since_tried(&self, reason: String) -> String {
        match &self.tried {
            Some(tried) => format!("{reason}, since {} was refused by the gate", tried.row.model_id),
            None => reason,
        }
    }

    /// Holds a fresh model against the active one; None where there is none to hold it against.
    async fn judge(
        &self,
        ground: &Frame<Features>,
        fresh: &NewModel,
        churn: Option<f64>,
    ) -> Result<Option<Gated>, RunError> {
        let contest = Contest {
            ground,
            lessons: self.lessons().await?,
            params: &self.params,
            seed: self.seed,
            churn,
            max_churn: (!self.options.accept_churn).then_some(self.max_churn),
        };
        contest.judge(self.store, fresh, self.active()).await
    }

    /// What the gate says of a fresh model, and whether it refused that very model before; of any other,
    /// nothing.
    pub async fn gate(
        &self,
        chosen: &Chosen,
        ground: &Frame<Features>,
        churn: Option<f64>,
    ) -> Result<(Option<Gated>, bool), RunError> {
        match chosen {
            Chosen::Fresh(fresh) => Ok((self.judge(ground, fresh, churn).await?, self.was_refused(fresh))),
            Chosen::Active(_) | Chosen::EraOnly => Ok((None, false)),
        }
    }

    /// True where the gate refused this model before, byte for byte.
    fn was_refused(&self, fresh: &NewModel) -> bool {
        let sha256 = self
            .tried
            .as_ref()
            .and_then(|tried| tried.row.artifact_sha256.as_deref());
        sha256 == Some(&fresh.artifact_sha256)
    }

    /// The model that a fresh one descends from: the active one unless the caller names another.
    fn parent(&self) -> Result<Option<&ModelRow>, RunError> {
        let Some(wanted) = &self.options.parent else {
            return Ok(self.active());
        };
        let found = self.registry.iter().find(|row| row.model_id == *wanted);
        let missing = || RunError::store("train", StoreError::NoSuchModel(wanted.clone()));
        Ok(Some(found.ok_or_else(missing)?))
    }

    /// A freshly trained model is a new version, unless it is the active one again, byte for byte.
    async fn adopt(&self, trained: Trained, started: Timestamp, reason: String) -> Result<Choice, RunError> {
        let parent = match self.parent()? {
            // A parent whose artifact is damaged still has a version to count from.
            Some(row) => Some(Parent {
                row,
                model: stored_model(self.store, &row.model_id).await?.ok(),
            }),
            None => None,
        };
        let sha256 = trained.model.sha256();
        let same = |row: &&ModelRow| row.artifact_sha256.as_deref() == Some(&sha256);
        // By what is stored: the checksum alone would keep a model whose artifact is damaged, and only this
        // run, which has it in memory, could go on.
        if let Some(row) = self.active().filter(same)
            && stored_model(self.store, &row.model_id).await?.is_ok()
        {
            return self.given_again(row, trained.model, &reason).await;
        }
        let now = self.ambient.now();
        let model_id = ModelId::generate(now, |id| self.registry.iter().any(|row| row.model_id == id));
        let fresh = NewModel {
            trained_at: now,
            training_duration_sec: (now.micros() - started.micros()) as f64 / 1e6,
            notes: self.options.notes.clone(),
            taught: self.lessons().await?.answered(),
            ..new_model(model_id, &self.params, &trained, parent.as_ref(), &self.registry)
        };
        Ok(Choice {
            chosen: Chosen::Fresh(Box::new(fresh)),
            model: trained.model,
            decision: reason,
            again: None,
        })
    }

    /// What it was not taught by has been learnt all the same: training on it changes nothing.
    async fn given_again(&self, row: &ModelRow, model: Model, reason: &str) -> Result<Choice, RunError> {
        let taught = self.store.taught_by(&row.model_id).await;
        let taught = taught.map_err(|e| RunError::store("decide", e))?;
        Ok(Choice {
            chosen: Chosen::Active(Box::new(row.clone())),
            model,
            decision: format!("{reason}; training gave it again, byte for byte"),
            again: Some(self.lessons().await?.beside(&taught)),
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
            again: None,
        })
    }
}

fn active_of(registry: &[ModelRow]) -> Option<&ModelRow> {
    registry.iter().find(|row| row.status == "active")
}

async fn tried(store: &Store, registry: &[ModelRow]) -> Result<Option<Tried>, RunError> {
    let Some(active) = active_of(registry) else {
        return Ok(None);
    };
    let Some(last) = waiting::Tried::against(store, &active.model_id).await? else {
        return Ok(None);
    };
    let row = registry.iter().find(|row| row.model_id == last.model_id);
    Ok(row.cloned().map(|row| Tried {
        row,
        taught: last.taught,
    }))
}

/// What `decide` needs of the active model: the facts of its training, or of the last one that was tried
/// and refused.
fn facts(active: &ModelRow, tried: Option<&Tried>) -> ActiveModel {
    let row = tried.map_or(active, |tried| &tried.row);
    let trained_at = row.trained_at.as_deref().and_then(|text| text.parse().ok());
    ActiveModel {
        model_id: ModelId::new(active.model_id.as_str()),
        hyperparameters: params_of(row).filter(|_| !row.is_of_another_tool()),
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

/// As [`load_model`], with what is wrong with the artifact as a value.
pub(super) async fn stored_model(store: &Store, model_id: &str) -> Result<Result<Model, ArtifactError>, RunError> {
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
