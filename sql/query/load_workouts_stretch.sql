-- As load_workouts, of a stretch in the order of date and key: from key :from_id on among those dated :from, and
-- up to but without key :to_id among those dated :to. A NULL key is the beginning of its date. With both dates
-- given the comparison can go by an index on the date.
SELECT workout_id, workout_date, activity_type, avg_pace, distance_mi, duration_sec
FROM workout_summary
WHERE workout_date >= :from AND workout_date <= :to
  AND (workout_date > :from OR :from_id IS NULL OR workout_id >= :from_id)
  AND (workout_date < :to OR workout_id < :to_id)
ORDER BY workout_id
