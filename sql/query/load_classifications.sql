-- The current state of every workout, as far as the diff compares it. In the order of the table: by workout_id the
-- server would sort all of these wide rows, while the reader, who needs them in key order, finds them nearly so.
SELECT workout_id, current_classification, classification_confidence, model_id, is_user_override,
       original_ml_classification, classification_id
FROM workout_ml_classifications
ORDER BY classification_id
