-- Whether a trigger is there.
SELECT COUNT(*)
FROM sqlite_schema
WHERE type = 'trigger' AND name = :name
