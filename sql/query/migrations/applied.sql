-- What the bookkeeping says, oldest first.
SELECT version, name, checksum, applied_at
FROM paceline_migrations
ORDER BY version
