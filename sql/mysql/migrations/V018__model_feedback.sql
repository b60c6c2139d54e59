-- Which answers a model was taught by: all feedback rows from first_id to last_id, both included. A range
-- never spans a number that was missing when the model was trained, because that row may have come later.
CREATE TABLE IF NOT EXISTS model_feedback (
    model_id VARCHAR(100) NOT NULL,
    first_id BIGINT NOT NULL,
    last_id BIGINT NOT NULL,
    PRIMARY KEY (model_id, first_id),
    CONSTRAINT fk_model_feedback_model FOREIGN KEY (model_id)
        REFERENCES ml_model_registry (model_id) ON DELETE RESTRICT ON UPDATE RESTRICT,
    CONSTRAINT chk_model_feedback_range CHECK (first_id <= last_id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
