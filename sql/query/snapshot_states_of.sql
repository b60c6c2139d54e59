-- The states after archives that end with segment :upto or before it, of some workouts; of each the last one counts.
SELECT a.archive_id, s.workout_id, s.label, s.is_user_override, s.change_count, s.label_model_id, s.run_id, s.testimony
FROM audit_snapshot s
JOIN audit_archives a ON a.archive_id = s.archive_id
WHERE s.workout_id IN (:workouts) AND a.last_segment <= :upto
ORDER BY a.last_segment, a.archive_id, s.row_no
