-- The history up to and including :as_of in the order in which it was sealed (see verify_history), of one
-- workout or of all.
SELECT h.workout_id, h.previous_classification, h.new_classification, h.classification_source, h.model_id, h.run_id,
       h.metadata, h.segment_id,
       COALESCE(h.segment_id,
           (SELECT CASE WHEN a.last_history_id >= h.history_id THEN a.segment_id END
            FROM audit_adopted a WHERE a.first_history_id <= h.history_id
            ORDER BY a.first_history_id DESC LIMIT 1)) AS place
FROM workout_classification_history h
WHERE h.changed_at <= :as_of
  AND (:workout_id IS NULL OR h.workout_id = :workout_id)
ORDER BY place IS NULL, place, h.history_id
