-- The current state of the workouts dated in [:from, :to); NULL leaves that end open.
SELECT c.workout_id, c.current_classification, c.classification_confidence, c.model_id, c.is_user_override,
       c.original_ml_classification, c.classification_id
FROM workout_ml_classifications c
JOIN workout_summary w ON w.workout_id = c.workout_id
WHERE (:from IS NULL OR w.workout_date >= :from)
  AND (:to IS NULL OR w.workout_date < :to)
ORDER BY c.workout_id
