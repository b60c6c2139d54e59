-- The foreign keys on them and to them, a row for each column. NO ACTION is RESTRICT under another name.
SELECT k.table_name, k.constraint_name, k.column_name, k.referenced_table_name, k.referenced_column_name,
       r.delete_rule IN ('RESTRICT', 'NO ACTION') AND r.update_rule IN ('RESTRICT', 'NO ACTION'),
       r.delete_rule
FROM information_schema.key_column_usage k
JOIN information_schema.referential_constraints r
  ON r.constraint_schema = k.constraint_schema AND r.constraint_name = k.constraint_name
 AND r.table_name = k.table_name
WHERE k.table_schema = DATABASE() AND k.referenced_table_schema = DATABASE()
  AND (k.table_name IN ('ml_model_registry', 'workout_classification_history', 'workout_ml_classifications',
           'user_classification_feedback')
    OR k.referenced_table_name IN ('ml_model_registry', 'workout_classification_history',
           'workout_ml_classifications', 'user_classification_feedback'))
ORDER BY k.table_name, k.constraint_name, k.ordinal_position
