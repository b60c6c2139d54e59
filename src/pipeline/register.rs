//! A freshly trained model becomes a registry row: id, version, parent, statistics.
//!
//! Why: versions are computed from what differs, not typed, so that "major" means the same for
//! every model there will ever be.
//!
//! Invariants: MAJOR rises when algorithm, feature set or the number of clusters differs from the
//! parent; PATCH when only the labels of the same clusters differ; MINOR otherwise. A version that is
//! taken is passed over.
//!
//! Must not know: whether the model will be activated.

use semver::Version;

use crate::id::ModelId;
use crate::stage::model::Model;
use crate::stage::params::Params;
use crate::stage::train::Trained;
use crate::store::models::{ModelRow, NewModel};
use crate::store::taught::Answered;
use crate::time::Timestamp;

/// The model that a fresh one descends from.
pub struct Parent<'a> {
    /// Its registry row.
    pub row: &'a ModelRow,
    /// Its artifact; None where it cannot be read.
    pub model: Option<Model>,
}

/// The registry row of a freshly trained model. When and how long it was trained, what it was taught by, and
/// the notes, are the caller's to fill in.
pub fn new_model(
    model_id: ModelId,
    params: &Params,
    trained: &Trained,
    parent: Option<&Parent<'_>>,
    registry: &[ModelRow],
) -> NewModel {
    let stats = &trained.stats;
    let model = &trained.model;
    let taken = |version: &str| registry.iter().any(|row| row.model_version == version);
    let remarks: Vec<&str> = stats.notes.iter().map(String::as_str).collect();
    let silhouette = format!("silhouette: {}", stats.silhouette_method);
    NewModel {
        model_id,
        model_version: next_version(parent, model, taken).to_string(),
        trained_at: Timestamp::from_micros(0),
        training_duration_sec: 0.0,
        training_rows: stats.valid_rows as u64,
        training_dates: stats.date_start.zip(stats.date_end),
        training_features: json(&model.feature_names()),
        silhouette: stats.silhouette,
        inertia: stats.inertia,
        cluster_distribution: json(&stats.cluster_distribution),
        confidence_stats: json(&stats.confidence_stats),
        n_clusters: model.clusters().len() as u32,
        algorithm: model.algorithm().as_str(),
        hyperparameters: json(params),
        cluster_map: json(&cluster_map(model)),
        label_stats: json(&stats.label_stats),
        parent: parent.map(|p| ModelId::new(p.row.model_id.as_str())),
        created_by: "system".to_owned(),
        notes: None,
        performance_notes: Some([&[silhouette.as_str()], remarks.as_slice()].concat().join("; ")),
        artifact: model.to_canonical_json(),
        artifact_sha256: model.sha256(),
        training_data_sha256: stats.data_sha256.clone(),
        taught: Answered::default(),
    }
}

/// JSON text of a value that has no failing case (no maps with keys other than text).
fn json<T: serde::Serialize + ?Sized>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_else(|error| format!("\"unserialisable: {error}\""))
}

/// Cluster index to label, in canonical order.
fn cluster_map(model: &Model) -> std::collections::BTreeMap<String, String> {
    let clusters = model.clusters().iter().enumerate();
    clusters
        .map(|(index, cluster)| (index.to_string(), cluster.label.to_string()))
        .collect()
}

/// The version that follows the parent's; `1.0.0` without one.
fn next_version(parent: Option<&Parent<'_>>, fresh: &Model, taken: impl Fn(&str) -> bool) -> Version {
    let first = Version::new(1, 0, 0);
    let Some(parent) = parent else {
        return first_free(first, bump_major, taken);
    };
    // A parent of an older tool may carry a version that is no semver, and no readable artifact: all
    // that is known then is that the fresh model is of another kind.
    let Ok(version) = Version::parse(&parent.row.model_version) else {
        return first_free(first, bump_major, taken);
    };
    let bump = match &parent.model {
        None => bump_major,
        Some(model) if kind(model) != kind(fresh) => bump_major,
        Some(model) if geometry(model) == geometry(fresh) && labels(model) != labels(fresh) => bump_patch,
        Some(_) => bump_minor,
    };
    first_free(bump(&version), bump, taken)
}

type Bump = fn(&Version) -> Version;

fn bump_major(version: &Version) -> Version {
    Version::new(version.major + 1, 0, 0)
}

fn bump_minor(version: &Version) -> Version {
    Version::new(version.major, version.minor + 1, 0)
}

fn bump_patch(version: &Version) -> Version {
    Version::new(version.major, version.minor, version.patch + 1)
}

/// `version`, or the next of its kind that no model has: after a rollback two models may have the
/// same parent.
fn first_free(mut version: Version, bump: Bump, taken: impl Fn(&str) -> bool) -> Version {
    while taken(&version.to_string()) {
        version = bump(&version);
    }
    version
}

fn kind(model: &Model) -> (&'static str, Vec<String>, usize) {
    let features = model.feature_names().iter().map(ToString::to_string).collect();
    (model.algorithm().as_str(), features, model.clusters().len())
}

fn geometry(model: &Model) -> Vec<Vec<u64>> {
    let bits = |centroid: &[f64]| centroid.iter().map(|x| x.to_bits()).collect();
    model.clusters().iter().map(|cluster| bits(&cluster.centroid)).collect()
}

fn labels(model: &Model) -> Vec<&'static str> {
    model.clusters().iter().map(|cluster| cluster.label.as_str()).collect()
}
