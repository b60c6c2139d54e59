-- As load_workouts, with both ends given: the comparison can then go by an index on the date.
SELECT workout_id, workout_date, activity_type, avg_pace, distance_mi, duration_sec
FROM workout_summary
WHERE workout_date >= :from AND workout_date < :to
ORDER BY workout_id
