-- What people said of classifications. user_certainty 1 (a guess) to 5 (sure) is the weight of the
-- row in training. `processed` is set by the activation of the model that learned from it.
CREATE TABLE IF NOT EXISTS user_classification_feedback (
    feedback_id BIGINT NOT NULL AUTO_INCREMENT,
    workout_id VARCHAR(20) CHARACTER SET {{workout_id_charset}} COLLATE {{workout_id_collation}} NOT NULL,
    ai_classification VARCHAR(50) NULL,
    ai_confidence DOUBLE NULL,
    user_classification VARCHAR(50) NULL,
    feedback_type ENUM('accept', 'reject', 'correct', 'uncertain') NOT NULL,
    user_certainty TINYINT NULL,
    comments TEXT NULL,
    model_id VARCHAR(100) NULL,
    classification_method VARCHAR(100) NULL,
    user_id VARCHAR(100) NULL,
    submitted_at DATETIME(6) NOT NULL,
    ip_address VARCHAR(45) NULL,
    processed TINYINT(1) NOT NULL DEFAULT 0,
    processed_at DATETIME(6) NULL,
    incorporated_in_model VARCHAR(100) NULL,
    PRIMARY KEY (feedback_id),
    KEY idx_feedback_workout (workout_id),
    KEY idx_feedback_processed (processed),
    KEY idx_feedback_submitted (submitted_at),
    CONSTRAINT fk_feedback_workout FOREIGN KEY (workout_id)
        REFERENCES workout_summary (workout_id) ON DELETE RESTRICT ON UPDATE RESTRICT,
    CONSTRAINT chk_feedback_certainty CHECK (user_certainty BETWEEN 1 AND 5),
    CONSTRAINT chk_feedback_processed CHECK (processed IN (0, 1))
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
