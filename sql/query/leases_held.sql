-- The pipelines that are held, by whom.
SELECT fence, holder, run_id, process, heartbeat_at, expires_at, pipeline
FROM pipeline_lease
WHERE run_id IS NOT NULL
ORDER BY pipeline
