-- Closes a run: its outcome, its counts, and the error if there was one.
UPDATE pipeline_runs
SET status = :status, finished_at = :finished_at, model_id = :model_id, model_version = :model_version,
    decision = :decision, rows_read = :rows_read, rows_classified = :rows_classified,
    rows_fallback = :rows_fallback, rows_skipped = :rows_skipped, rows_quarantined = :rows_quarantined,
    new_count = :new_count, changed_count = :changed_count, refreshed_count = :refreshed_count,
    protected_count = :protected_count, unchanged_count = :unchanged_count, rows_written = :rows_written,
    matrix = :matrix, detail = :detail, error_stage = :error_stage, error_kind = :error_kind,
    error_message = :error_message
WHERE run_id = :run_id AND status = 'running'
