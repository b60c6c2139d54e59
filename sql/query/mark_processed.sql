-- The answers that a model was taught by, in the transaction that activates it. What came while it was
-- trained is not in its ranges, and waits for the next.
UPDATE user_classification_feedback
SET processed = 1, processed_at = :now, incorporated_in_model = :model_id
WHERE processed = 0
  AND EXISTS (SELECT 1
              FROM model_feedback m
              WHERE m.model_id = :model_id
                AND user_classification_feedback.feedback_id BETWEEN m.first_id AND m.last_id)
