-- The ranges of answers that a model was taught by.
SELECT first_id, last_id
FROM model_feedback
WHERE model_id = :model_id
ORDER BY first_id
