-- The last scheduled run of a pipeline that was not skipped.
SELECT run_id, status, started_at
FROM pipeline_runs
WHERE pipeline = :pipeline AND trigger_kind = 'schedule' AND status <> 'skipped'
ORDER BY started_at DESC, run_id DESC
LIMIT 1
