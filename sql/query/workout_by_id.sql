-- One workout, whole.
SELECT workout_id, workout_date, activity_type, kcal_burned, distance_mi, duration_sec, avg_pace, max_pace, steps, link
FROM workout_summary
WHERE workout_id = :workout_id
ORDER BY workout_id
