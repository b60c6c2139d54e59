-- The chain: each segment seals the history rows of one transaction. segment_id is assigned by the
-- program, not by the server, because it is part of what is sealed. Both heads are unique: two
-- segments cannot follow the same one, so a fork of the chain is refused here.
CREATE TABLE IF NOT EXISTS audit_segments (
    segment_id INTEGER NOT NULL,
    run_id TEXT NULL CHECK (length(run_id) <= 64),
    row_count INTEGER NOT NULL,
    merkle_root TEXT NOT NULL CHECK (length(merkle_root) <= 64),
    prev_head TEXT NOT NULL CHECK (length(prev_head) <= 64),
    head TEXT NOT NULL CHECK (length(head) <= 64),
    encoding_version INTEGER NOT NULL,
    sealed_at TEXT NOT NULL,
    PRIMARY KEY (segment_id)
) STRICT;

CREATE UNIQUE INDEX IF NOT EXISTS uq_audit_segments_prev_head ON audit_segments (prev_head);
CREATE UNIQUE INDEX IF NOT EXISTS uq_audit_segments_head ON audit_segments (head);
