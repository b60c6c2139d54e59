-- The latest :limit runs, newest first.
SELECT run_id, pipeline, trigger_kind, status, window_from, window_to, started_at, finished_at, model_id,
       model_version, decision, rows_read, rows_classified, rows_fallback, rows_skipped, rows_quarantined, new_count,
       changed_count, refreshed_count, protected_count, unchanged_count, rows_written, matrix, detail, error_stage,
       error_kind, error_message
FROM pipeline_runs
ORDER BY started_at DESC, run_id DESC
LIMIT :limit
