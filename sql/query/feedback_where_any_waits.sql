-- As list_feedback, all of it or nothing: nothing where every answer has been learnt from, for then none waits.
SELECT feedback_id, workout_id, ai_classification, ai_confidence, user_classification, feedback_type, user_certainty,
       comments, model_id, user_id, submitted_at, processed, incorporated_in_model
FROM user_classification_feedback
WHERE EXISTS (SELECT 1 FROM user_classification_feedback WHERE processed = 0)
ORDER BY feedback_id
