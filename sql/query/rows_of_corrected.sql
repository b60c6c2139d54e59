-- Every history row of each workout on which a person has a word (of :workout_id alone, or, where that is NULL,
-- of all), workout by workout, in the order of sealing (see sealed_history); beside it what stands now.
SELECT h.workout_id, w.workout_date, h.history_id, h.new_classification, h.classification_source, h.changed_by,
       h.changed_at, h.reason, h.model_id, h.metadata, h.segment_id, c.current_classification, c.is_user_override,
       c.classification_source, c.model_id, c.last_updated,
       COALESCE(h.segment_id,
           (SELECT CASE WHEN a.last_history_id >= h.history_id THEN a.segment_id END
            FROM audit_adopted a WHERE a.first_history_id <= h.history_id
            ORDER BY a.first_history_id DESC LIMIT 1)) AS place
FROM workout_classification_history h
LEFT JOIN workout_summary w ON w.workout_id = h.workout_id
LEFT JOIN workout_ml_classifications c ON c.workout_id = h.workout_id
WHERE (:workout_id IS NULL OR h.workout_id = :workout_id)
  AND h.workout_id IN (SELECT p.workout_id FROM workout_classification_history p
                       WHERE p.classification_source IN ('user_override', 'admin_correction'))
ORDER BY h.workout_id, place IS NULL, place, h.history_id
