-- Every label that stands because a person set it: what the person says, what the model would say, who
-- set it, when and why; newest first. The person is in the last history row that a person wrote.
SELECT c.workout_id, w.workout_date, c.current_classification AS label, c.original_ml_classification AS model_says,
       CASE WHEN c.original_ml_classification = c.current_classification THEN 1 ELSE 0 END AS model_agrees,
       c.classification_source AS source, h.changed_by, h.changed_at, c.override_reason AS reason
FROM workout_ml_classifications c
JOIN workout_summary w ON w.workout_id = c.workout_id
LEFT JOIN workout_classification_history h ON h.history_id = (
    SELECT MAX(p.history_id) FROM workout_classification_history p
    WHERE p.workout_id = c.workout_id AND p.classification_source IN ('user_override', 'admin_correction'))
WHERE c.is_user_override = 1
ORDER BY h.changed_at DESC, c.workout_id
