-- Enters a run into the ledger before its first stage.
INSERT INTO pipeline_runs (run_id, pipeline, trigger_kind, status, window_from, window_to, started_at)
VALUES (:run_id, :pipeline, :trigger_kind, 'running', :window_from, :window_to, :started_at)
