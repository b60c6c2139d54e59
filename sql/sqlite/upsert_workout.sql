-- A newer export replaces the row it knows; the key stays.
ON CONFLICT (workout_id) DO UPDATE SET
    workout_date = excluded.workout_date, activity_type = excluded.activity_type, kcal_burned = excluded.kcal_burned,
    distance_mi = excluded.distance_mi, duration_sec = excluded.duration_sec, avg_pace = excluded.avg_pace,
    max_pace = excluded.max_pace, steps = excluded.steps, link = excluded.link
