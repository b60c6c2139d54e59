//! The figures that a monitor watches, taken from the store at one moment.
//!
//! Why: one look gives them all, whether a command has just ended or a scheduler goes on.
//!
//! Invariants: only reads. The counts by label are taken again only where the chain has grown, because nothing
//! else changes them and they are the one question whose cost grows with the workouts.
//!
//! Must not know: the names under which a monitor keeps them.

use crate::store::Store;
use crate::store::measures::{ChainSize, NamedLease};
use crate::store::models::ModelRow;
use crate::store::runs::LedgerRun;
use crate::time::Timestamp;

use super::RunError;
use super::waiting::Waiting;

/// The figures.
#[derive(Debug, Clone, Default)]
pub struct Measures {
    /// The last run of each pipeline that came to its end, by pipeline.
    pub last_runs: Vec<LedgerRun>,
    /// When each pipeline succeeded last, by pipeline.
    pub last_successes: Vec<(String, Timestamp)>,
    /// Corrections that no model has learnt from.
    pub waiting: u64,
    /// The active model.
    pub active: Option<ModelRow>,
    /// Workouts by their label now.
    pub labels: Vec<(String, u64)>,
    /// The audit trail.
    pub chain: ChainSize,
    /// The leases, by pipeline.
    pub leases: Vec<NamedLease>,
}

impl Measures {
    /// Takes them; `before` is what was taken last.
    ///
    /// # Errors
    /// [`RunError`] of the store.
    pub async fn take(store: &Store, before: Option<&Self>) -> Result<Self, RunError> {
        let fail = |error| RunError::store("metrics", error);
        let chain = store.chain_size().await.map_err(fail)?;
        let labels = match before {
            Some(before) if before.chain.segments == chain.segments && before.chain.rows == chain.rows => {
                before.labels.clone()
            }
            _ => store.label_counts().await.map_err(fail)?,
        };
        Ok(Self {
            last_runs: store.last_runs().await.map_err(fail)?,
            last_successes: store.last_successes().await.map_err(fail)?,
            waiting: Waiting::read(store).await?.count(),
            active: store.active_model().await.map_err(fail)?,
            labels,
            chain,
            leases: store.leases().await.map_err(fail)?,
        })
    }
}
