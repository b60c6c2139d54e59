-- The current row of each workout as far as a row that says how it was found repeats it.
SELECT workout_id, current_classification, is_user_override, classification_change_count, label_model_id, run_id,
       classification_source, classification_confidence, classification_method, model_id, model_version
FROM workout_ml_classifications
ORDER BY workout_id
