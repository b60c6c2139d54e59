//! The reports' questions, asked of the store; their SQL is in `sql/report/`, for a MySQL client as well.
//!
//! Why: an operator who mistrusts a figure can run the very statement by hand and must get the very rows.
//!
//! Invariants: only reads; one row of SQL is one row of a report, in the statement's order; a time range is
//! half-open, and an open end is None.
//!
//! Must not know: how a report looks, and figures that are computed from its counts.

use serde::Serialize;

use crate::db::error::DbError;
use crate::db::statement::Statement;
use crate::db::value::{Params, Row};
use crate::report_sql;
use crate::time::{Timestamp, WorkoutDate};

use super::workouts::Window;
use super::{Store, StoreError};

static CHANGES: Statement = report_sql!("report/changes");
static OVERRIDES: Statement = report_sql!("report/overrides");
static MODELS: Statement = report_sql!("report/models");
static ACCURACY: Statement = report_sql!("report/accuracy");
static STATS: Statement = report_sql!("report/stats");
static LABELS: Statement = report_sql!("report/labels");
static CALIBRATION: Statement = report_sql!("report/calibration");

/// How often labels went from one to another.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ChangesRow {
    /// The label before; None for a first verdict.
    pub from_label: Option<String>,
    /// The label after.
    pub to_label: String,
    /// Where it came from.
    pub source: String,
    /// History rows.
    pub changes: i64,
    /// Different workouts.
    pub workouts: i64,
    /// Different runs; 0 where people did it.
    pub runs: i64,
    /// Of the labels after, 0 to 1.
    pub mean_confidence: Option<f64>,
    /// The earliest.
    pub first_at: Timestamp,
    /// The latest.
    pub last_at: Timestamp,
}

/// A label that a person set.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OverrideRow {
    /// The workout.
    pub workout_id: String,
    /// Its date.
    pub workout_date: Option<WorkoutDate>,
    /// What the person says.
    pub label: String,
    /// What the model would say.
    pub model_says: Option<String>,
    /// True where that is the same.
    pub model_agrees: bool,
    /// `user_override` or `admin_correction`.
    pub source: String,
    /// Who; None where no history says so.
    pub changed_by: Option<String>,
    /// When.
    pub changed_at: Option<Timestamp>,
    /// Why.
    pub reason: Option<String>,
}

/// A model version and what became of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ModelsRow {
    /// Its id.
    pub model_id: String,
    /// Its version.
    pub model_version: String,
    /// Its algorithm.
    pub algorithm: Option<String>,
    /// Where in its lifecycle it is.
    pub status: String,
    /// The model that it descends from.
    pub parent_model_id: Option<String>,
    /// When it was trained.
    pub trained_at: Option<Timestamp>,
    /// When it was last activated.
    pub activated_at: Option<Timestamp>,
    /// On how many workouts.
    pub trained_on: Option<i64>,
    /// Their mean silhouette, -1 to 1.
    pub silhouette: Option<f64>,
    /// Workouts whose verdict it confirmed last.
    pub confirms: i64,
    /// Labels that stand and that it set.
    pub labels_set: i64,
    /// Answers that accept a verdict of its.
    pub accepted: i64,
    /// Answers that reject or correct one.
    pub objected: i64,
}

/// What people said of a label.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AccuracyRow {
    /// The label that stood there.
    pub label: Option<String>,
    /// Answers of any type.
    pub answers: i64,
    /// `accept`.
    pub accepted: i64,
    /// `correct`.
    pub corrected: i64,
    /// `reject`.
    pub rejected: i64,
    /// `uncertain`.
    pub uncertain: i64,
    /// Answers that say the label is right.
    pub agreed: i64,
    /// Answers that say whether it is.
    pub judged: i64,
    /// Mean confidence of what was looked at, 0 to 1.
    pub mean_confidence: Option<f64>,
    /// How sure people were, 1 to 5.
    pub mean_certainty: Option<f64>,
}

/// The history by where verdicts came from.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StatsRow {
    /// Where from.
    pub source: String,
    /// History rows.
    pub changes: i64,
    /// Their mean confidence, 0 to 1.
    pub mean_confidence: Option<f64>,
    /// Different workouts.
    pub workouts: i64,
    /// Different models.
    pub models: i64,
    /// The earliest row.
    pub first_at: Timestamp,
    /// The latest row.
    pub last_at: Timestamp,
}

/// The workouts of a month with a label.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LabelsRow {
    /// `YYYY-MM` of the workouts' own calendar; None for workouts without a date.
    pub month: Option<String>,
    /// The label that stands.
    pub label: String,
    /// Workouts.
    pub workouts: i64,
    /// Those whose label a person set.
    pub overrides: i64,
    /// Mean confidence, 0 to 1.
    pub mean_confidence: Option<f64>,
}

fn changes_row(row: &Row<'_>) -> Result<ChangesRow, DbError> {
    Ok(ChangesRow {
        from_label: row.opt_string(0)?,
        to_label: row.text(1)?.to_owned(),
        source: row.text(2)?.to_owned(),
        changes: row.int(3)?,
        workouts: row.int(4)?,
        runs: row.int(5)?,
        mean_confidence: row.opt_real(6)?,
        first_at: row.instant(7)?,
        last_at: row.instant(8)?,
    })
}

