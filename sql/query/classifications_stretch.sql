-- The current state of the workouts of a stretch (see load_workouts_stretch), in key order for the merge.
SELECT c.workout_id, c.current_classification, c.classification_confidence, c.model_id, c.is_user_override,
       c.original_ml_classification, c.classification_id
FROM workout_summary w
JOIN workout_ml_classifications c ON c.workout_id = w.workout_id
WHERE w.workout_date >= :from AND w.workout_date <= :to
  AND (w.workout_date > :from OR :from_id IS NULL OR w.workout_id >= :from_id)
  AND (w.workout_date < :to OR w.workout_id < :to_id)
ORDER BY c.workout_id
