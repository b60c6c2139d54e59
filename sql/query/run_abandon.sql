-- Closes a run that cannot close itself any more; what it committed stays.
UPDATE pipeline_runs
SET status = CASE WHEN EXISTS (SELECT 1 FROM pipeline_chunks WHERE run_id = :run_id) THEN 'partial' ELSE 'failed' END,
    finished_at = :now,
    rows_written = (SELECT COALESCE(SUM(rows_written), 0) FROM pipeline_chunks WHERE run_id = :run_id),
    error_stage = :error_stage, error_kind = :error_kind, error_message = :message
WHERE run_id = :run_id AND status = 'running'
