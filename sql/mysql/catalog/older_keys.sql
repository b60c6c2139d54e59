-- Their keys, a row for each column of each. A prefix (sub_part) makes it another key.
SELECT table_name, index_name, non_unique, column_name, sub_part
FROM information_schema.statistics
WHERE table_schema = DATABASE()
  AND table_name IN ('ml_model_registry', 'workout_classification_history', 'workout_ml_classifications',
      'user_classification_feedback')
ORDER BY table_name, index_name, seq_in_index
