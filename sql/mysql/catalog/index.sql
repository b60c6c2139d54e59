-- Whether an index is there that can go: MySQL 8 has no DROP INDEX IF EXISTS, so it must be asked. One whose first
-- column somebody's own foreign key begins or ends at is left to him: the server drops none that a foreign key needs.
SELECT COUNT(*)
FROM information_schema.statistics s
WHERE s.table_schema = DATABASE() AND s.table_name = :table AND s.index_name = :name AND s.seq_in_index = 1
  AND s.column_name NOT IN (
      SELECT k.column_name
      FROM information_schema.key_column_usage k
      WHERE k.table_schema = DATABASE() AND k.table_name = :table AND k.referenced_table_name IS NOT NULL)
  AND s.column_name NOT IN (
      SELECT k.referenced_column_name
      FROM information_schema.key_column_usage k
      WHERE k.table_schema = DATABASE() AND k.referenced_table_schema = DATABASE()
        AND k.referenced_table_name = :table)
