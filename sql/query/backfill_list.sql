-- The backfills of a pipeline that were not given up, newest first, with how far they came.
SELECT backfill_id, span, MIN(window_from) AS range_from, MAX(window_to) AS range_to, COUNT(*) AS windows,
       COUNT(CASE WHEN status = 'completed' THEN 1 END) AS completed,
       COUNT(CASE WHEN status = 'failed' THEN 1 END) AS failed
FROM backfill_windows
WHERE pipeline = :pipeline
GROUP BY backfill_id, span
HAVING COUNT(CASE WHEN status = 'abandoned' THEN 1 END) = 0
ORDER BY backfill_id DESC
