-- The whole history in the order in which it was written and sealed. Rows that another tool wrote
-- carry no segment and come first on both servers.
SELECT history_id, workout_id, previous_classification, new_classification, classification_source,
       classification_confidence, classification_method, model_id, model_version, changed_by, changed_at, reason,
       features_used, metadata, run_id, segment_id
FROM workout_classification_history
ORDER BY segment_id, history_id
