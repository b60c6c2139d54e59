-- Who holds a pipeline, or held it last.
SELECT fence, holder, run_id, process, heartbeat_at, expires_at
FROM pipeline_lease
WHERE pipeline = :pipeline
ORDER BY pipeline
