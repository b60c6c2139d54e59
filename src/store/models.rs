//! `ml_model_registry`: model versions and their artifacts, as rows.
//!
//! Why: the row is the artifact of record, so a model can never point at an overwritten file.
//!
//! Invariants: an artifact is stored with its checksum and read with it.
//!
//! Must not know: what is inside an artifact; how a model moves through its life (`lifecycle`).

use serde::Serialize;
use serde_json::value::RawValue;

use crate::db::error::DbError;
use crate::db::statement::{Batch, Insert, Statement};
use crate::db::value::{Params, Row};
use crate::id::ModelId;
use crate::sql;
use crate::time::{Timestamp, WorkoutDate};
use crate::vocab::ModelStatus;

use super::taught::Answered;
use super::{Store, StoreError};

static BY_ID: Statement = sql!("query/model_by_id");
static ACTIVE: Statement = sql!("query/active_model");
static LIST: Statement = sql!("query/list_models");
static ARTIFACT: Statement = sql!("query/artifact_by_id");

pub(super) static INSERT: Insert = Insert {
    table: "ml_model_registry",
    columns: &[
        "model_id",
        "model_name",
        "model_version",
        "status",
        "is_production",
        "trained_at",
        "activated_at",
        "archived_at",
        "training_duration_sec",
        "training_workouts_count",
        "training_date_start",
        "training_date_end",
        "training_features",
        "silhouette_score",
        "inertia",
        "cluster_distribution",
        "confidence_stats",
        "n_clusters",
        "algorithm_type",
        "hyperparameters",
        "cluster_to_activity_map",
        "activity_type_stats",
        "parent_model_id",
        "created_by",
        "created_at",
        "updated_at",
        "training_notes",
        "performance_notes",
        "artifact",
        "artifact_sha256",
        "training_data_sha256",
    ],
    mysql_tail: "",
    sqlite_tail: "",
};

/// The name under which every model of this tool is registered.
const MODEL_NAME: &str = "workout_classifier";

/// A freshly trained model version, ready to be registered.
#[derive(Debug, Clone, PartialEq)]
pub struct NewModel {
    /// Its id.
    pub model_id: ModelId,
    /// Its semantic version.
    pub model_version: String,
    /// When it was trained.
    pub trained_at: Timestamp,
    /// How long that took, in seconds.
    pub training_duration_sec: f64,
    /// Rows it was trained on.
    pub training_rows: u64,
    /// First and last workout date among them.
    pub training_dates: Option<(WorkoutDate, WorkoutDate)>,
    /// Feature names as a JSON list.
    pub training_features: String,
    /// Silhouette, where there is one.
    pub silhouette: Option<f64>,
    /// Sum of squared distances to the nearest centroid.
    pub inertia: f64,
    /// Rows per label, JSON.
    pub cluster_distribution: String,
    /// Confidence statistics, JSON.
    pub confidence_stats: String,
    /// Clusters.
    pub n_clusters: u32,
    /// The algorithm's name.
    pub algorithm: &'static str,
    /// All parameters, JSON.
    pub hyperparameters: String,
    /// Cluster index to label, JSON.
    pub cluster_map: String,
    /// Statistics per label, JSON.
    pub label_stats: String,
    /// The model it descends from.
    pub parent: Option<ModelId>,
    /// Who trained it.
    pub created_by: String,
    /// Free text.
    pub notes: Option<String>,
    /// Why it was not activated, where it was not.
    pub performance_notes: Option<String>,
    /// Canonical JSON.
    pub artifact: String,
    /// SHA-256 of it.
    pub artifact_sha256: String,
    /// SHA-256 of the training rows.
    pub training_data_sha256: String,
    /// The answers it was taught by.
    pub taught: Answered,
}

