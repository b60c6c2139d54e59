-- The history up to and including :as_of in the order in which it was written, of one workout or of all.
SELECT workout_id, previous_classification, new_classification, classification_source, model_id, run_id
FROM workout_classification_history
WHERE changed_at <= :as_of
  AND (:workout_id IS NULL OR workout_id = :workout_id)
ORDER BY segment_id, history_id
