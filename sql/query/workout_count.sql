-- How many workouts are dated in [:from, :to); NULL leaves that end open.
SELECT COUNT(*) AS workouts
FROM workout_summary
WHERE (:from IS NULL OR workout_date >= :from)
  AND (:to IS NULL OR workout_date < :to)
ORDER BY workouts