/// One registry row. JSON columns hold JSON text.
#[derive(Debug, Clone, Serialize)]
pub struct ModelRow {
    /// Its id.
    pub model_id: String,
    /// The family it belongs to.
    pub model_name: String,
    /// Semantic version.
    pub model_version: String,
    /// Where it stands.
    pub status: String,
    /// True for the active one.
    pub is_production: bool,
    /// When it was trained, UTC.
    pub trained_at: Option<String>,
    /// When it was last activated, UTC.
    pub activated_at: Option<String>,
    /// When it left production, UTC.
    pub archived_at: Option<String>,
    /// Seconds.
    pub training_duration_sec: Option<f64>,
    /// Rows it was trained on.
    pub training_workouts_count: Option<i64>,
    /// First workout date among them.
    pub training_date_start: Option<String>,
    /// Last workout date among them.
    pub training_date_end: Option<String>,
    /// Feature names.
    pub training_features: Option<Box<RawValue>>,
    /// Silhouette.
    pub silhouette_score: Option<f64>,
    /// Inertia.
    pub inertia: Option<f64>,
    /// Rows per label.
    pub cluster_distribution: Option<Box<RawValue>>,
    /// Confidence statistics.
    pub confidence_stats: Option<Box<RawValue>>,
    /// Clusters.
    pub n_clusters: Option<i64>,
    /// The algorithm.
    pub algorithm_type: Option<String>,
    /// All parameters.
    pub hyperparameters: Option<Box<RawValue>>,
    /// Cluster to label.
    pub cluster_to_activity_map: Option<Box<RawValue>>,
    /// Statistics per label.
    pub activity_type_stats: Option<Box<RawValue>>,
    /// The model it descends from.
    pub parent_model_id: Option<String>,
    /// Who trained it.
    pub created_by: Option<String>,
    /// When the row was made, UTC.
    pub created_at: Option<String>,
    /// When the row last changed, UTC.
    pub updated_at: Option<String>,
    /// Free text at training.
    pub training_notes: Option<String>,
    /// Why it was refused, deprecated or failed.
    pub performance_notes: Option<String>,
    /// Checksum of the artifact; None for models of older tools.
    pub artifact_sha256: Option<String>,
    /// Checksum of the training rows.
    pub training_data_sha256: Option<String>,
}

/// A registered artifact, as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredArtifact {
    /// The JSON text.
    pub artifact: String,
    /// The checksum it was registered with.
    pub sha256: String,
}

impl ModelRow {
    /// True for a model that another tool registered: without an artifact, and without the checksum of the rows
    /// that each of ours has. It classifies nothing, whatever its parameters are.
    pub fn is_of_another_tool(&self) -> bool {
        self.artifact_sha256.is_none() && self.training_data_sha256.is_none()
    }
}

impl NewModel {
    pub(super) fn batch(&self, status: ModelStatus) -> Batch {
        let active = status == ModelStatus::Active;
        Batch::new(1)
            .same(self.model_id.as_str())
            .same(MODEL_NAME)
            .same(self.model_version.as_str())
            .same(status.as_str())
            .same(active)
            .same(self.trained_at)
            .same(active.then_some(self.trained_at))
            .same((!active).then_some(self.trained_at))
            .same(self.training_duration_sec)
            .same(self.training_rows as i64)
            .same(self.training_dates.map(|(first, _)| first))
            .same(self.training_dates.map(|(_, last)| last))
            .same(self.training_features.as_str())
            .same(self.silhouette)
            .same(self.inertia)
            .same(self.cluster_distribution.as_str())
            .same(self.confidence_stats.as_str())
            .same(self.n_clusters)
            .same(self.algorithm)
            .same(self.hyperparameters.as_str())
            .same(self.cluster_map.as_str())
            .same(self.label_stats.as_str())
            .same(self.parent.as_ref().map(ModelId::as_str))
            .same(self.created_by.as_str())
            .same(self.trained_at)
            .same(self.trained_at)
            .same(self.notes.as_deref())
            .same(self.performance_notes.as_deref())
            .same(self.artifact.as_str())
            .same(self.artifact_sha256.as_str())
            .same(self.training_data_sha256.as_str())
    }
}

