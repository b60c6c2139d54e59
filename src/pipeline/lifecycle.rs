//! Which model is in production, changed by a person: activate, roll back, withdraw.
//!
//! Why: the store's step is compare-and-swap on what the caller saw as active. Here is the looking, the
//! check that the model can be read, and patience with passing faults.
//!
//! Invariants: what was seen as active is looked up once; a step that lost a race is not tried again, because
//! who asked for it had another model in mind; a model whose artifact cannot be read is not activated.
//!
//! Must not know: how it is asked for, or printed.

use crate::store::Store;
use crate::time::Timestamp;
use crate::vocab::ModelStatus;

use super::again::retried;
use super::choose::load_model;
use super::{Kind, RunError};

/// A change of the model in production.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Activation {
    /// The model that is active now.
    pub activated: String,
    /// The one that was.
    pub was_active: Option<String>,
}

fn failed(error: crate::store::StoreError) -> RunError {
    RunError::store("activate", error)
}

/// Puts an archived model in production.
///
/// # Errors
/// [`RunError`] for a model that does not exist, is not archived or cannot be read; where another process
/// was first; of the store.
pub async fn activate(store: &Store, model_id: &str, now: Timestamp) -> Result<Activation, RunError> {
    let seen = seen_active(store).await?;
    swap(store, model_id, seen, now).await
}

/// Puts the model in production that was active before the present one.
///
/// # Errors
/// [`RunError`] of kind data where there is none; else as [`activate`].
pub async fn rollback(store: &Store, now: Timestamp) -> Result<Activation, RunError> {
    let seen = seen_active(store).await?;
    let previous = retried(|| async { store.previous_active_model().await.map_err(failed) }).await?;
    let Some(previous) = previous else {
        let hint = "`paceline model list` shows every version; `paceline model activate ID` takes any archived one";
        return Err(RunError::new(
            "rollback",
            Kind::Data,
            "no archived model was ever active",
            hint,
        ));
    };
    swap(store, &previous, seen, now).await
}

/// Withdraws a model: `deprecated` from active, `failed` from any status.
///
/// # Errors
/// [`RunError`] for a model that does not exist or is not active; of the store.
pub async fn retire(
    store: &Store,
    model_id: &str,
    to: ModelStatus,
    reason: &str,
    now: Timestamp,
) -> Result<(), RunError> {
    retried(|| async {
        let retired = store.retire_model(model_id, to, reason, now).await;
        retired.map_err(|error| RunError::store("retire", error))
    })
    .await
}

async fn seen_active(store: &Store) -> Result<Option<String>, RunError> {
    let active = retried(|| async { store.active_model().await.map_err(failed) }).await?;
    Ok(active.map(|row| row.model_id))
}

async fn swap(store: &Store, model_id: &str, seen: Option<String>, now: Timestamp) -> Result<Activation, RunError> {
    retried(|| async { store.model(model_id).await.map_err(failed) }).await?;
    // A model whose artifact cannot be read would stop the next night; refuse it now.
    retried(|| load_model(store, model_id)).await?;
    retried(|| async {
        let swapped = store.activate_model(model_id, seen.as_deref(), now).await;
        swapped.map_err(failed)
    })
    .await?;
    Ok(Activation {
        activated: model_id.to_owned(),
        was_active: seen,
    })
}
