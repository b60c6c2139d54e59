-- The history from segment :first on in the order in which it was sealed: by segment, within one by number. A row
-- that others wrote has no segment of its own; its place is that of the segment that adopted it, or, where
-- none has yet, behind everything. The last column is that place, the one before it the stored one.
SELECT h.history_id, h.workout_id, h.previous_classification, h.new_classification, h.classification_source,
       h.classification_confidence, h.classification_method, h.model_id, h.model_version, h.changed_by, h.changed_at,
       h.reason, h.features_used, h.metadata, h.run_id, h.segment_id,
       COALESCE(h.segment_id,
           (SELECT CASE WHEN a.last_history_id >= h.history_id THEN a.segment_id END
            FROM audit_adopted a WHERE a.first_history_id <= h.history_id
            ORDER BY a.first_history_id DESC LIMIT 1)) AS place
FROM workout_classification_history h
WHERE COALESCE(h.segment_id,
          (SELECT CASE WHEN a.last_history_id >= h.history_id THEN a.segment_id END
           FROM audit_adopted a WHERE a.first_history_id <= h.history_id
           ORDER BY a.first_history_id DESC LIMIT 1), 9223372036854775807) >= :first
ORDER BY place IS NULL, place, h.history_id
