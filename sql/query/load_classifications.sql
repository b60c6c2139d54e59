-- The current state of every workout, in key order for the merge.
SELECT workout_id, current_classification, classification_confidence, model_id, is_user_override,
       original_ml_classification, classification_change_count
FROM workout_ml_classifications
ORDER BY workout_id
