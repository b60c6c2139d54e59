-- The gate's evidence: one row each time that a model was held against the active one, and one for each
-- activation that somebody forced. Immutable. `compared_with` was active then; NULL where none was. `evidence` is the whole
-- comparison as JSON; the columns before it are the part that people ask for.
CREATE TABLE IF NOT EXISTS model_evaluations (
    evaluation_id INTEGER PRIMARY KEY AUTOINCREMENT,
    model_id TEXT NOT NULL CHECK (length(model_id) <= 100),
    compared_with TEXT NULL CHECK (length(compared_with) <= 100),
    run_id TEXT NULL CHECK (length(run_id) <= 64),
    verdict TEXT NOT NULL,
    reason TEXT NOT NULL,
    labelled INTEGER NOT NULL,
    better INTEGER NOT NULL,
    worse INTEGER NOT NULL,
    p_value REAL NOT NULL,
    churn REAL NULL,
    evidence TEXT NOT NULL,
    forced INTEGER NOT NULL DEFAULT 0,
    forced_by TEXT NULL CHECK (length(forced_by) <= 100),
    forced_reason TEXT NULL,
    evaluated_at TEXT NOT NULL,
    CONSTRAINT fk_model_evaluations_model FOREIGN KEY (model_id)
        REFERENCES ml_model_registry (model_id) ON DELETE RESTRICT ON UPDATE RESTRICT,
    CONSTRAINT fk_model_evaluations_compared FOREIGN KEY (compared_with)
        REFERENCES ml_model_registry (model_id) ON DELETE RESTRICT ON UPDATE RESTRICT,
    CONSTRAINT chk_model_evaluations_verdict CHECK (verdict IN ('pass', 'fail', 'insufficient')),
    CONSTRAINT chk_model_evaluations_forced CHECK (forced IN (0, 1)),
    CONSTRAINT chk_model_evaluations_evidence CHECK (json_valid(evidence))
) STRICT;

CREATE INDEX IF NOT EXISTS idx_model_evaluations_model ON model_evaluations (model_id);
CREATE INDEX IF NOT EXISTS idx_model_evaluations_compared ON model_evaluations (compared_with);
