-- A window is done: the last step of the transaction that writes the last of it.
UPDATE backfill_windows
SET status = 'completed', attempts = attempts + :attempts, run_id = :run_id, model_id = :model_id,
    rows_read = :rows_read, rows_classified = :rows_classified, new_count = :new_count,
    changed_count = :changed_count, refreshed_count = :refreshed_count, protected_count = :protected_count,
    rows_written = :rows_written, error_stage = NULL, error_kind = NULL, error_message = NULL, updated_at = :now
WHERE backfill_id = :backfill_id AND window_no = :window_no
