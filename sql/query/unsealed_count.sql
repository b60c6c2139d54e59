-- How many history rows are without a segment, and how many of those have been adopted.
SELECT (SELECT COUNT(*) FROM workout_classification_history WHERE segment_id IS NULL),
       (SELECT COALESCE(SUM(last_history_id - first_history_id + 1), 0) FROM audit_adopted)
