-- The rows of segment :segment_id in the order in which they were sealed: those that name it, or those
-- of others that it adopted. A segment has rows of one kind.
SELECT h.history_id, h.workout_id, h.previous_classification, h.new_classification, h.classification_source,
       h.classification_confidence, h.classification_method, h.model_id, h.model_version, h.changed_by, h.changed_at,
       h.reason, h.features_used, h.metadata, h.run_id, h.segment_id
FROM workout_classification_history h
WHERE h.segment_id = :segment_id
UNION ALL
SELECT h.history_id, h.workout_id, h.previous_classification, h.new_classification, h.classification_source,
       h.classification_confidence, h.classification_method, h.model_id, h.model_version, h.changed_by, h.changed_at,
       h.reason, h.features_used, h.metadata, h.run_id, h.segment_id
FROM audit_adopted a
JOIN workout_classification_history h ON h.history_id BETWEEN a.first_history_id AND a.last_history_id
WHERE a.segment_id = :segment_id AND h.segment_id IS NULL
ORDER BY 1
