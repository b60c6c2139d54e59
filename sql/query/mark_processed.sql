-- The feedback that a model learned from, in the transaction that activates it. Feedback that came
-- while it was trained is not in :ids and waits for the next.
UPDATE user_classification_feedback
SET processed = 1, processed_at = :now, incorporated_in_model = :model_id
WHERE processed = 0 AND feedback_id IN (:ids)
