-- Every verdict on one workout, oldest first, with the segment that seals it: its own, or the one that
-- adopted it.
SELECT h.history_id, h.previous_classification, h.new_classification, h.classification_source,
       h.classification_confidence, h.classification_method, h.model_id, h.model_version, h.changed_by, h.changed_at,
       h.reason, h.features_used, h.run_id,
       COALESCE(h.segment_id,
           (SELECT CASE WHEN a.last_history_id >= h.history_id THEN a.segment_id END
            FROM audit_adopted a WHERE a.first_history_id <= h.history_id
            ORDER BY a.first_history_id DESC LIMIT 1)) AS segment_id
FROM workout_classification_history h
WHERE h.workout_id = :workout_id
ORDER BY h.history_id
