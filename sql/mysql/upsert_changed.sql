-- A changed workout: the new verdict whole, and one more change.
ON DUPLICATE KEY UPDATE
    current_classification = VALUES(current_classification), classification_source = VALUES(classification_source),
    classification_confidence = VALUES(classification_confidence), classification_method = VALUES(classification_method),
    model_id = VALUES(model_id), model_version = VALUES(model_version),
    original_ml_classification = VALUES(original_ml_classification), last_updated = VALUES(last_updated),
    classification_change_count = classification_change_count + 1, features_snapshot = VALUES(features_snapshot),
    run_id = VALUES(run_id), label_model_id = VALUES(label_model_id)