pub(super) fn json(row: &Row<'_>, index: usize) -> Result<Option<Box<RawValue>>, DbError> {
    let Some(text) = row.opt_text(index)? else {
        return Ok(None);
    };
    // An older tool may have stored text that is no JSON; it is shown as a string, not lost.
    let raw = RawValue::from_string(text.to_owned())
        .or_else(|_| serde_json::value::to_raw_value(text))
        .map_err(|error| DbError::Decode {
            column: index.to_string(),
            expected: "JSON",
            found: error.to_string(),
        })?;
    Ok(Some(raw))
}

fn decode(row: &Row<'_>) -> Result<ModelRow, DbError> {
    let instant = |index| Ok::<_, DbError>(row.opt_instant(index)?.map(|t| t.to_string()));
    let date = |index| Ok::<_, DbError>(row.opt_micros(index)?.map(|m| WorkoutDate::from_micros(m).to_string()));
    Ok(ModelRow {
        model_id: row.text(0)?.to_owned(),
        model_name: row.opt_string(1)?.unwrap_or_default(),
        model_version: row.opt_string(2)?.unwrap_or_default(),
        status: row.text(3)?.to_owned(),
        is_production: row.opt_int(4)?.unwrap_or(0) != 0,
        trained_at: instant(5)?,
        activated_at: instant(6)?,
        archived_at: instant(7)?,
        training_duration_sec: row.opt_real(8)?,
        training_workouts_count: row.opt_int(9)?,
        training_date_start: date(10)?,
        training_date_end: date(11)?,
        training_features: json(row, 12)?,
        silhouette_score: row.opt_real(13)?,
        inertia: row.opt_real(14)?,
        cluster_distribution: json(row, 15)?,
        confidence_stats: json(row, 16)?,
        n_clusters: row.opt_int(17)?,
        algorithm_type: row.opt_string(18)?,
        hyperparameters: json(row, 19)?,
        cluster_to_activity_map: json(row, 20)?,
        activity_type_stats: json(row, 21)?,
        parent_model_id: row.opt_string(22)?,
        created_by: row.opt_string(23)?,
        created_at: instant(24)?,
        updated_at: instant(25)?,
        training_notes: row.opt_string(26)?,
        performance_notes: row.opt_string(27)?,
        artifact_sha256: row.opt_string(28)?,
        training_data_sha256: row.opt_string(29)?,
    })
}

impl Store {
    /// Every model, oldest first.
    ///
    /// # Errors
    /// [`StoreError::Db`].
    pub async fn models(&self) -> Result<Vec<ModelRow>, StoreError> {
        self.rows(&LIST, &Params::none(), decode).await
    }

    /// The active model, or None.
    ///
    /// # Errors
    /// [`StoreError::Db`].
    pub async fn active_model(&self) -> Result<Option<ModelRow>, StoreError> {
        self.row(&ACTIVE, &Params::none(), decode).await
    }

    /// One model by id.
    ///
    /// # Errors
    /// [`StoreError::NoSuchModel`], [`StoreError::Db`].
    pub async fn model(&self, model_id: &str) -> Result<ModelRow, StoreError> {
        let params = Params::none().with("model_id", model_id);
        let found = self.row(&BY_ID, &params, decode).await?;
        found.ok_or_else(|| StoreError::NoSuchModel(model_id.to_owned()))
    }

    /// A model's artifact; None where an older tool registered it without one.
    ///
    /// # Errors
    /// [`StoreError::Db`].
    pub async fn artifact(&self, model_id: &str) -> Result<Option<StoredArtifact>, StoreError> {
        let decode = |row: &Row<'_>| {
            let both = row.opt_string(0)?.zip(row.opt_string(1)?);
            Ok(both.map(|(artifact, sha256)| StoredArtifact { artifact, sha256 }))
        };
        let params = Params::none().with("model_id", model_id);
        Ok(self.row(&ARTIFACT, &params, decode).await?.flatten())
    }
}
