-- What people said, oldest first; the later answer of one person on one workout stands. With
-- :unprocessed = 1 only what no model has learned from yet.
SELECT feedback_id, workout_id, ai_classification, ai_confidence, user_classification, feedback_type, user_certainty,
       comments, model_id, user_id, submitted_at, processed, incorporated_in_model
FROM user_classification_feedback
WHERE :unprocessed = 0 OR processed = 0
ORDER BY feedback_id
