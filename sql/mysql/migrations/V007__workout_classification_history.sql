-- Every change of a classification, append-only (see the two triggers that follow). A workout with
-- history cannot be deleted: RESTRICT, because CASCADE would let a parent's deletion take the audit
-- trail with it, and cascades do not fire triggers.
-- workout_id takes the character set and collation of workout_summary.workout_id, whatever they are:
-- a foreign key on text needs both to be equal. Labels are VARCHAR, not ENUM: older tools wrote
-- other words ('unknown') and their rows must fit.
CREATE TABLE IF NOT EXISTS workout_classification_history (
    history_id BIGINT NOT NULL AUTO_INCREMENT,
    workout_id VARCHAR(20) CHARACTER SET {{workout_id_charset}} COLLATE {{workout_id_collation}} NOT NULL,
    previous_classification VARCHAR(50) NULL,
    new_classification VARCHAR(50) NOT NULL,
    classification_source ENUM('csv_import', 'ml_prediction', 'ml_batch_update', 'user_override',
        'admin_correction', 'era_fallback') NOT NULL,
    classification_confidence DOUBLE NULL,
    classification_method VARCHAR(100) NULL,
    model_id VARCHAR(100) NULL,
    model_version VARCHAR(50) NULL,
    changed_by VARCHAR(100) NOT NULL DEFAULT 'system',
    changed_at DATETIME(6) NOT NULL,
    reason TEXT NULL,
    features_used LONGTEXT NULL,
    metadata LONGTEXT NULL,
    run_id VARCHAR(64) NULL,
    segment_id BIGINT NULL,
    PRIMARY KEY (history_id),
    KEY idx_history_workout (workout_id),
    KEY idx_history_changed_at (changed_at),
    KEY idx_history_model (model_id),
    KEY idx_history_source (classification_source),
    KEY idx_history_segment (segment_id),
    CONSTRAINT fk_history_workout FOREIGN KEY (workout_id)
        REFERENCES workout_summary (workout_id) ON DELETE RESTRICT ON UPDATE RESTRICT,
    CONSTRAINT chk_history_features CHECK (JSON_VALID(features_used)),
    CONSTRAINT chk_history_metadata CHECK (JSON_VALID(metadata))
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
