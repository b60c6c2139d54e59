-- The stored form of at most :most workouts whose keys lie from :first to :last, both included: an import
-- batch of an export is a stretch of keys, and one range is read faster than thousands of single keys.
SELECT workout_id, workout_date, activity_type, kcal_burned, distance_mi, duration_sec, avg_pace, max_pace, steps, link
FROM workout_summary
WHERE workout_id >= :first AND workout_id <= :last
ORDER BY workout_id
LIMIT :most
