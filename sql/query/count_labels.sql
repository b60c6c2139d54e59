-- How many workouts have each label now.
SELECT current_classification, COUNT(*)
FROM workout_ml_classifications
GROUP BY current_classification
ORDER BY current_classification
