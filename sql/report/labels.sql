-- What stands, by month of the workout and label: the workouts dated in [@from, @to), how many of them a
-- person has set, and the mean confidence. NULL (or a variable that was never set) leaves that end open; a
-- workout without a date is in the month NULL, and only where both ends are.
SELECT SUBSTR(CAST(w.workout_date AS CHAR), 1, 7) AS month, c.current_classification AS label, COUNT(*) AS workouts,
       SUM(CASE WHEN c.is_user_override = 1 THEN 1 ELSE 0 END) AS overrides,
       AVG(c.classification_confidence) AS mean_confidence
FROM workout_ml_classifications c
JOIN workout_summary w ON w.workout_id = c.workout_id
WHERE (@from IS NULL OR w.workout_date >= @from)
  AND (@to IS NULL OR w.workout_date < @to)
GROUP BY SUBSTR(CAST(w.workout_date AS CHAR), 1, 7), c.current_classification
ORDER BY SUBSTR(CAST(w.workout_date AS CHAR), 1, 7), c.current_classification
