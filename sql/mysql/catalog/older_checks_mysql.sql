-- Their checks, on MySQL, where every check is the table's.
SELECT table_name, constraint_name
FROM information_schema.table_constraints
WHERE table_schema = DATABASE() AND constraint_type = 'CHECK'
  AND table_name IN ('ml_model_registry', 'workout_classification_history', 'workout_ml_classifications',
      'user_classification_feedback')
ORDER BY table_name, constraint_name
