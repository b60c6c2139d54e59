-- What became of history that was moved to a file: segments first_segment to last_segment, both inclusive, and
-- the file with their rows. The row is sealed: segment segment_id of the chain is over it; what changes stands in archive_status.
-- audit_segments keeps the archived segments, so the chain has no hole.
CREATE TABLE IF NOT EXISTS audit_archives (
    archive_id BIGINT NOT NULL,
    segment_id BIGINT NOT NULL,
    first_segment BIGINT NOT NULL,
    last_segment BIGINT NOT NULL,
    head CHAR(64) NOT NULL,
    row_count BIGINT NOT NULL,
    newest_at DATETIME(6) NOT NULL,
    file_name VARCHAR(200) NOT NULL,
    file_bytes BIGINT NOT NULL,
    file_sha256 CHAR(64) NOT NULL,
    snapshot_rows BIGINT NOT NULL,
    snapshot_root CHAR(64) NOT NULL,
    made_at DATETIME(6) NOT NULL,
    PRIMARY KEY (archive_id),
    UNIQUE KEY uq_audit_archives_segment (segment_id),
    CONSTRAINT chk_audit_archives_range CHECK (last_segment >= first_segment)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
