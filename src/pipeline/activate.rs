//! A registered model is put in production by a person.
//!
//! Why: a model that the gate refused must not get in by the side door unnoticed; a person may overrule the
//! gate, and then says why, for ever.
//!
//! Invariants: a model whose artifact cannot be read is not activated; one that was refused and was never in
//! production needs a reason, which is stored with the evidence that it overrules, in the transaction that
//! activates it. Whoever was active when the caller looked must still be.
//!
//! Must not know: how a model was trained.

use crate::stage::gate::{Evaluation, Limits};
use crate::store::Store;
use crate::store::evaluations::{Force, NewEvaluation, StoredEvaluation};
use crate::store::models::ModelRow;
use crate::time::Timestamp;
use crate::vocab::ModelStatus;

use super::choose::load_model;
use super::gate::ALPHA;
use super::{Ambient, Kind, RETRIES, RunError, retrying};

/// What became of an activation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Activation {
    /// The model that is active now.
    pub activated: String,
    /// The one before it.
    pub was_active: Option<String>,
    /// What the gate had said, where it was overruled.
    pub overruled: Option<String>,
}

fn failed(error: crate::store::StoreError) -> RunError {
    RunError::store("activate", error)
}

/// Activates `model_id`; with `force` also against the gate's word.
///
/// # Errors
/// [`RunError`]: of kind gate for a model that was refused and is not forced; of kind data for an unknown,
/// damaged or withdrawn one; of the store, also where another process was first.
pub async fn activate(
    store: &Store,
    model_id: &str,
    force: Option<&Force>,
    ambient: &Ambient,
) -> Result<Activation, RunError> {
    let (seen, row, evidence) = retrying(RETRIES, || looked_up(store, model_id)).await?;
    let last = last_word(&evidence, seen.as_deref());
    let refusal = last.filter(|last| last.refuses() && row.activated_at.is_none());
    if let Some(refusal) = refusal
        && force.is_none()
    {
        return Err(refused(model_id, refusal));
    }
    let overruling = force.map(|force| NewEvaluation {
        model_id: model_id.to_owned(),
        compared_with: seen.clone(),
        run_id: None,
        evaluation: last.and_then(StoredEvaluation::evaluation).unwrap_or_else(uncompared),
        force: Some(force.clone()),
        evaluated_at: ambient.now(),
    });
    ambient.reached("before_activation");
    let swap = || async {
        let swapped = store.activate_model(model_id, seen.as_deref(), overruling.as_ref(), ambient.now());
        swapped.await.map_err(failed)
    };
    retrying(RETRIES, swap).await?;
    ambient.reached("after_activation");
    Ok(Activation {
        activated: model_id.to_owned(),
        was_active: seen,
        overruled: refusal.map(|refusal| refusal.reason.clone()),
    })
}

/// The model that is active now, the one that is to be, and what the gate has said of it.
async fn looked_up(
    store: &Store,
    model_id: &str,
) -> Result<(Option<String>, ModelRow, Vec<StoredEvaluation>), RunError> {
    let seen = store.active_model().await.map_err(failed)?.map(|row| row.model_id);
    let row = store.model(model_id).await.map_err(failed)?;
    // A model whose artifact cannot be read would stop the next night; refuse it now.
    load_model(store, model_id).await?;
    let evidence = store.evaluations(model_id).await.map_err(failed)?;
    Ok((seen, row, evidence))
}

/// The model that was active before the present one.
///
/// # Errors
/// [`RunError`] of kind data where there is none; of the store.
pub async fn predecessor(store: &Store) -> Result<String, RunError> {
    let look = || async {
        let previous = store.previous_active_model().await;
        previous.map_err(|error| RunError::store("rollback", error))
    };
    retrying(RETRIES, look).await?.ok_or_else(|| {
        let hint = "`paceline model list` shows every version; `paceline model activate ID` takes any archived one";
        RunError::new("rollback", Kind::Data, "no archived model was ever active", hint)
    })
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
    retrying(RETRIES, || async {
        let retired = store.retire_model(model_id, to, reason, now).await;
        retired.map_err(|error| RunError::store("retire", error))
    })
    .await
}

/// The newest comparison with the model that is active, or else the newest of all.
fn last_word<'e>(evidence: &'e [StoredEvaluation], active: Option<&str>) -> Option<&'e StoredEvaluation> {
    let beside = |seen: &&StoredEvaluation| !seen.forced && seen.compared_with.as_deref() == active;
    let compared = |seen: &&StoredEvaluation| !seen.forced;
    evidence.iter().find(beside).or_else(|| evidence.iter().find(compared))
}

fn uncompared() -> Evaluation {
    let limits = Limits {
        alpha: ALPHA,
        ..Limits::default()
    };
    Evaluation::without_evidence(None, &limits)
}

fn refused(model_id: &str, refusal: &StoredEvaluation) -> RunError {
    let against = refusal.compared_with.as_deref().unwrap_or("no model");
    let found = format!(
        "the gate refused {model_id} beside {against} on {} UTC: {}",
        refusal.evaluated_at, refusal.reason
    );
    let hint = format!(
        "look at `paceline model compare {against} {model_id}`; to take it all the same: `paceline model activate \
         {model_id} --force --reason ..`, which is recorded"
    );
    RunError::new("activate", Kind::Gate, found, hint)
}
