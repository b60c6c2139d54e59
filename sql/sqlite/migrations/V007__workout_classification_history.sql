-- Every change of a classification, append-only (see the two triggers that follow). A workout with
-- history cannot be deleted: RESTRICT, because CASCADE would let a parent's deletion take the audit
-- trail with it. Labels are free text up to 50 characters: older tools wrote other words ('unknown')
-- and their rows must fit.
CREATE TABLE IF NOT EXISTS workout_classification_history (
    history_id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    workout_id TEXT NOT NULL CHECK (length(workout_id) <= 20),
    previous_classification TEXT NULL CHECK (length(previous_classification) <= 50),
    new_classification TEXT NOT NULL CHECK (length(new_classification) <= 50),
    classification_source TEXT NOT NULL
        CHECK (classification_source IN ('csv_import', 'ml_prediction', 'ml_batch_update', 'user_override',
            'admin_correction', 'era_fallback')),
    classification_confidence REAL NULL,
    classification_method TEXT NULL CHECK (length(classification_method) <= 100),
    model_id TEXT NULL CHECK (length(model_id) <= 100),
    model_version TEXT NULL CHECK (length(model_version) <= 50),
    changed_by TEXT NOT NULL DEFAULT 'system' CHECK (length(changed_by) <= 100),
    changed_at TEXT NOT NULL,
    reason TEXT NULL,
    features_used TEXT NULL,
    metadata TEXT NULL,
    run_id TEXT NULL CHECK (length(run_id) <= 64),
    segment_id INTEGER NULL,
    CONSTRAINT fk_history_workout FOREIGN KEY (workout_id)
        REFERENCES workout_summary (workout_id) ON DELETE RESTRICT ON UPDATE RESTRICT,
    CONSTRAINT chk_history_features CHECK (json_valid(features_used)),
    CONSTRAINT chk_history_metadata CHECK (json_valid(metadata))
) STRICT;

CREATE INDEX IF NOT EXISTS idx_history_workout ON workout_classification_history (workout_id);
CREATE INDEX IF NOT EXISTS idx_history_changed_at ON workout_classification_history (changed_at);
CREATE INDEX IF NOT EXISTS idx_history_model ON workout_classification_history (model_id);
CREATE INDEX IF NOT EXISTS idx_history_source ON workout_classification_history (classification_source);
CREATE INDEX IF NOT EXISTS idx_history_segment ON workout_classification_history (segment_id);
