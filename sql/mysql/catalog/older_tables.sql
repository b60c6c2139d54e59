-- The audit tables that are there, as far as an upgrade looks at them. A view has no engine.
SELECT table_name, engine, table_collation
FROM information_schema.tables
WHERE table_schema = DATABASE()
  AND table_name IN ('ml_model_registry', 'workout_classification_history', 'workout_ml_classifications',
      'user_classification_feedback')
ORDER BY table_name
