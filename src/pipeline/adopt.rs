//! Adoption before writing: what others wrote is sealed before anything of ours goes on top of it.
//!
//! Why: rows of others have their place in the history by the moment in which they are sealed; sealed
//! later than our own row on the same workout they would seem to have come after it.
//!
//! Invariants: every command that writes verdicts calls [`before_writing`] before it reads the head.
//!
//! Must not know: how replay judges what was adopted.

use crate::store::Store;
use crate::store::adopt::{Adoption, Scope};

use super::{Ambient, RunError, retrying};

/// How often an adoption begins again: each writer that comes between makes it collide.
const TRIES: usize = 6;

fn failed(error: crate::store::StoreError) -> RunError {
    RunError::store("adopt", error)
}

/// Adopts what others have written openly, where there is anything.
///
/// # Errors
/// [`RunError`] of the store; transient where another writer came between: the caller begins again.
pub async fn before_writing(store: &Store, ambient: &Ambient) -> Result<(), RunError> {
    if !store.may_adopt().await.map_err(failed)? {
        return Ok(());
    }
    ambient.reached("before_adopt");
    let adopted = store.adopt(Scope::Openly, ambient.now()).await.map_err(failed)?;
    if let Some(Adoption { rows, states, .. }) = adopted {
        tracing::warn!(rows, states, "adopted what others had written to the history");
        ambient.reached("after_adopt");
    }
    Ok(())
}

/// Adopts, and begins again where another writer came between.
///
/// # Errors
/// [`RunError`] of the store.
pub async fn adopt(store: &Store, scope: Scope, ambient: &Ambient) -> Result<Option<Adoption>, RunError> {
    retrying(TRIES, || async {
        store.adopt(scope, ambient.now()).await.map_err(failed)
    })
    .await
}
