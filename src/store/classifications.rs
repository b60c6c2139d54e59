//! `workout_ml_classifications`: the stored state, read.
//!
//! Why: the diff and what is written after it need seven columns of every row, people want one row whole, and `classifications`
//! prints the verdict beside the workout it is about.
//!
//! Invariants: frames come back ascending by workout id; labels are text, because older tools wrote
//! words that are no labels of ours.
//!
//! Must not know: how rows are written (`write`).

use polars::prelude::*;

use crate::db::error::DbError;
use crate::db::statement::Statement;
use crate::db::value::{Params, Row, Value};
use crate::sql;
use crate::stage::columns::Words;
use crate::stage::frame::{Classifications, Frame, FrameError};
use crate::time::{Timestamp, WorkoutDate};

use super::workouts::{Reals, Window};
use super::{Store, StoreError};

static LOAD_ALL: Statement = sql!("query/load_classifications").large();
static LOAD_WINDOW: Statement = sql!("query/load_classifications_window");
static CLASSIFIED_IDS: Statement = sql!("query/classified_ids");
static LIST: Statement = sql!("query/list_classifications");
static BY_ID: Statement = sql!("query/classification_by_id");

/// Column builders that a row is appended to straight from the wire.
pub(super) struct Builders {
    ids: StringChunkedBuilder,
    labels: Words,
    confidences: Reals,
    models: Words,
    overrides: BooleanChunkedBuilder,
    originals: Words,
    rows: PrimitiveChunkedBuilder<Int64Type>,
}

impl Default for Builders {
    fn default() -> Self {
        Self {
            ids: StringChunkedBuilder::new("workout_id".into(), 0),
            labels: Words::default(),
            confidences: Reals::new("classification_confidence".into(), 0),
            models: Words::default(),
            overrides: BooleanChunkedBuilder::new("is_user_override".into(), 0),
            originals: Words::default(),
            rows: PrimitiveChunkedBuilder::new("classification_id".into(), 0),
        }
    }
}

impl Builders {
    pub(super) fn push(&mut self, row: &Row<'_>) -> Result<(), DbError> {
        self.ids.append_value(row.text(0)?);
        self.labels.push(Some(row.text(1)?));
        self.confidences.append_option(row.opt_real(2)?);
        self.models.push(row.opt_text(3)?);
        self.overrides.append_value(row.opt_int(4)?.unwrap_or(0) != 0);
        self.originals.push(row.opt_text(5)?);
        self.rows.append_value(row.int(6)?);
        Ok(())
    }

    pub(super) fn finish(self) -> Result<Frame<Classifications>, StoreError> {
        let polars = |source| FrameError::Polars {
            frame: "classifications",
            source,
        };
        let ids = self.ids.finish();
        let height = ids.len();
        let columns = vec![
            ids.into_column(),
            self.labels.finish("current_classification").map_err(polars)?,
            self.confidences.finish().into_column(),
            self.models.finish("model_id").map_err(polars)?,
            self.overrides.finish().into_column(),
            self.originals.finish("original_ml_classification").map_err(polars)?,
            self.rows.finish().into_column(),
        ];
        let df = DataFrame::new(height, columns).map_err(polars)?;
        Ok(Frame::parse(df)?)
    }
}

/// A stored verdict beside its workout, as `classifications` lists it.
#[derive(Debug, Clone, PartialEq)]
pub struct ListedClassification {
    /// The workout.
    pub workout_id: String,
    /// Its date.
    pub workout_date: Option<WorkoutDate>,
    /// Its pace in min/mi, distance in miles and duration in seconds, as stored.
    pub avg_pace: Option<f64>,
    /// Miles.
    pub distance_mi: Option<f64>,
    /// Seconds.
    pub duration_sec: Option<f64>,
    /// The sport as the export names it.
    pub activity_type: Option<String>,
    /// The current label.
    pub classification: String,
    /// Its confidence, 0 to 1.
    pub confidence: Option<f64>,
    /// Algorithm or `era_fallback`.
    pub method: Option<String>,
    /// Where it came from.
    pub source: String,
    /// True where a person set it.
    pub is_user_override: bool,
    /// What the model would have said, where a person set it.
    pub original_ml_classification: Option<String>,
    /// The model that last confirmed it.
    pub model_id: Option<String>,
    /// That model's version.
    pub model_version: Option<String>,
}

