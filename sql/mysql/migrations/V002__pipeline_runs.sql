-- The ledger: one row per run, whatever became of it. rows_read = rows_classified + rows_fallback
-- + rows_skipped + rows_quarantined is checked by the program when a run ends, not here: a run that
-- crashed half-way must still have a row.
-- JSON columns are LONGTEXT with a check, which is what MariaDB's JSON is; MySQL's own JSON type
-- would reorder keys and reformat numbers of texts that are hashed and compared.
CREATE TABLE IF NOT EXISTS pipeline_runs (
    run_id VARCHAR(64) NOT NULL,
    pipeline VARCHAR(100) NOT NULL,
    trigger_kind VARCHAR(20) NOT NULL,
    status VARCHAR(20) NOT NULL,
    window_from DATETIME NULL,
    window_to DATETIME NULL,
    started_at DATETIME(6) NOT NULL,
    finished_at DATETIME(6) NULL,
    model_id VARCHAR(100) NULL,
    model_version VARCHAR(50) NULL,
    decision LONGTEXT NULL,
    rows_read BIGINT NOT NULL DEFAULT 0,
    rows_classified BIGINT NOT NULL DEFAULT 0,
    rows_fallback BIGINT NOT NULL DEFAULT 0,
    rows_skipped BIGINT NOT NULL DEFAULT 0,
    rows_quarantined BIGINT NOT NULL DEFAULT 0,
    new_count BIGINT NOT NULL DEFAULT 0,
    changed_count BIGINT NOT NULL DEFAULT 0,
    refreshed_count BIGINT NOT NULL DEFAULT 0,
    protected_count BIGINT NOT NULL DEFAULT 0,
    unchanged_count BIGINT NOT NULL DEFAULT 0,
    rows_written BIGINT NOT NULL DEFAULT 0,
    matrix LONGTEXT NULL,
    detail LONGTEXT NULL,
    error_stage VARCHAR(50) NULL,
    error_kind VARCHAR(50) NULL,
    error_message TEXT NULL,
    PRIMARY KEY (run_id),
    KEY idx_pipeline_runs_started (pipeline, started_at),
    CONSTRAINT chk_pipeline_runs_trigger CHECK (trigger_kind IN ('manual', 'schedule', 'backfill', 'feedback')),
    CONSTRAINT chk_pipeline_runs_status
        CHECK (status IN ('queued', 'running', 'succeeded', 'partial', 'failed', 'skipped')),
    CONSTRAINT chk_pipeline_runs_decision CHECK (JSON_VALID(decision)),
    CONSTRAINT chk_pipeline_runs_matrix CHECK (JSON_VALID(matrix)),
    CONSTRAINT chk_pipeline_runs_detail CHECK (JSON_VALID(detail))
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
