-- Corrections that no model has learned from yet: what the retraining threshold counts.
SELECT COUNT(*)
FROM user_classification_feedback
WHERE processed = 0 AND feedback_type IN ('correct', 'accept', 'reject')
