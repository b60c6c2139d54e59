-- A person's label takes the place of whatever stands there; what the model said is kept beside it.
-- Guarded: the row must still be what the caller saw.
UPDATE workout_ml_classifications
SET current_classification = :label, classification_source = :source, classification_confidence = 1,
    classification_method = 'person', is_user_override = 1, original_ml_classification = :original,
    override_reason = :reason, last_updated = :now,
    classification_change_count = classification_change_count + :changed, run_id = NULL, label_model_id = NULL
WHERE workout_id = :workout_id AND classification_change_count = :seen_count
