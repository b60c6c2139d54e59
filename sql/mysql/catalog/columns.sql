-- Every column of every table of this database. Generated columns are left out: they are how
-- this server expresses an index that SQLite has directly, not data.
SELECT table_name, column_name
FROM information_schema.columns
WHERE table_schema = DATABASE() AND COALESCE(generation_expression, '') = ''
ORDER BY table_name, ordinal_position
