//! Gives people back the labels that somebody wrote over.
//!
//! Why: "a person wins" must hold for what people said before Paceline came, too.
//!
//! Invariants: a word is restored as an override like any other: history row, current row and segment in one
//! transaction that extends the chain, by the person who said it; what stands already is not written again.
//! No answer is added to the feedback: nobody has said anything new.
//!
//! Must not know: how the list is shown, who asked for it.

use crate::store::Store;
use crate::store::overrides::LabelChange;
use crate::store::repair::Overwritten;
use crate::vocab::{Label, Source};

use super::people::{answerable, features_of, models_word};
use super::{Ambient, RunError, adopt, retrying};

/// How often a restoration begins again beside runs that write for long.
const RETRIES: usize = 10;

fn failed(error: crate::store::StoreError) -> RunError {
    RunError::store("repair overrides", error)
}

/// The words of people that do not stand, and that nobody took back.
///
/// # Errors
/// [`RunError`] of the store.
pub async fn overwritten(store: &Store) -> Result<Vec<Overwritten>, RunError> {
    store.overwritten(None).await.map_err(failed)
}

/// Why a word cannot be restored; None where it can.
pub fn obstacle(overwritten: &Overwritten) -> Option<String> {
    if overwritten.now.is_none() {
        return Some("it has no current row: a run gives it one first".to_owned());
    }
    let error = overwritten.word.label.parse::<Label>().err()?;
    Some(format!("{error}; set the right one: `paceline override set`"))
}

/// Restores one word; false where there is nothing to restore (any more).
///
/// # Errors
/// [`RunError`] of the store, or of kind data for a workout without a verdict.
pub async fn restore(store: &Store, overwritten: &Overwritten, ambient: &Ambient) -> Result<bool, RunError> {
    retrying(RETRIES, || try_restore(store, &overwritten.workout_id, ambient)).await
}

async fn try_restore(store: &Store, workout_id: &str, ambient: &Ambient) -> Result<bool, RunError> {
    adopt::before_writing(store, ambient).await?;
    // The head goes first: whatever is said of the workout after it makes the write below collide.
    let head = store.chain_head().await.map_err(failed)?;
    let found = store.overwritten(Some(workout_id)).await.map_err(failed)?.pop();
    let Some(found) = found.filter(|found| obstacle(found).is_none()) else {
        return Ok(false);
    };
    let (workout, current) = answerable(store, workout_id).await?;
    let reason = reason(&found);
    let change = LabelChange {
        workout_id,
        previous: &current.classification,
        seen_count: current.change_count,
        label: &found.word.label,
        changed_by: &found.word.by,
        reason: &reason,
        now: ambient.now(),
        features: features_of(&workout),
    };
    let source = match found.word.source.as_str() {
        "admin_correction" => Source::AdminCorrection,
        _ => Source::UserOverride,
    };
    ambient.reached("before_override");
    store
        .set_override(&change, source, Some(models_word(&current)), None, &head)
        .await
        .map_err(failed)?;
    ambient.reached("after_override");
    Ok(true)
}

/// What stands as the reason of the restored label.
fn reason(found: &Overwritten) -> String {
    let word = &found.word;
    let said = word
        .reason
        .as_deref()
        .map_or_else(String::new, |reason| format!(" ({reason})"));
    let by = match &found.by {
        Some(by) => format!("{} on {} ({})", by.by, by.at, by.source),
        None => "somebody who left no word in the history".to_owned(),
    };
    format!(
        "restored: {} said {} on {}{said}, and {by} wrote over it",
        word.by, word.label, word.at
    )
}
