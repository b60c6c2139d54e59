-- The last scheduled run of a pipeline, skipped or not.
SELECT run_id, status, started_at
FROM pipeline_runs
WHERE pipeline = :pipeline AND trigger_kind = 'schedule'
ORDER BY started_at DESC, run_id DESC
LIMIT 1
