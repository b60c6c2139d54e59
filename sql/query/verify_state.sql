-- The stored state, as far as replay can say what it must be, as the server has it on its disk.
SELECT workout_id, current_classification, is_user_override, classification_change_count, label_model_id, run_id
FROM workout_ml_classifications
ORDER BY classification_id