fn override_row(row: &Row<'_>) -> Result<OverrideRow, DbError> {
    Ok(OverrideRow {
        workout_id: row.text(0)?.to_owned(),
        workout_date: row.opt_micros(1)?.map(WorkoutDate::from_micros),
        label: row.text(2)?.to_owned(),
        model_says: row.opt_string(3)?,
        model_agrees: row.flag(4)?,
        source: row.text(5)?.to_owned(),
        changed_by: row.opt_string(6)?,
        changed_at: row.opt_instant(7)?,
        reason: row.opt_string(8)?,
    })
}

fn models_row(row: &Row<'_>) -> Result<ModelsRow, DbError> {
    Ok(ModelsRow {
        model_id: row.text(0)?.to_owned(),
        model_version: row.text(1)?.to_owned(),
        algorithm: row.opt_string(2)?,
        status: row.text(3)?.to_owned(),
        parent_model_id: row.opt_string(4)?,
        trained_at: row.opt_instant(5)?,
        activated_at: row.opt_instant(6)?,
        trained_on: row.opt_int(7)?,
        silhouette: row.opt_real(8)?,
        confirms: row.int(9)?,
        labels_set: row.int(10)?,
        accepted: row.int(11)?,
        objected: row.int(12)?,
    })
}

fn accuracy_row(row: &Row<'_>) -> Result<AccuracyRow, DbError> {
    Ok(AccuracyRow {
        label: row.opt_string(0)?,
        answers: row.int(1)?,
        accepted: row.int(2)?,
        corrected: row.int(3)?,
        rejected: row.int(4)?,
        uncertain: row.int(5)?,
        agreed: row.int(6)?,
        judged: row.int(7)?,
        mean_confidence: row.opt_real(8)?,
        mean_certainty: row.opt_real(9)?,
    })
}

fn stats_row(row: &Row<'_>) -> Result<StatsRow, DbError> {
    Ok(StatsRow {
        source: row.text(0)?.to_owned(),
        changes: row.int(1)?,
        mean_confidence: row.opt_real(2)?,
        workouts: row.int(3)?,
        models: row.int(4)?,
        first_at: row.instant(5)?,
        last_at: row.instant(6)?,
    })
}

fn labels_row(row: &Row<'_>) -> Result<LabelsRow, DbError> {
    Ok(LabelsRow {
        month: row.opt_string(0)?,
        label: row.text(1)?.to_owned(),
        workouts: row.int(2)?,
        overrides: row.int(3)?,
        mean_confidence: row.opt_real(4)?,
    })
}

impl Store {
    /// Changes of labels in [`from`, `to`), by label before, label after and source.
    ///
    /// # Errors
    /// [`StoreError::Db`].
    pub async fn report_changes(
        &self,
        from: Option<Timestamp>,
        to: Option<Timestamp>,
    ) -> Result<Vec<ChangesRow>, StoreError> {
        let params = Params::none().with("from", from).with("to", to);
        self.rows(&CHANGES, &params, changes_row).await
    }

    /// Labels that stand because a person set them, newest first.
    ///
    /// # Errors
    /// [`StoreError::Db`].
    pub async fn report_overrides(&self) -> Result<Vec<OverrideRow>, StoreError> {
        self.rows(&OVERRIDES, &Params::none(), override_row).await
    }

    /// Every model version, oldest first.
    ///
    /// # Errors
    /// [`StoreError::Db`].
    pub async fn report_models(&self) -> Result<Vec<ModelsRow>, StoreError> {
        self.rows(&MODELS, &Params::none(), models_row).await
    }

    /// What people said since `since` (inclusive), by the label that stood there.
    ///
    /// # Errors
    /// [`StoreError::Db`].
    pub async fn report_accuracy(&self, since: Option<Timestamp>) -> Result<Vec<AccuracyRow>, StoreError> {
        let params = Params::none().with("since", since);
        self.rows(&ACCURACY, &params, accuracy_row).await
    }

    /// The history since `from` (inclusive) by source, the largest first.
    ///
    /// # Errors
    /// [`StoreError::Db`].
    pub async fn report_stats(&self, from: Option<Timestamp>) -> Result<Vec<StatsRow>, StoreError> {
        let params = Params::none().with("from", from);
        self.rows(&STATS, &params, stats_row).await
    }

    /// What stands for the workouts of `window`, by month and label, ascending.
    ///
    /// # Errors
    /// [`StoreError::Db`].
    pub async fn report_labels(&self, window: Window) -> Result<Vec<LabelsRow>, StoreError> {
        self.rows(&LABELS, &window.params(), labels_row).await
    }

    /// Confidences since `since` (inclusive) and whether people agreed, in the order in which they answered.
    ///
    /// # Errors
    /// [`StoreError::Db`].
    pub async fn report_calibration(&self, since: Option<Timestamp>) -> Result<Vec<(f64, bool)>, StoreError> {
        let params = Params::none().with("since", since);
        let said = |row: &Row<'_>| Ok(row.opt_real(0)?.zip(row.opt_int(1)?.map(|agreed| agreed != 0)));
        Ok(self
            .rows(&CALIBRATION, &params, said)
            .await?
            .into_iter()
            .flatten()
            .collect())
    }
}
