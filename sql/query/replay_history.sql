-- The history up to and including :as_of in the order in which it was sealed (see sealed_history), of one
-- workout or of all, of segments :first to :last, both inclusive; what no segment seals counts as the largest number.
SELECT h.workout_id, h.previous_classification, h.new_classification, h.classification_source, h.model_id, h.run_id,
       h.metadata, h.segment_id,
       COALESCE(h.segment_id,
           (SELECT CASE WHEN a.last_history_id >= h.history_id THEN a.segment_id END
            FROM audit_adopted a WHERE a.first_history_id <= h.history_id
            ORDER BY a.first_history_id DESC LIMIT 1)) AS place
FROM workout_classification_history h
WHERE h.changed_at <= :as_of
  AND (:workout_id IS NULL OR h.workout_id = :workout_id)
  AND COALESCE(h.segment_id,
          (SELECT CASE WHEN a.last_history_id >= h.history_id THEN a.segment_id END
           FROM audit_adopted a WHERE a.first_history_id <= h.history_id
           ORDER BY a.first_history_id DESC LIMIT 1), 9223372036854775807) BETWEEN :first AND :last
ORDER BY place IS NULL, place, h.history_id
