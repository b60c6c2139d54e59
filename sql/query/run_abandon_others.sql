-- Closes what a pipeline's earlier runs have left open. Only a run that holds the pipeline may do so: no other
-- one can be at work then.
UPDATE pipeline_runs
SET status = CASE WHEN EXISTS (SELECT 1 FROM pipeline_chunks WHERE pipeline_chunks.run_id = pipeline_runs.run_id)
                  THEN 'partial' ELSE 'failed' END,
    finished_at = :now,
    rows_written = (SELECT COALESCE(SUM(pipeline_chunks.rows_written), 0) FROM pipeline_chunks
                    WHERE pipeline_chunks.run_id = pipeline_runs.run_id),
    error_stage = :error_stage, error_kind = :error_kind, error_message = :message
WHERE pipeline = :pipeline AND run_id <> :run_id AND status = 'running'
