-- Where the rows of an archive are, and in which folder its file is looked for: `archiving`, they are leaving the
-- table; `archived`, they are in the file alone; `restoring`, they are coming back; `restored`, all are in the
-- table. Not sealed: whatever stands here, the rows must be where it says.
CREATE TABLE IF NOT EXISTS archive_status (
    archive_id BIGINT NOT NULL,
    status VARCHAR(20) NOT NULL,
    folder VARCHAR(1000) NOT NULL,
    updated_at DATETIME(6) NOT NULL,
    PRIMARY KEY (archive_id),
    CONSTRAINT chk_archive_status CHECK (status IN ('archiving', 'archived', 'restoring', 'restored')),
    CONSTRAINT fk_archive_status_archive FOREIGN KEY (archive_id)
        REFERENCES audit_archives (archive_id) ON DELETE RESTRICT ON UPDATE RESTRICT
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
