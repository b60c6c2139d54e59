-- What people said of each label since @since (inclusive; NULL: ever), by the label that stood there when
-- they said it. `agreed` is accepted, or corrected to the very label; `judged` leaves out who was uncertain.
SELECT f.ai_classification AS label, COUNT(*) AS answers,
       SUM(CASE WHEN f.feedback_type = 'accept' THEN 1 ELSE 0 END) AS accepted,
       SUM(CASE WHEN f.feedback_type = 'correct' THEN 1 ELSE 0 END) AS corrected,
       SUM(CASE WHEN f.feedback_type = 'reject' THEN 1 ELSE 0 END) AS rejected,
       SUM(CASE WHEN f.feedback_type = 'uncertain' THEN 1 ELSE 0 END) AS uncertain,
       SUM(CASE WHEN f.feedback_type = 'accept'
                  OR (f.feedback_type = 'correct' AND f.user_classification = f.ai_classification)
           THEN 1 ELSE 0 END) AS agreed,
       SUM(CASE WHEN f.feedback_type <> 'uncertain' THEN 1 ELSE 0 END) AS judged,
       AVG(f.ai_confidence) AS mean_confidence, AVG(f.user_certainty + 0e0) AS mean_certainty
FROM user_classification_feedback f
WHERE @since IS NULL OR f.submitted_at >= @since
GROUP BY f.ai_classification
ORDER BY f.ai_classification
