-- Gives up what is left of a backfill, because another one begins in its place.
UPDATE backfill_windows
SET status = 'abandoned', updated_at = :now
WHERE backfill_id = :backfill_id AND status IN ('pending', 'failed')
