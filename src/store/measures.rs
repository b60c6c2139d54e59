//! What a monitor asks of a store: how the last runs went, and how much there is of everything.
//!
//! Why: the ledger knows of every run, whichever process did it; so a monitor that asks the store sees the
//! truth after a restart too, and beside another scheduler.
//!
//! Invariants: only reads; each question is answered from an index or from a small table.
//!
//! Must not know: what the figures are called elsewhere.

use crate::db::error::DbError;
use crate::db::statement::Statement;
use crate::db::value::{Params, Row};
use crate::sql;
use crate::time::Timestamp;

use super::lease::LeaseRow;
use super::runs::{self, LedgerRun};
use super::{Store, StoreError};

static LAST_RUNS: Statement = sql!("query/last_runs");
static LAST_SUCCESSES: Statement = sql!("query/last_successes");
static LEASES: Statement = sql!("query/leases");
static LABELS: Statement = sql!("query/count_labels");
static CHAIN: Statement = sql!("query/chain_size");
static UNSEALED: Statement = sql!("query/unsealed_count");

/// How much the audit trail holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ChainSize {
    /// Segments.
    pub segments: u64,
    /// History rows that they seal.
    pub rows: u64,
    /// History rows that nothing seals: others wrote them, and no run has adopted them yet.
    pub unsealed: u64,
}

/// The lease of one pipeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedLease {
    /// The pipeline.
    pub pipeline: String,
    /// Who holds it, or held it last.
    pub row: LeaseRow,
}

fn lease(row: &Row<'_>) -> Result<NamedLease, DbError> {
    Ok(NamedLease {
        pipeline: row.text(0)?.to_owned(),
        row: LeaseRow {
            fence: row.int(1)?,
            holder: row.opt_string(2)?,
            run_id: row.opt_string(3)?,
            process: row.opt_string(4)?,
            heartbeat_at: row.instant(5)?,
            expires_at: row.instant(6)?,
        },
    })
}

fn count(row: &Row<'_>, index: usize) -> Result<u64, DbError> {
    Ok(row.int(index)?.max(0) as u64)
}

impl Store {
    /// The last run of each pipeline that came to its end, by pipeline.
    ///
    /// # Errors
    /// [`StoreError::Db`].
    pub async fn last_runs(&self) -> Result<Vec<LedgerRun>, StoreError> {
        let mut runs = self.rows(&LAST_RUNS, &Params::none(), runs::decode).await?;
        runs.dedup_by(|next, kept| next.pipeline == kept.pipeline);
        Ok(runs)
    }

    /// When each pipeline succeeded last, by pipeline; those that never did are left out.
    ///
    /// # Errors
    /// [`StoreError::Db`].
    pub async fn last_successes(&self) -> Result<Vec<(String, Timestamp)>, StoreError> {
        let decode = |row: &Row<'_>| Ok(row.opt_instant(1)?.map(|at| (row.text(0).map(str::to_owned), at)));
        let found = self.rows(&LAST_SUCCESSES, &Params::none(), decode).await?;
        let named = found.into_iter().flatten().map(|(name, at)| Ok((name?, at)));
        named.collect()
    }

    /// Every pipeline's lease, by pipeline.
    ///
    /// # Errors
    /// [`StoreError::Db`].
    pub async fn leases(&self) -> Result<Vec<NamedLease>, StoreError> {
        self.rows(&LEASES, &Params::none(), lease).await
    }

    /// How many workouts have each label now, by label.
    ///
    /// # Errors
    /// [`StoreError::Db`].
    pub async fn label_counts(&self) -> Result<Vec<(String, u64)>, StoreError> {
        let decode = |row: &Row<'_>| Ok((row.text(0)?.to_owned(), count(row, 1)?));
        self.rows(&LABELS, &Params::none(), decode).await
    }

    /// How much the audit trail holds.
    ///
    /// # Errors
    /// [`StoreError::Db`].
    pub async fn chain_size(&self) -> Result<ChainSize, StoreError> {
        let decode = |row: &Row<'_>| Ok((count(row, 0)?, count(row, 1)?));
        let (segments, rows) = self.row(&CHAIN, &Params::none(), decode).await?.unwrap_or_default();
        Ok(ChainSize {
            segments,
            rows,
            unsealed: self.unsealed().await?,
        })
    }

    /// How many history rows nothing seals.
    ///
    /// # Errors
    /// [`StoreError::Db`].
    pub async fn unsealed(&self) -> Result<u64, StoreError> {
        let decode = |row: &Row<'_>| Ok(count(row, 0)?.saturating_sub(count(row, 1)?));
        Ok(self.row(&UNSEALED, &Params::none(), decode).await?.unwrap_or_default())
    }
}
