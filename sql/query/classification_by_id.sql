-- The current verdict on one workout.
SELECT workout_id, current_classification, classification_source, classification_confidence, classification_method,
       model_id, model_version, is_user_override, original_ml_classification, override_reason, classified_at,
       last_updated, classification_change_count, run_id, label_model_id
FROM workout_ml_classifications
WHERE workout_id = :workout_id
ORDER BY workout_id
