-- The ledger: one row per run, whatever became of it. rows_read = rows_classified + rows_fallback
-- + rows_skipped + rows_quarantined is checked by the program when a run ends, not here: a run that
-- crashed half-way must still have a row.
CREATE TABLE IF NOT EXISTS pipeline_runs (
    run_id TEXT NOT NULL CHECK (length(run_id) <= 64),
    pipeline TEXT NOT NULL CHECK (length(pipeline) <= 100),
    trigger_kind TEXT NOT NULL CHECK (length(trigger_kind) <= 20),
    status TEXT NOT NULL CHECK (length(status) <= 20),
    window_from TEXT NULL,
    window_to TEXT NULL,
    started_at TEXT NOT NULL,
    finished_at TEXT NULL,
    model_id TEXT NULL CHECK (length(model_id) <= 100),
    model_version TEXT NULL CHECK (length(model_version) <= 50),
    decision TEXT NULL,
    rows_read INTEGER NOT NULL DEFAULT 0,
    rows_classified INTEGER NOT NULL DEFAULT 0,
    rows_fallback INTEGER NOT NULL DEFAULT 0,
    rows_skipped INTEGER NOT NULL DEFAULT 0,
    rows_quarantined INTEGER NOT NULL DEFAULT 0,
    new_count INTEGER NOT NULL DEFAULT 0,
    changed_count INTEGER NOT NULL DEFAULT 0,
    refreshed_count INTEGER NOT NULL DEFAULT 0,
    protected_count INTEGER NOT NULL DEFAULT 0,
    unchanged_count INTEGER NOT NULL DEFAULT 0,
    rows_written INTEGER NOT NULL DEFAULT 0,
    matrix TEXT NULL,
    detail TEXT NULL,
    error_stage TEXT NULL CHECK (length(error_stage) <= 50),
    error_kind TEXT NULL CHECK (length(error_kind) <= 50),
    error_message TEXT NULL,
    PRIMARY KEY (run_id),
    CONSTRAINT chk_pipeline_runs_trigger CHECK (trigger_kind IN ('manual', 'schedule', 'backfill', 'feedback')),
    CONSTRAINT chk_pipeline_runs_status
        CHECK (status IN ('queued', 'running', 'succeeded', 'partial', 'failed', 'skipped')),
    CONSTRAINT chk_pipeline_runs_decision CHECK (json_valid(decision)),
    CONSTRAINT chk_pipeline_runs_matrix CHECK (json_valid(matrix)),
    CONSTRAINT chk_pipeline_runs_detail CHECK (json_valid(detail))
) STRICT;

CREATE INDEX IF NOT EXISTS idx_pipeline_runs_started ON pipeline_runs (pipeline, started_at);
