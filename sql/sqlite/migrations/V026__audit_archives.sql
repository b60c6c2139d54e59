-- What became of history that was moved to a file: segments first_segment to last_segment, both inclusive, and
-- the file with their rows. The row is sealed: segment segment_id of the chain is over it; what changes stands in archive_status.
-- audit_segments keeps the archived segments, so the chain has no hole.
CREATE TABLE IF NOT EXISTS audit_archives (
    archive_id INTEGER NOT NULL,
    segment_id INTEGER NOT NULL,
    first_segment INTEGER NOT NULL,
    last_segment INTEGER NOT NULL,
    head TEXT NOT NULL CHECK (length(head) <= 64),
    row_count INTEGER NOT NULL,
    newest_at TEXT NOT NULL,
    file_name TEXT NOT NULL CHECK (length(file_name) <= 200),
    file_bytes INTEGER NOT NULL,
    file_sha256 TEXT NOT NULL CHECK (length(file_sha256) <= 64),
    snapshot_rows INTEGER NOT NULL,
    snapshot_root TEXT NOT NULL CHECK (length(snapshot_root) <= 64),
    made_at TEXT NOT NULL,
    PRIMARY KEY (archive_id),
    CONSTRAINT chk_audit_archives_range CHECK (last_segment >= first_segment)
) STRICT;

CREATE UNIQUE INDEX IF NOT EXISTS uq_audit_archives_segment ON audit_archives (segment_id);
