//! What a run changed, and what was there before: read from the history for an undo.
//!
//! Why: an undo is written as history like anything else; what it needs is each workout's last verdict
//! before the run, and whether anything has touched the workout since.
//!
//! Invariants: only reads; a row per workout, in key order.
//!
//! Must not know: what is done about it.

use crate::db::error::DbError;
use crate::db::statement::Statement;
use crate::db::value::{Params, Row};
use crate::sql;

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
        current: text(2)?,
        is_override: row.opt_int(3)?.unwrap_or(0) != 0,
        before,
        features: text(12)?,
        newer: newer.transpose()?,
    })
}

impl Store {
    /// The workouts on which a run wrote history, in key order.
    ///
    /// # Errors
    /// [`StoreError::Db`].
    pub async fn touched_by(&self, run_id: &str) -> Result<Vec<Touched>, StoreError> {
        let mut found = Vec::new();
        let each = |row: &Row<'_>| {
            found.push(decode(row)?);
            Ok(())
        };
        self.db
            .query(&ROWS, &Params::none().with("run_id", run_id), each)
            .await?;
        Ok(found)
    }
}
