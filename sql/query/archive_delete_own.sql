-- Takes archived rows of ours out of the table: those of the segments, between two numbers, both inclusive.
DELETE FROM workout_classification_history
WHERE segment_id BETWEEN :first_segment AND :last_segment AND history_id BETWEEN :first AND :last
