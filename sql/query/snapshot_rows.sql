-- Every snapshot as it was sealed.
SELECT archive_id, workout_id, label, is_user_override, change_count, label_model_id, run_id, testimony
FROM audit_snapshot
ORDER BY archive_id, row_no
