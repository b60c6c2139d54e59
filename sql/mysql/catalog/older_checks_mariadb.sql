-- Their checks, on MariaDB. The check of a column has the column's name.
SELECT table_name, constraint_name
FROM information_schema.check_constraints
WHERE constraint_schema = DATABASE()
  AND table_name IN ('ml_model_registry', 'workout_classification_history', 'workout_ml_classifications',
      'user_classification_feedback')
ORDER BY table_name, constraint_name
