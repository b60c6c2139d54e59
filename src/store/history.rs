//! `workout_classification_history`: every verdict there ever was on a workout, read.
//!
//! Why: it is the record that answers "why is this called a walk, and since when".
//!
//! Invariants: append-only; nothing here writes (`write` does, inside a segment).
//!
//! Must not know: how verdicts are made.

use crate::db::error::DbError;
use crate::db::statement::Statement;
use crate::db::value::{Params, Row};
use crate::sql;
use crate::time::Timestamp;

use super::archived::{ArchivedRow, Shelf, rows_in};
use super::{Store, StoreError};

static BY_WORKOUT: Statement = sql!("query/history_by_workout");

/// One row of the history.
#[derive(Debug, Clone, PartialEq)]
pub struct HistoryEntry {
    /// Its number in the store.
    pub history_id: i64,
    /// The label before, None for the first verdict.
    pub previous: Option<String>,
    /// The label after.
    pub new: String,
    /// Where it came from.
    pub source: String,
    /// Its confidence.
    pub confidence: Option<f64>,
    /// Algorithm or `era_fallback`.
    pub method: Option<String>,
    /// The model that said so.
    pub model_id: Option<String>,
    /// That model's version.
    pub model_version: Option<String>,
    /// Who did it.
    pub changed_by: String,
    /// When.
    pub changed_at: Timestamp,
    /// Why.
    pub reason: Option<String>,
    /// The features it was said on, as JSON.
    pub features: Option<String>,
    /// The run that wrote it.
    pub run_id: Option<String>,
    /// The segment that seals it.
    pub segment_id: Option<i64>,
}

fn decode(row: &Row<'_>) -> Result<HistoryEntry, DbError> {
    Ok(HistoryEntry {
        history_id: row.int(0)?,
        previous: row.opt_string(1)?,
        new: row.text(2)?.to_owned(),
        source: row.text(3)?.to_owned(),
        confidence: row.opt_real(4)?,
        method: row.opt_string(5)?,
        model_id: row.opt_string(6)?,
        model_version: row.opt_string(7)?,
        changed_by: row.opt_string(8)?.unwrap_or_default(),
        changed_at: row.instant(9)?,
        reason: row.opt_string(10)?,
        features: row.opt_string(11)?,
        run_id: row.opt_string(12)?,
        segment_id: row.opt_int(13)?,
    })
}

impl From<ArchivedRow> for HistoryEntry {
    fn from(archived: ArchivedRow) -> Self {
        let row = archived.row;
        Self {
            history_id: archived.history_id,
            previous: row.previous_classification,
            new: row.new_classification,
            source: row.classification_source,
            confidence: row.classification_confidence,
            method: row.classification_method,
            model_id: row.model_id,
            model_version: row.model_version,
            changed_by: row.changed_by,
            changed_at: row.changed_at,
            reason: row.reason,
            features: row.features_used,
            run_id: row.run_id,
            segment_id: Some(archived.sealed_by),
        }
    }
}

/// The verdicts on a workout, and why some of them are not among them.
#[derive(Debug, Clone, PartialEq)]
pub struct WholeHistory {
    /// Oldest first.
    pub entries: Vec<HistoryEntry>,
    /// A sentence for each file that has more of them and is not at hand.
    pub missing: Vec<String>,
}

impl Store {
    /// Every verdict on one workout, oldest first, those in archives at hand included.
    ///
    /// # Errors
    /// [`StoreError::Db`].
    pub async fn whole_history(&self, workout_id: &str, shelf: Option<&dyn Shelf>) -> Result<WholeHistory, StoreError> {
        let archives = self.archives_of(workout_id).await?;
        let mut entries = self.history(workout_id).await?;
        let mut missing = Vec::new();
        for archive in &archives {
            match rows_in(shelf, archive, workout_id) {
                Ok(rows) => entries.extend(rows.into_iter().map(HistoryEntry::from)),
                Err(error @ StoreError::Archived { .. }) => missing.push(error.to_string()),
                Err(error) => return Err(error),
            }
        }
        // A row on its way into a file, or out of it, is in both.
        entries.sort_by_key(|entry| entry.history_id);
        entries.dedup_by_key(|entry| entry.history_id);
        Ok(WholeHistory { entries, missing })
    }

    /// Every verdict on one workout that is in the table, oldest first.
    ///
    /// # Errors
    /// [`StoreError::Db`].
    pub async fn history(&self, workout_id: &str) -> Result<Vec<HistoryEntry>, StoreError> {
        let params = Params::none().with("workout_id", workout_id);
        self.rows(&BY_WORKOUT, &params, decode).await
    }
}
