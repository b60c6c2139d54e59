-- The last run of each pipeline that came to its end; of several that began in the same microsecond, all.
SELECT r.run_id, r.pipeline, r.trigger_kind, r.status, r.window_from, r.window_to, r.started_at, r.finished_at,
       r.model_id, r.model_version, r.decision, r.rows_read, r.rows_classified, r.rows_fallback, r.rows_skipped,
       r.rows_quarantined, r.new_count, r.changed_count, r.refreshed_count, r.protected_count, r.unchanged_count,
       r.rows_written, r.matrix, r.detail, r.error_stage, r.error_kind, r.error_message
FROM pipeline_runs r
JOIN (SELECT pipeline, MAX(started_at) AS started_at
      FROM pipeline_runs
      WHERE status IN ('succeeded', 'partial', 'failed')
      GROUP BY pipeline) l ON l.pipeline = r.pipeline AND l.started_at = r.started_at
WHERE r.status IN ('succeeded', 'partial', 'failed')
ORDER BY r.pipeline, r.run_id DESC
