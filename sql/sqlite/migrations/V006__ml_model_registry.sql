-- One row per model version; `artifact` is the record from which it classifies.
-- Exactly one active: a unique index over the active rows only. The check ties is_production, which
-- other tools read, to the status, so neither can say what the other denies.
-- training_date_start and training_date_end are dates of workouts (no zone); the rest is UTC.
CREATE TABLE IF NOT EXISTS ml_model_registry (
    registry_id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    model_id TEXT NOT NULL CHECK (length(model_id) <= 100),
    model_name TEXT NOT NULL CHECK (length(model_name) <= 200),
    model_version TEXT NOT NULL CHECK (length(model_version) <= 50),
    status TEXT NOT NULL CHECK (status IN ('training', 'active', 'archived', 'deprecated', 'failed')),
    is_production INTEGER NOT NULL DEFAULT 0,
    trained_at TEXT NULL,
    activated_at TEXT NULL,
    archived_at TEXT NULL,
    training_duration_sec REAL NULL,
    training_workouts_count INTEGER NULL,
    training_date_start TEXT NULL,
    training_date_end TEXT NULL,
    training_features TEXT NULL,
    silhouette_score REAL NULL,
    inertia REAL NULL,
    cluster_distribution TEXT NULL,
    confidence_stats TEXT NULL,
    n_clusters INTEGER NULL,
    algorithm_type TEXT NULL CHECK (length(algorithm_type) <= 100),
    hyperparameters TEXT NULL,
    cluster_to_activity_map TEXT NULL,
    activity_type_stats TEXT NULL,
    model_file_path TEXT NULL CHECK (length(model_file_path) <= 500),
    metadata_file_path TEXT NULL CHECK (length(metadata_file_path) <= 500),
    parent_model_id TEXT NULL CHECK (length(parent_model_id) <= 100),
    created_by TEXT NOT NULL DEFAULT 'system' CHECK (length(created_by) <= 100),
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    training_notes TEXT NULL,
    performance_notes TEXT NULL,
    artifact TEXT NULL,
    artifact_sha256 TEXT NULL CHECK (length(artifact_sha256) <= 64),
    training_data_sha256 TEXT NULL CHECK (length(training_data_sha256) <= 64),
    CONSTRAINT fk_ml_model_registry_parent FOREIGN KEY (parent_model_id)
        REFERENCES ml_model_registry (model_id) ON DELETE RESTRICT ON UPDATE RESTRICT,
    CONSTRAINT chk_ml_model_registry_production
        CHECK ((status = 'active' AND is_production = 1) OR (status <> 'active' AND is_production = 0)),
    CONSTRAINT chk_ml_model_registry_features CHECK (json_valid(training_features)),
    CONSTRAINT chk_ml_model_registry_distribution CHECK (json_valid(cluster_distribution)),
    CONSTRAINT chk_ml_model_registry_confidence CHECK (json_valid(confidence_stats)),
    CONSTRAINT chk_ml_model_registry_hyperparameters CHECK (json_valid(hyperparameters)),
    CONSTRAINT chk_ml_model_registry_map CHECK (json_valid(cluster_to_activity_map)),
    CONSTRAINT chk_ml_model_registry_stats CHECK (json_valid(activity_type_stats)),
    CONSTRAINT chk_ml_model_registry_artifact CHECK (json_valid(artifact))
) STRICT;

CREATE UNIQUE INDEX IF NOT EXISTS uq_ml_model_registry_model ON ml_model_registry (model_id);
CREATE UNIQUE INDEX IF NOT EXISTS uq_ml_model_registry_one_active
    ON ml_model_registry (status) WHERE status = 'active';
CREATE INDEX IF NOT EXISTS idx_ml_model_registry_parent ON ml_model_registry (parent_model_id);
