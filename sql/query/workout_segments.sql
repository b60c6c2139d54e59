-- The history rows of one workout, oldest first, and the segment that seals each; NULL where none does.
SELECT h.history_id,
       COALESCE(h.segment_id,
           (SELECT CASE WHEN a.last_history_id >= h.history_id THEN a.segment_id END
            FROM audit_adopted a WHERE a.first_history_id <= h.history_id
            ORDER BY a.first_history_id DESC LIMIT 1)) AS place
FROM workout_classification_history h
WHERE h.workout_id = :workout_id
ORDER BY h.history_id
