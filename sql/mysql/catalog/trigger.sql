-- MySQL 8 has no CREATE TRIGGER IF NOT EXISTS, so whether one is there must be asked.
SELECT COUNT(*)
FROM information_schema.triggers
WHERE trigger_schema = DATABASE() AND trigger_name = :name
