-- A changed workout: the new verdict whole, and one more change.
ON CONFLICT (workout_id) DO UPDATE SET
    current_classification = excluded.current_classification, classification_source = excluded.classification_source,
    classification_confidence = excluded.classification_confidence, classification_method = excluded.classification_method,
    model_id = excluded.model_id, model_version = excluded.model_version,
    original_ml_classification = excluded.original_ml_classification, last_updated = excluded.last_updated,
    classification_change_count = classification_change_count + 1, features_snapshot = excluded.features_snapshot,
    run_id = excluded.run_id, label_model_id = excluded.label_model_id
