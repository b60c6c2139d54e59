-- The stored form of the workouts of one import batch, to tell changed from unchanged.
SELECT workout_id, workout_date, activity_type, kcal_burned, distance_mi, duration_sec, avg_pace, max_pace, steps, link
FROM workout_summary
WHERE workout_id IN (:ids)
ORDER BY workout_id
