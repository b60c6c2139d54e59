-- The history since @from (inclusive; NULL: all of it) by where its verdicts came from.
SELECT h.classification_source AS source, COUNT(*) AS changes, AVG(h.classification_confidence) AS mean_confidence,
       COUNT(DISTINCT h.workout_id) AS workouts, COUNT(DISTINCT h.model_id) AS models,
       MIN(h.changed_at) AS first_at, MAX(h.changed_at) AS last_at
FROM workout_classification_history h
WHERE @from IS NULL OR h.changed_at >= @from
GROUP BY h.classification_source
ORDER BY COUNT(*) DESC, CAST(h.classification_source AS CHAR)
