-- A refreshed workout: the same label, confirmed by another model or with another confidence. The run
-- and the model that set the label (run_id, label_model_id) stay.
ON CONFLICT (workout_id) DO UPDATE SET
    classification_source = excluded.classification_source,
    classification_confidence = excluded.classification_confidence, classification_method = excluded.classification_method,
    model_id = excluded.model_id, model_version = excluded.model_version, last_updated = excluded.last_updated
