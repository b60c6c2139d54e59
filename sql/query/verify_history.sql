-- The whole history as the server has it on its disk: by number, nothing sorted. Which segment adopted a row
-- that others wrote is looked up outside (adopted_ranges), and what must be in the order of sealing is put
-- in it there: a sort of every row would cost the server more than the rest of verification.
SELECT h.history_id, h.workout_id, h.previous_classification, h.new_classification, h.classification_source,
       h.classification_confidence, h.classification_method, h.model_id, h.model_version, h.changed_by, h.changed_at,
       h.reason, h.features_used, h.metadata, h.run_id, h.segment_id
FROM workout_classification_history h
ORDER BY h.history_id
