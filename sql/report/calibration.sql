-- The confidence that was stored with a verdict, and whether the person who looked at it agreed; one row an
-- answer. A person who was uncertain says nothing about it.
SELECT f.ai_confidence AS confidence,
       CASE WHEN f.feedback_type = 'accept'
              OR (f.feedback_type = 'correct' AND f.user_classification = f.ai_classification)
       THEN 1 ELSE 0 END AS agreed
FROM user_classification_feedback f
WHERE f.feedback_type <> 'uncertain'
  AND f.ai_confidence IS NOT NULL
  AND (@since IS NULL OR f.submitted_at >= @since)
ORDER BY f.feedback_id
