-- The columns that stages need of every workout in the half-open window [:from, :to); NULL leaves
-- that end open. Ascending by key, so that both sides of the diff merge without a sort.
SELECT workout_id, workout_date, activity_type, avg_pace, distance_mi, duration_sec
FROM workout_summary
WHERE (:from IS NULL OR workout_date >= :from)
  AND (:to IS NULL OR workout_date < :to)
ORDER BY workout_id
