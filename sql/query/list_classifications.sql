-- What `paceline classifications` prints: the stored verdict beside the workout it is about, with the
-- features that recompute its posterior. NULL parameters do not filter; the window is [:from, :to).
SELECT c.workout_id, w.workout_date, w.avg_pace, w.distance_mi, w.duration_sec, w.activity_type,
       c.current_classification, c.classification_confidence, c.classification_method, c.classification_source,
       c.is_user_override, c.original_ml_classification, c.model_id, c.model_version
FROM workout_ml_classifications c
JOIN workout_summary w ON w.workout_id = c.workout_id
WHERE (:from IS NULL OR w.workout_date >= :from)
  AND (:to IS NULL OR w.workout_date < :to)
  AND (:label IS NULL OR c.current_classification = :label)
ORDER BY w.workout_date, c.workout_id