/// One stored verdict, whole.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredClassification {
    /// The current label.
    pub classification: String,
    /// Where it came from.
    pub source: String,
    /// Its confidence.
    pub confidence: Option<f64>,
    /// Algorithm or `era_fallback`.
    pub method: Option<String>,
    /// The model that last confirmed it.
    pub model_id: Option<String>,
    /// That model's version.
    pub model_version: Option<String>,
    /// True where a person set it.
    pub is_user_override: bool,
    /// What the model would have said.
    pub original_ml_classification: Option<String>,
    /// The person's reason.
    pub override_reason: Option<String>,
    /// First classified.
    pub classified_at: Option<Timestamp>,
    /// Last touched.
    pub last_updated: Option<Timestamp>,
    /// How often the label has changed.
    pub change_count: i64,
    /// The run that set the label.
    pub run_id: Option<String>,
    /// The model that set the label.
    pub label_model_id: Option<String>,
}

fn decode_listed(row: &Row<'_>) -> Result<ListedClassification, DbError> {
    Ok(ListedClassification {
        workout_id: row.text(0)?.to_owned(),
        workout_date: row.opt_micros(1)?.map(WorkoutDate::from_micros),
        avg_pace: row.opt_real(2)?,
        distance_mi: row.opt_real(3)?,
        duration_sec: row.opt_real(4)?,
        activity_type: row.opt_string(5)?,
        classification: row.text(6)?.to_owned(),
        confidence: row.opt_real(7)?,
        method: row.opt_string(8)?,
        source: row.opt_string(9)?.unwrap_or_default(),
        is_user_override: row.opt_int(10)?.unwrap_or(0) != 0,
        original_ml_classification: row.opt_string(11)?,
        model_id: row.opt_string(12)?,
        model_version: row.opt_string(13)?,
    })
}

fn decode_stored(row: &Row<'_>) -> Result<StoredClassification, DbError> {
    Ok(StoredClassification {
        classification: row.text(1)?.to_owned(),
        source: row.opt_string(2)?.unwrap_or_default(),
        confidence: row.opt_real(3)?,
        method: row.opt_string(4)?,
        model_id: row.opt_string(5)?,
        model_version: row.opt_string(6)?,
        is_user_override: row.opt_int(7)?.unwrap_or(0) != 0,
        original_ml_classification: row.opt_string(8)?,
        override_reason: row.opt_string(9)?,
        classified_at: row.opt_instant(10)?,
        last_updated: row.opt_instant(11)?,
        change_count: row.opt_int(12)?.unwrap_or(0),
        run_id: row.opt_string(13)?,
        label_model_id: row.opt_string(14)?,
    })
}

impl Store {
    /// The stored state of the workouts dated in `window`.
    ///
    /// # Errors
    /// [`StoreError::Db`], [`StoreError::Frame`].
    pub async fn load_classifications(&self, window: Window) -> Result<Frame<Classifications>, StoreError> {
        let mut builders = Builders::default();
        if window.is_everything() {
            self.db
                .query(&LOAD_ALL, &Params::none(), |row| builders.push(row))
                .await?;
        } else {
            self.db
                .query(&LOAD_WINDOW, &window.params(), |row| builders.push(row))
                .await?;
        }
        builders.finish()
    }

    /// Those of `ids` that have a current classification.
    ///
    /// # Errors
    /// [`StoreError::Db`].
    pub async fn already_classified(&self, ids: &[&str]) -> Result<Vec<String>, StoreError> {
        let list = ids.iter().map(|id| Value::from(*id)).collect();
        let params = Params::none().with_list("ids", list);
        self.rows(&CLASSIFIED_IDS, &params, |row| Ok(row.text(0)?.to_owned()))
            .await
    }

    /// Streams the verdicts of a window, by date then id, to `each`.
    ///
    /// # Errors
    /// [`StoreError::Db`], and whatever `each` refuses.
    pub async fn list_classifications(
        &self,
        window: Window,
        label: Option<&str>,
        mut each: impl FnMut(ListedClassification) -> Result<(), DbError> + Send,
    ) -> Result<u64, StoreError> {
        let params = window.params().with("label", label);
        Ok(self.db.query(&LIST, &params, |row| each(decode_listed(row)?)).await?)
    }

    /// The current verdict on one workout, or None.
    ///
    /// # Errors
    /// [`StoreError::Db`].
    pub async fn classification(&self, workout_id: &str) -> Result<Option<StoredClassification>, StoreError> {
        let params = Params::none().with("workout_id", workout_id);
        self.row(&BY_ID, &params, decode_stored).await
    }
}
