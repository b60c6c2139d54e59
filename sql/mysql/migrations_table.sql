-- What has been applied, one row per migration. `checksum` is the SHA-256 of the migration's
-- text as this program holds it, before its variables are filled in, so that an edited file is
-- noticed. Not numbered: it must be there before the first number can be recorded.
CREATE TABLE IF NOT EXISTS paceline_migrations (
    version INT NOT NULL,
    name VARCHAR(100) NOT NULL,
    checksum CHAR(64) NOT NULL,
    applied_at DATETIME(6) NOT NULL,
    PRIMARY KEY (version)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
