-- When each pipeline succeeded last.
SELECT pipeline, MAX(finished_at)
FROM pipeline_runs
WHERE status = 'succeeded'
GROUP BY pipeline
ORDER BY pipeline
