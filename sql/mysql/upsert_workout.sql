-- A newer export replaces the row it knows; the key stays.
ON DUPLICATE KEY UPDATE
    workout_date = VALUES(workout_date), activity_type = VALUES(activity_type), kcal_burned = VALUES(kcal_burned),
    distance_mi = VALUES(distance_mi), duration_sec = VALUES(duration_sec), avg_pace = VALUES(avg_pace),
    max_pace = VALUES(max_pace), steps = VALUES(steps), link = VALUES(link)
