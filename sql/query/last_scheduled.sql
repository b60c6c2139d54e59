-- When the last scheduled run of a pipeline began: of all, and of those that were not skipped.
SELECT MAX(started_at), MAX(CASE WHEN status <> 'skipped' THEN started_at END)
FROM pipeline_runs
WHERE pipeline = :pipeline AND trigger_kind = 'schedule'
ORDER BY 1
