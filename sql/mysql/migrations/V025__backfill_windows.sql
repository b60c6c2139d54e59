-- The windows of each backfill, from before the first is begun: a backfill that was killed goes on with
-- those that are pending. backfill_id is the run that began it, run_id the one that last worked on the
-- window. `completed` is set in the transaction of the window's last write; `abandoned` where another
-- backfill began anew in its place. model_id is the model that classified the window.
CREATE TABLE IF NOT EXISTS backfill_windows (
    backfill_id VARCHAR(64) NOT NULL,
    window_no INT NOT NULL,
    pipeline VARCHAR(100) NOT NULL,
    span VARCHAR(20) NOT NULL,
    window_from DATETIME NOT NULL,
    window_to DATETIME NOT NULL,
    status VARCHAR(20) NOT NULL,
    attempts INT NOT NULL DEFAULT 0,
    run_id VARCHAR(64) NULL,
    model_id VARCHAR(100) NULL,
    rows_read BIGINT NOT NULL DEFAULT 0,
    rows_classified BIGINT NOT NULL DEFAULT 0,
    new_count BIGINT NOT NULL DEFAULT 0,
    changed_count BIGINT NOT NULL DEFAULT 0,
    refreshed_count BIGINT NOT NULL DEFAULT 0,
    protected_count BIGINT NOT NULL DEFAULT 0,
    rows_written BIGINT NOT NULL DEFAULT 0,
    error_stage VARCHAR(50) NULL,
    error_kind VARCHAR(50) NULL,
    error_message TEXT NULL,
    updated_at DATETIME(6) NOT NULL,
    PRIMARY KEY (backfill_id, window_no),
    KEY idx_backfill_windows_pipeline (pipeline, status),
    CONSTRAINT chk_backfill_windows_status CHECK (status IN ('pending', 'completed', 'failed', 'abandoned')),
    CONSTRAINT fk_backfill_windows_run FOREIGN KEY (backfill_id)
        REFERENCES pipeline_runs (run_id) ON DELETE RESTRICT ON UPDATE RESTRICT
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
