-- What a foreign key to workout_summary.workout_id depends on. A usable unique key covers that
-- column alone and whole (no prefix). LEFT JOIN: the table may be there without the column.
SELECT t.engine,
       c.data_type,
       c.character_set_name,
       c.collation_name,
       (SELECT COUNT(*)
        FROM (SELECT s.index_name
              FROM information_schema.statistics s
              WHERE s.table_schema = DATABASE() AND s.table_name = 'workout_summary'
              GROUP BY s.index_name
              HAVING COUNT(*) = 1 AND MAX(s.non_unique) = 0 AND MAX(s.sub_part) IS NULL
                 AND MAX(s.column_name) = 'workout_id') k) AS unique_keys
FROM information_schema.tables t
LEFT JOIN information_schema.columns c
       ON c.table_schema = t.table_schema AND c.table_name = t.table_name AND c.column_name = 'workout_id'
WHERE t.table_schema = DATABASE() AND t.table_name = 'workout_summary'
