-- The same columns as sql/mysql/catalog/parent.sql. SQLite has no engines and no character sets;
-- a view is told by its type. Text affinity is what its documentation says: CHAR, CLOB or TEXT in
-- the declared type.
SELECT m.type,
       CASE WHEN c.type LIKE '%char%' OR c.type LIKE '%clob%' OR c.type LIKE '%text%' THEN 'varchar' ELSE c.type END,
       NULL,
       NULL,
       (SELECT COUNT(*) = 1 AND MAX(p.name) = 'workout_id'
        FROM pragma_table_info('workout_summary') p WHERE p.pk > 0)
       + (SELECT COUNT(*)
          FROM pragma_index_list('workout_summary') l
          WHERE l."unique" = 1 AND l.partial = 0
            AND (SELECT group_concat(i.name) FROM pragma_index_info(l.name) i) = 'workout_id')
FROM sqlite_schema m
LEFT JOIN pragma_table_info('workout_summary') c ON c.name = 'workout_id'
WHERE m.name = 'workout_summary' AND m.type IN ('table', 'view')
