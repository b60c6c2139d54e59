-- The last run of a pipeline by one trigger that was not skipped.
SELECT run_id, status, started_at
FROM pipeline_runs
WHERE pipeline = :pipeline AND trigger_kind = :trigger_kind AND status <> 'skipped'
ORDER BY started_at DESC, run_id DESC
LIMIT 1
