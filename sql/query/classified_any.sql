-- One classified workout, where there is any.
SELECT workout_id FROM workout_ml_classifications ORDER BY workout_id LIMIT 1
