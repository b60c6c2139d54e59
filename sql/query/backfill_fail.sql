-- A window has failed; what it has committed stays and is not written twice when it is tried again.
UPDATE backfill_windows
SET status = 'failed', attempts = attempts + :attempts, run_id = :run_id, error_stage = :error_stage,
    error_kind = :error_kind, error_message = :error_message, updated_at = :now
WHERE backfill_id = :backfill_id AND window_no = :window_no
