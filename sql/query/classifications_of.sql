-- The current state of some workouts, in key order for the merge: a window looks up its own.
SELECT workout_id, current_classification, classification_confidence, model_id, is_user_override,
       original_ml_classification
FROM workout_ml_classifications
WHERE workout_id IN (:ids)
ORDER BY workout_id
