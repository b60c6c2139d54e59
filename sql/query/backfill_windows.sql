-- The windows of one backfill, oldest first.
SELECT window_no, window_from, window_to, status, attempts, run_id, model_id, error_stage, error_kind, error_message
FROM backfill_windows
WHERE backfill_id = :backfill_id
ORDER BY window_no
