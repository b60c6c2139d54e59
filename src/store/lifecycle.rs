//! The lifecycle of a model: registered, active, archived, deprecated, failed.
//!
//! Why: activation is the one step where two processes can do harm together, so it is one transaction
//! that names the model its caller saw as active.
//!
//! Invariants: at most one model is active, which the schema enforces; a step that loses a race
//! changes nothing and says who won; an artifact is never updated.
//!
//! Must not know: why a model is activated or retired.

use crate::db::error::DbError;
use crate::db::statement::{Expect, Statement, Transaction};
use crate::db::value::Params;
use crate::sql;
use crate::time::Timestamp;
use crate::vocab::ModelStatus;

use super::evaluations::{self, NewEvaluation};
use super::models::{INSERT, NewModel};
use super::taught::{learnt, taught};
use super::{Store, StoreError, settled};

static ARCHIVE: Statement = sql!("query/archive_model");
static ACTIVATE: Statement = sql!("query/activate_model");
static RETIRE: Statement = sql!("query/retire_model");
static PREVIOUS_ACTIVE: Statement = sql!("query/previous_active_model");

/// What becomes of a freshly registered model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Registration {
    /// It replaces the model that the caller saw as active (None: there was none).
    Activate {
        /// The model that the caller saw as active.
        seen_active: Option<String>,
    },
    /// It is kept as archived.
    Archive,
}

impl Store {
    /// Registers a model with what it was taught by and the gate's evidence; for [`Registration::Activate`],
    /// puts it in production and marks those answers as learnt, in the same transaction.
    ///
    /// # Errors
    /// [`StoreError::LostRace`] where another model has become active meanwhile; nothing is written.
    pub async fn register_model(
        &self,
        model: &NewModel,
        registration: &Registration,
        evidence: Option<&NewEvaluation>,
    ) -> Result<(), StoreError> {
        let mut transaction = Transaction::new("register model");
        let status = match registration {
            Registration::Activate { seen_active } => {
                if let Some(seen) = seen_active {
                    transaction = transaction.execute(&ARCHIVE, model_params(seen, model.trained_at), Expect::Rows(1));
                }
                ModelStatus::Active
            }
            Registration::Archive => ModelStatus::Archived,
        };
        let id = model.model_id.as_str();
        let transaction = transaction.insert_many(&INSERT, model.batch(status));
        let mut transaction = with_evidence(taught(transaction, id, &model.taught), evidence);
        if status == ModelStatus::Active {
            transaction = learnt(transaction, id, model.trained_at);
        }
        let registered = settled(self.transact(transaction).await, || async {
            let kept = self.model(id).await?;
            Ok(kept.artifact_sha256.as_deref() == Some(&model.artifact_sha256) && kept.status == status.as_str())
        });
        match (registered.await, registration) {
            (Err(StoreError::Db(error)), Registration::Activate { seen_active }) => Err(self
                .explain_race(error, "activate the new model", seen_active.as_deref())
                .await),
            (result, _) => result,
        }
    }

    /// Puts an archived model in production in the place of the one that the caller saw there, and marks
    /// what it was taught by as learnt; `evidence` is of a model that somebody forces.
    ///
    /// # Errors
    /// [`StoreError::NoSuchModel`]; [`StoreError::WrongStatus`] where it is not archived;
    /// [`StoreError::LostRace`] where another process was first. Nothing is changed then.
    pub async fn activate_model(
        &self,
        model_id: &str,
        seen_active: Option<&str>,
        evidence: Option<&NewEvaluation>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let target = self.model(model_id).await?;
        if target.status != ModelStatus::Archived.as_str() {
            let what = format!("activate {model_id}");
            let active = self.active_model().await?.map(|m| m.model_id);
            if active.as_deref() != seen_active {
                return Err(lost_race(what, seen_active, active.as_deref()));
            }
            return Err(StoreError::WrongStatus {
                model_id: model_id.to_owned(),
                found: target.status,
                needed: "archived",
                verb: "activated",
            });
        }
        let mut transaction = Transaction::new("activate model");
        if let Some(seen) = seen_active {
            transaction = transaction.execute(&ARCHIVE, model_params(seen, now), Expect::Rows(1));
        }
        let transaction = transaction.execute(&ACTIVATE, model_params(model_id, now), Expect::Rows(1));
        let transaction = with_evidence(learnt(transaction, model_id, now), evidence);
        let is_active = || async { self.has_status(model_id, ModelStatus::Active).await };
        match settled(self.transact(transaction).await, is_active).await {
            Err(StoreError::Db(error)) => Err(self
                .explain_race(error, &format!("activate {model_id}"), seen_active)
                .await),
            result => result,
        }
    }

    /// A conflict or duplicate in an activation means that another process was first: say who is
    /// active now. Anything else is passed on.
    async fn explain_race(&self, error: DbError, what: &str, seen: Option<&str>) -> StoreError {
        let raced = match &error {
            DbError::Conflict { .. } | DbError::Transient { .. } => true,
            DbError::Duplicate { detail, .. } => !detail.contains("model_id"),
            _ => false,
        };
        if !raced {
            return error.into();
        }
        match self.active_model().await.map(|active| active.map(|m| m.model_id)) {
            // Nobody was first: a lock was not had, or a connection was lost.
            Ok(active) if active.as_deref() == seen => error.into(),
            Ok(active) => lost_race(what.to_owned(), seen, active.as_deref()),
            Err(_) => error.into(),
        }
    }

    async fn has_status(&self, model_id: &str, status: ModelStatus) -> Result<bool, StoreError> {
        Ok(self.model(model_id).await?.status == status.as_str())
    }

    /// Withdraws a model: `deprecated` from active, `failed` from any status.
    ///
    /// # Errors
    /// [`StoreError::NoSuchModel`], [`StoreError::WrongStatus`]; [`StoreError::Db`] with a conflict
    /// where its status changed meanwhile.
    pub async fn retire_model(
        &self,
        model_id: &str,
        to: ModelStatus,
        reason: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let found = self.model(model_id).await?.status;
        let deprecable = found == ModelStatus::Active.as_str();
        if to == ModelStatus::Deprecated && !deprecable {
            return Err(StoreError::WrongStatus {
                model_id: model_id.to_owned(),
                found,
                needed: "active",
                verb: "deprecated",
            });
        }
        let params = model_params(model_id, now)
            .with("from", found)
            .with("to", to.as_str())
            .with("reason", reason);
        let transaction = Transaction::new("retire model").execute(&RETIRE, params, Expect::Rows(1));
        let is_retired = || async { self.has_status(model_id, to).await };
        settled(self.transact(transaction).await, is_retired).await
    }

    /// The archived model that was active last, or None.
    ///
    /// # Errors
    /// [`StoreError::Db`].
    pub async fn previous_active_model(&self) -> Result<Option<String>, StoreError> {
        self.row(&PREVIOUS_ACTIVE, &Params::none(), |row| Ok(row.text(0)?.to_owned()))
            .await
    }
}

fn with_evidence(transaction: Transaction, evidence: Option<&NewEvaluation>) -> Transaction {
    match evidence {
        Some(evidence) => transaction.insert_many(&evaluations::INSERT, evidence.batch()),
        None => transaction,
    }
}

fn model_params(model_id: &str, now: Timestamp) -> Params {
    Params::none().with("model_id", model_id).with("now", now)
}

fn lost_race(what: String, seen: Option<&str>, now: Option<&str>) -> StoreError {
    let name = |model: Option<&str>| model.unwrap_or("no model").to_owned();
    StoreError::LostRace {
        what,
        seen: name(seen),
        now: name(now),
    }
}
