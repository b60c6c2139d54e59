-- A person's latest word on one workout: the same word again is not a second one.
SELECT feedback_id, workout_id, ai_classification, ai_confidence, user_classification, feedback_type, user_certainty,
       comments, model_id, user_id, submitted_at, processed, incorporated_in_model
FROM user_classification_feedback
WHERE workout_id = :workout_id AND user_id = :user_id
ORDER BY feedback_id DESC
LIMIT 1
