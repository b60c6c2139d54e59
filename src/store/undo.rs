//! What a run changed, and what was there before: read from the history for an undo.
//!
//! Why: an undo is written as history like anything else; what it needs is each workout's last verdict
//! before the run, and whether anything has touched the workout since.
//!
//! Invariants: only reads; a row per workout, in key order.
//!
//! Must not know: what is done about it.

use std::collections::BTreeSet;

use crate::db::error::DbError;
use crate::db::statement::Statement;
use crate::db::value::{Params, Row};
use crate::sql;

use super::archive::Archives;
use super::{Store, StoreError};

static ROWS: Statement = sql!("query/undo_rows");

/// A verdict from the history.
#[derive(Debug, Clone, PartialEq)]
pub struct PastVerdict {
    /// The label.
    pub label: String,
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
    /// The features it was said on, as JSON.
    pub features: Option<String>,
}

/// A history row that is newer than the run's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewerRow {
    /// The run that wrote it; None for a person.
    pub run_id: Option<String>,
    /// Why it was written.
    pub reason: Option<String>,
}

/// One workout that a run changed.
#[derive(Debug, Clone, PartialEq)]
pub struct Touched {
    /// The workout.
    pub workout_id: String,
    /// The label that the run left.
    pub left: String,
    /// The model that said so.
    pub left_model: Option<String>,
    /// The number of its current row; None where there is none.
    pub classification_id: Option<i64>,
    /// The label now; None where there is no current row.
    pub current: Option<String>,
    /// True where a person's label stands now.
    pub is_override: bool,
    /// The last verdict before the run; None where the workout was new in it.
    pub before: Option<PastVerdict>,
    /// The features of the run's row, as JSON.
    pub features: Option<String>,
    /// What has touched the workout since.
    pub newer: Option<NewerRow>,
}

fn decode(row: &Row<'_>) -> Result<Touched, DbError> {
    let text = |index| Ok::<_, DbError>(row.opt_text(index)?.map(str::to_owned));
    let before = match row.opt_int(4)? {
        Some(_) => Some(PastVerdict {
            label: row.text(5)?.to_owned(),
            source: row.text(6)?.to_owned(),
            confidence: row.opt_real(7)?,
            method: text(8)?,
            model_id: text(9)?,
            model_version: text(10)?,
            features: text(11)?,
        }),
        None => None,
    };
    let newer = (row.opt_int(14)? > row.opt_int(17)?).then(|| {
        Ok::<_, DbError>(NewerRow {
            run_id: text(15)?,
            reason: text(16)?,
        })
    });
    Ok(Touched {
        workout_id: row.text(0)?.to_owned(),
        left: row.text(1)?.to_owned(),
        left_model: text(13)?,
        classification_id: row.opt_int(19)?,
        current: text(2)?,
        is_override: row.opt_int(3)?.unwrap_or(0) != 0,
        before,
        features: text(12)?,
        newer: newer.transpose()?,
    })
}

/// The refusal of an undo that needs rows which are archived.
fn archived(archives: &Archives, what: String) -> StoreError {
    let last = archives.in_force().max_by_key(|archive| archive.record.last_segment);
    StoreError::Archived {
        what,
        file: last.map_or_else(String::new, |archive| archive.record.file_name.clone()),
        why: "or in one before it, and an undo takes it from the table".to_owned(),
    }
}

impl Store {
    /// The workouts on which a run wrote history, in key order.
    ///
    /// # Errors
    /// [`StoreError::Db`]; [`StoreError::Archived`] where what it wrote, or what was there before, has left the table.
    pub async fn touched_by(&self, run_id: &str) -> Result<Vec<Touched>, StoreError> {
        let archives = self.archives().await?;
        let covered = archives.covered();
        let chunks = self.chunks(run_id).await?;
        if chunks
            .iter()
            .any(|chunk| chunk.segment_id.is_some_and(|id| id <= covered))
        {
            return Err(archived(&archives, format!("what run {run_id} wrote")));
        }
        let (mut found, mut unknown) = (Vec::new(), BTreeSet::new());
        let each = |row: &Row<'_>| {
            let touched = decode(row)?;
            let is_known = match (&touched.before, row.opt_int(18)?) {
                (None, _) => false,
                (Some(_), place) => place.is_none_or(|place| place > covered),
            };
            if covered > 0 && !is_known {
                unknown.insert(touched.workout_id.clone());
            }
            found.push(touched);
            Ok(())
        };
        self.db
            .query(&ROWS, &Params::none().with("run_id", run_id), each)
            .await?;
        // Of a workout that no snapshot has heard of there is nothing before the run.
        let before = self.states_at_of(covered, &unknown).await?;
        if let Some((workout, _)) = before.into_iter().next() {
            let what = format!("what workout {workout} was before run {run_id}");
            return Err(archived(&archives, what));
        }
        Ok(found)
    }
}
