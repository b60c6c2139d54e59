-- What the gate said of a model, newest first.
SELECT evaluation_id, model_id, compared_with, run_id, verdict, reason, labelled, better, worse, p_value, churn,
       evidence, forced, forced_by, forced_reason, evaluated_at
FROM model_evaluations
WHERE model_id = :model_id
ORDER BY evaluation_id DESC
