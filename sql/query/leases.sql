-- Who holds each pipeline, or held it last.
SELECT pipeline, fence, holder, run_id, process, heartbeat_at, expires_at
FROM pipeline_lease
ORDER BY pipeline
