-- Every verdict on one workout, oldest first.
SELECT history_id, previous_classification, new_classification, classification_source, classification_confidence,
       classification_method, model_id, model_version, changed_by, changed_at, reason, features_used, run_id, segment_id
FROM workout_classification_history
WHERE workout_id = :workout_id
ORDER BY history_id
