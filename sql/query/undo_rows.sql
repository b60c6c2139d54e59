-- What a run's history rows changed, a row per workout in key order: the label that the run left, the last
-- verdict before the run's first row on it, the newest row of all, and the state now; last, the segment that seals
-- the verdict before, and the number of the current row. The run's rows are found by its segments, which have an index.
SELECT r.workout_id, last_row.new_classification, c.current_classification, c.is_user_override,
       before_row.history_id, before_row.new_classification, before_row.classification_source,
       before_row.classification_confidence, before_row.classification_method, before_row.model_id,
       before_row.model_version, before_row.features_used, last_row.features_used, last_row.model_id,
       newest.history_id, newest.run_id, newest.reason, r.last_id,
       COALESCE(before_row.segment_id,
           (SELECT CASE WHEN a.last_history_id >= before_row.history_id THEN a.segment_id END
            FROM audit_adopted a WHERE a.first_history_id <= before_row.history_id
            ORDER BY a.first_history_id DESC LIMIT 1)) AS before_place,
       c.classification_id
FROM (
    SELECT h.workout_id, MIN(h.history_id) AS first_id, MAX(h.history_id) AS last_id
    FROM pipeline_chunks k
    JOIN workout_classification_history h ON h.segment_id = k.segment_id
    WHERE k.run_id = :run_id AND h.run_id = :run_id
    GROUP BY h.workout_id
) r
JOIN workout_classification_history last_row ON last_row.history_id = r.last_id
LEFT JOIN workout_ml_classifications c ON c.workout_id = r.workout_id
LEFT JOIN workout_classification_history before_row ON before_row.history_id = (
    SELECT MAX(e.history_id) FROM workout_classification_history e
    WHERE e.workout_id = r.workout_id AND e.history_id < r.first_id)
LEFT JOIN workout_classification_history newest ON newest.history_id = (
    SELECT MAX(n.history_id) FROM workout_classification_history n WHERE n.workout_id = r.workout_id)
ORDER BY r.workout_id
