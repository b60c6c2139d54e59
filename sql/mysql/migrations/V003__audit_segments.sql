-- The chain: each segment seals the history rows of one transaction. segment_id is assigned by the
-- program, not by the server, because it is part of what is sealed. Both heads are unique: two
-- segments cannot follow the same one, so a fork of the chain is refused here.
CREATE TABLE IF NOT EXISTS audit_segments (
    segment_id BIGINT NOT NULL,
    run_id VARCHAR(64) NULL,
    row_count BIGINT NOT NULL,
    merkle_root CHAR(64) NOT NULL,
    prev_head CHAR(64) NOT NULL,
    head CHAR(64) NOT NULL,
    encoding_version INT NOT NULL,
    sealed_at DATETIME(6) NOT NULL,
    PRIMARY KEY (segment_id),
    UNIQUE KEY uq_audit_segments_prev_head (prev_head),
    UNIQUE KEY uq_audit_segments_head (head)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
