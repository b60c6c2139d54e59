-- The gate's evidence: one row each time that a model was held against the active one, and one for each
-- activation that somebody forced. Immutable. `compared_with` was active then; NULL where none was. `evidence` is the whole
-- comparison as JSON; the columns before it are the part that people ask for.
CREATE TABLE IF NOT EXISTS model_evaluations (
    evaluation_id BIGINT NOT NULL AUTO_INCREMENT,
    model_id VARCHAR(100) NOT NULL,
    compared_with VARCHAR(100) NULL,
    run_id VARCHAR(64) NULL,
    verdict VARCHAR(20) NOT NULL,
    reason TEXT NOT NULL,
    labelled BIGINT NOT NULL,
    better BIGINT NOT NULL,
    worse BIGINT NOT NULL,
    p_value DOUBLE NOT NULL,
    churn DOUBLE NULL,
    evidence LONGTEXT NOT NULL,
    forced TINYINT(1) NOT NULL DEFAULT 0,
    forced_by VARCHAR(100) NULL,
    forced_reason TEXT NULL,
    evaluated_at DATETIME(6) NOT NULL,
    PRIMARY KEY (evaluation_id),
    KEY idx_model_evaluations_model (model_id),
    KEY idx_model_evaluations_compared (compared_with),
    CONSTRAINT fk_model_evaluations_model FOREIGN KEY (model_id)
        REFERENCES ml_model_registry (model_id) ON DELETE RESTRICT ON UPDATE RESTRICT,
    CONSTRAINT fk_model_evaluations_compared FOREIGN KEY (compared_with)
        REFERENCES ml_model_registry (model_id) ON DELETE RESTRICT ON UPDATE RESTRICT,
    CONSTRAINT chk_model_evaluations_verdict CHECK (verdict IN ('pass', 'fail', 'insufficient')),
    CONSTRAINT chk_model_evaluations_forced CHECK (forced IN (0, 1)),
    CONSTRAINT chk_model_evaluations_evidence CHECK (JSON_VALID(evidence))
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
