-- Takes archived rows of others out of the table: those between two numbers, both inclusive, without a hole.
DELETE FROM workout_classification_history
WHERE segment_id IS NULL AND history_id BETWEEN :first AND :last
