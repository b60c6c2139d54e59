-- Windows are to be done again: failed ones, completed ones, and in any case those that another model
-- has classified.
UPDATE backfill_windows
SET status = 'pending', error_stage = NULL, error_kind = NULL, error_message = NULL, updated_at = :now
WHERE backfill_id = :backfill_id
  AND ((:failed = 1 AND status = 'failed')
    OR (:completed = 1 AND status = 'completed')
    OR (status = 'completed' AND COALESCE(model_id, '') <> COALESCE(:model_id, '')))
