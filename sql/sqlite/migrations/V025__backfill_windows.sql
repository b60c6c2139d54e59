-- The windows of each backfill, from before the first is begun: a backfill that was killed goes on with
-- those that are pending. backfill_id is the run that began it, run_id the one that last worked on the
-- window. `completed` is set in the transaction of the window's last write; `abandoned` where another
-- backfill began anew in its place. model_id is the model that classified the window.
CREATE TABLE IF NOT EXISTS backfill_windows (
    backfill_id TEXT NOT NULL CHECK (length(backfill_id) <= 64),
    window_no INTEGER NOT NULL,
    pipeline TEXT NOT NULL CHECK (length(pipeline) <= 100),
    span TEXT NOT NULL CHECK (length(span) <= 20),
    window_from TEXT NOT NULL,
    window_to TEXT NOT NULL,
    status TEXT NOT NULL CHECK (length(status) <= 20),
    attempts INTEGER NOT NULL DEFAULT 0,
    run_id TEXT NULL CHECK (length(run_id) <= 64),
    model_id TEXT NULL CHECK (length(model_id) <= 100),
    rows_read INTEGER NOT NULL DEFAULT 0,
    rows_classified INTEGER NOT NULL DEFAULT 0,
    new_count INTEGER NOT NULL DEFAULT 0,
    changed_count INTEGER NOT NULL DEFAULT 0,
    refreshed_count INTEGER NOT NULL DEFAULT 0,
    protected_count INTEGER NOT NULL DEFAULT 0,
    rows_written INTEGER NOT NULL DEFAULT 0,
    error_stage TEXT NULL CHECK (length(error_stage) <= 50),
    error_kind TEXT NULL CHECK (length(error_kind) <= 50),
    error_message TEXT NULL,
    updated_at TEXT NOT NULL,
    PRIMARY KEY (backfill_id, window_no),
    CONSTRAINT chk_backfill_windows_status CHECK (status IN ('pending', 'completed', 'failed', 'abandoned')),
    CONSTRAINT fk_backfill_windows_run FOREIGN KEY (backfill_id)
        REFERENCES pipeline_runs (run_id) ON DELETE RESTRICT ON UPDATE RESTRICT
) STRICT, WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS idx_backfill_windows_pipeline ON backfill_windows (pipeline, status);
