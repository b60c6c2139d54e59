-- Which workouts of an import batch have a current classification already.
SELECT workout_id
FROM workout_ml_classifications
WHERE workout_id IN (:ids)
ORDER BY workout_id
