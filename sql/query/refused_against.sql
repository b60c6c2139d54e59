-- The candidates that the gate held against the model :compared_with and refused, newest first.
SELECT evaluation_id, model_id, compared_with, run_id, verdict, reason, labelled, better, worse, p_value, churn,
       evidence, forced, forced_by, forced_reason, evaluated_at
FROM model_evaluations
WHERE compared_with = :compared_with AND verdict = 'fail' AND forced = 0
ORDER BY evaluation_id DESC
