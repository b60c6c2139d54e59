-- A refreshed workout: the same label, confirmed by another model or with another confidence. The run
-- and the model that set the label (run_id, label_model_id) stay.
ON DUPLICATE KEY UPDATE
    classification_source = VALUES(classification_source),
    classification_confidence = VALUES(classification_confidence), classification_method = VALUES(classification_method),
    model_id = VALUES(model_id), model_version = VALUES(model_version), last_updated = VALUES(last_updated)
