-- As load_workouts, without a window: no date is compared row by row.
SELECT workout_id, workout_date, activity_type, avg_pace, distance_mi, duration_sec
FROM workout_summary
ORDER BY workout_id
