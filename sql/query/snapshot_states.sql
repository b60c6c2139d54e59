-- The states after archives that end with segment :upto or before it, of one workout or of all; of a workout the
-- last one counts.
SELECT a.archive_id, s.workout_id, s.label, s.is_user_override, s.change_count, s.label_model_id, s.run_id, s.testimony
FROM audit_archives a
JOIN audit_snapshot s ON s.archive_id = a.archive_id
WHERE a.last_segment <= :upto
  AND (:workout_id IS NULL OR s.workout_id = :workout_id)
ORDER BY a.last_segment, a.archive_id, s.row_no
