-- The first and the last workout date in [:from, :to); NULL leaves that end open.
SELECT MIN(workout_date) AS first_date, MAX(workout_date) AS last_date
FROM workout_summary
WHERE (:from IS NULL OR workout_date >= :from)
  AND (:to IS NULL OR workout_date < :to)
ORDER BY first_date
