-- The current classification of each workout: what folding the history gives. model_id is the model
-- that last confirmed the label, label_model_id the one that set it, run_id the run that did.
CREATE TABLE IF NOT EXISTS workout_ml_classifications (
    classification_id BIGINT NOT NULL AUTO_INCREMENT,
    workout_id VARCHAR(20) CHARACTER SET {{workout_id_charset}} COLLATE {{workout_id_collation}} NOT NULL,
    current_classification VARCHAR(50) NOT NULL,
    classification_source ENUM('csv_import', 'ml_prediction', 'ml_batch_update', 'user_override',
        'admin_correction', 'era_fallback') NOT NULL,
    classification_confidence DOUBLE NULL,
    classification_method VARCHAR(100) NULL,
    model_id VARCHAR(100) NULL,
    model_version VARCHAR(50) NULL,
    is_user_override TINYINT(1) NOT NULL DEFAULT 0,
    original_ml_classification VARCHAR(50) NULL,
    override_reason TEXT NULL,
    classified_at DATETIME(6) NOT NULL,
    last_updated DATETIME(6) NOT NULL,
    classification_change_count BIGINT NOT NULL DEFAULT 0,
    features_snapshot LONGTEXT NULL,
    metadata LONGTEXT NULL,
    run_id VARCHAR(64) NULL,
    label_model_id VARCHAR(100) NULL,
    PRIMARY KEY (classification_id),
    UNIQUE KEY uq_classifications_workout (workout_id),
    KEY idx_classifications_current (current_classification),
    KEY idx_classifications_model (model_id),
    CONSTRAINT fk_classifications_workout FOREIGN KEY (workout_id)
        REFERENCES workout_summary (workout_id) ON DELETE RESTRICT ON UPDATE RESTRICT,
    CONSTRAINT chk_classifications_override CHECK (is_user_override IN (0, 1)),
    CONSTRAINT chk_classifications_features CHECK (JSON_VALID(features_snapshot)),
    CONSTRAINT chk_classifications_metadata CHECK (JSON_VALID(metadata))
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
