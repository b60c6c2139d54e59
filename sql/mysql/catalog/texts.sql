-- The character set and collation of every text column of this database.
SELECT table_name, column_name, character_set_name, collation_name
FROM information_schema.columns
WHERE table_schema = DATABASE() AND character_set_name IS NOT NULL
ORDER BY table_name, ordinal_position
