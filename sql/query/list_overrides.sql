-- Every workout whose label a person set, by date.
SELECT c.workout_id, w.workout_date, c.current_classification, c.original_ml_classification, c.classification_source,
       c.override_reason, c.last_updated
FROM workout_ml_classifications c
JOIN workout_summary w ON w.workout_id = c.workout_id
WHERE c.is_user_override = 1
ORDER BY w.workout_date, c.workout_id
