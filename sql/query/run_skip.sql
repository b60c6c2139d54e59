-- Enters a run that did not begin, because another one held the pipeline.
INSERT INTO pipeline_runs
    (run_id, pipeline, trigger_kind, status, window_from, window_to, started_at, finished_at, error_stage, error_kind,
     error_message)
VALUES (:run_id, :pipeline, :trigger_kind, 'skipped', :window_from, :window_to, :now, :now, 'lease', 'lease_held',
    :message)
