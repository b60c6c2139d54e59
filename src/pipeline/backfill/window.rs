//! One slice of a window: loaded, classified and compared with the stored state, ready to be written.
//!
//! Why: this is the part of a backfill that can be done for several slices at once.
//!
//! Invariants: nothing is written; the chain's head is read before the state, so that a write based on this
//! state collides with any write of another that came between; only the slice's rows are in memory.
//!
//! Must not know: other slices, or which window this one is of.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::audit::chain::Link;
use crate::stage::classify::verdicts;
use crate::stage::diff::{ChangeSet, diff};
use crate::stage::features::{Activities, Featurized, featurize_all};
use crate::stage::frame::{Classifications, Features, Frame, Predictions};
use crate::stage::model::Model;
use crate::store::quarantine::Quarantined;
use crate::store::runs::RowCounts;
use crate::store::slices::Stretch;
use crate::store::{Store, StoreError};

use super::super::prepare::row_counts;
use super::super::{Ambient, RunError};

/// What preparing a slice needs, the same for all of them.
#[derive(Clone)]
pub(super) struct Preparer {
    pub store: Store,
    pub activities: Arc<Activities>,
    pub model: Arc<Model>,
    pub model_id: Option<String>,
    pub ambient: Ambient,
}

/// A slice, ready to be written.
pub(super) struct Ready {
    /// The chain's head when the state was read.
    pub head: Link,
    pub features: Frame<Features>,
    pub predictions: Frame<Predictions>,
    pub current: Frame<Classifications>,
    pub changes: ChangeSet,
    pub rows: RowCounts,
    pub skipped: BTreeMap<String, u64>,
    pub refused: Vec<Quarantined>,
}

impl Preparer {
    /// Everything up to the diff.
    ///
    /// # Errors
    /// [`RunError`] of the stage that failed.
    pub async fn prepare(&self, slice: &Stretch) -> Result<Ready, RunError> {
        let load = |error: StoreError| RunError::store("load", error);
        let head = self.store.chain_head().await.map_err(load)?;
        let loaded = self.store.stretch_workouts(slice).await.map_err(load)?;
        let read = (loaded.frame.height() + loaded.refused.len()) as u64;
        let featurized = featurize_all(loaded.frame, &self.activities);
        let Featurized { features, skipped } = featurized.map_err(|e| RunError::bug("featurize", e))?;
        let current = self.store.stretch_state(slice).await.map_err(load)?;
        self.ambient.reached("after_window_load");
        let predictions = verdicts(&features, &self.model).map_err(|e| RunError::bug("classify", e))?;
        let changes = diff(&current, &predictions, self.model_id.as_deref());
        self.ambient.reached("after_window_diff");
        let rows = row_counts(read, &predictions, &skipped, loaded.refused.len());
        Ok(Ready {
            head,
            features,
            predictions,
            current,
            changes,
            rows,
            skipped,
            refused: loaded.refused,
        })
    }
}
