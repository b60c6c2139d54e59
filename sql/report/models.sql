-- Every model version with what became of it: how many workouts it confirmed last and how many labels
-- stand that it set, and what people said of its verdicts. Oldest first.
SELECT m.model_id, m.model_version, m.algorithm_type AS algorithm, m.status, m.parent_model_id, m.trained_at,
       m.activated_at, m.training_workouts_count AS trained_on, m.silhouette_score AS silhouette,
       COALESCE(c.confirms, 0) AS confirms, COALESCE(l.labels, 0) AS labels_set,
       COALESCE(f.accepted, 0) AS accepted, COALESCE(f.objected, 0) AS objected
FROM ml_model_registry m
LEFT JOIN (SELECT model_id, COUNT(*) AS confirms FROM workout_ml_classifications GROUP BY model_id) c
       ON c.model_id = m.model_id
LEFT JOIN (SELECT label_model_id, COUNT(*) AS labels FROM workout_ml_classifications
           WHERE is_user_override = 0 GROUP BY label_model_id) l
       ON l.label_model_id = m.model_id
LEFT JOIN (SELECT model_id, SUM(CASE WHEN feedback_type = 'accept' THEN 1 ELSE 0 END) AS accepted,
                  SUM(CASE WHEN feedback_type IN ('reject', 'correct') THEN 1 ELSE 0 END) AS objected
           FROM user_classification_feedback GROUP BY model_id) f
       ON f.model_id = m.model_id
ORDER BY m.registry_id
