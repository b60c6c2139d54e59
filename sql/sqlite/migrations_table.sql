-- What has been applied, one row per migration. `checksum` is the SHA-256 of the migration's
-- text as this program holds it, so that an edited file is noticed. Not numbered: it must be there
-- before the first number can be recorded.
CREATE TABLE IF NOT EXISTS paceline_migrations (
    version INTEGER NOT NULL PRIMARY KEY,
    name TEXT NOT NULL CHECK (length(name) <= 100),
    checksum TEXT NOT NULL CHECK (length(checksum) = 64),
    applied_at TEXT NOT NULL
) STRICT;
