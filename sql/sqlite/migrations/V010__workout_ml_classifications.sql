-- The current classification of each workout: what folding the history gives. model_id is the model
-- that last confirmed the label, label_model_id the one that set it, run_id the run that did.
CREATE TABLE IF NOT EXISTS workout_ml_classifications (
    classification_id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    workout_id TEXT NOT NULL CHECK (length(workout_id) <= 20),
    current_classification TEXT NOT NULL CHECK (length(current_classification) <= 50),
    classification_source TEXT NOT NULL
        CHECK (classification_source IN ('csv_import', 'ml_prediction', 'ml_batch_update', 'user_override',
            'admin_correction', 'era_fallback')),
    classification_confidence REAL NULL,
    classification_method TEXT NULL CHECK (length(classification_method) <= 100),
    model_id TEXT NULL CHECK (length(model_id) <= 100),
    model_version TEXT NULL CHECK (length(model_version) <= 50),
    is_user_override INTEGER NOT NULL DEFAULT 0,
    original_ml_classification TEXT NULL CHECK (length(original_ml_classification) <= 50),
    override_reason TEXT NULL,
    classified_at TEXT NOT NULL,
    last_updated TEXT NOT NULL,
    classification_change_count INTEGER NOT NULL DEFAULT 0,
    features_snapshot TEXT NULL,
    metadata TEXT NULL,
    run_id TEXT NULL CHECK (length(run_id) <= 64),
    label_model_id TEXT NULL CHECK (length(label_model_id) <= 100),
    CONSTRAINT fk_classifications_workout FOREIGN KEY (workout_id)
        REFERENCES workout_summary (workout_id) ON DELETE RESTRICT ON UPDATE RESTRICT,
    CONSTRAINT chk_classifications_override CHECK (is_user_override IN (0, 1)),
    CONSTRAINT chk_classifications_features CHECK (json_valid(features_snapshot)),
    CONSTRAINT chk_classifications_metadata CHECK (json_valid(metadata))
) STRICT;

CREATE UNIQUE INDEX IF NOT EXISTS uq_classifications_workout ON workout_ml_classifications (workout_id);
CREATE INDEX IF NOT EXISTS idx_classifications_current ON workout_ml_classifications (current_classification);
CREATE INDEX IF NOT EXISTS idx_classifications_model ON workout_ml_classifications (model_id);
