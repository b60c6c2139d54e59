-- A workout returns to the model's opinion; guarded as set_override is.
UPDATE workout_ml_classifications
SET current_classification = :label, classification_source = :source, classification_confidence = :confidence,
    classification_method = :method, model_id = :model_id, model_version = :model_version, is_user_override = 0,
    original_ml_classification = NULL, override_reason = NULL, last_updated = :now,
    classification_change_count = classification_change_count + :changed, run_id = NULL,
    label_model_id = :model_id
WHERE workout_id = :workout_id AND is_user_override = 1 AND classification_change_count = :seen_count
