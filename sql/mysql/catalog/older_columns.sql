-- Their columns in order, generated ones too. MariaDB writes a default as SQL ('system', NULL), MySQL as
-- its value (system), with DEFAULT_GENERATED among the extras for an expression.
SELECT table_name, column_name, column_type, is_nullable, column_default, character_set_name, collation_name, extra,
       COALESCE(generation_expression, '') <> '', VERSION() LIKE '%MariaDB%'
FROM information_schema.columns
WHERE table_schema = DATABASE()
  AND table_name IN ('ml_model_registry', 'workout_classification_history', 'workout_ml_classifications',
      'user_classification_feedback')
ORDER BY table_name, ordinal_position
