-- Refused input, kept whole. fingerprint (SHA-256 of source and row) makes a second import of the same
-- file add nothing. No foreign key on run_id: an import quarantines rows without a run.
CREATE TABLE IF NOT EXISTS quarantined_rows (
    quarantine_id BIGINT NOT NULL AUTO_INCREMENT,
    fingerprint CHAR(64) NOT NULL,
    run_id VARCHAR(64) NULL,
    source VARCHAR(500) NOT NULL,
    line BIGINT NULL,
    reason TEXT NOT NULL,
    raw LONGTEXT NOT NULL,
    quarantined_at DATETIME(6) NOT NULL,
    PRIMARY KEY (quarantine_id),
    UNIQUE KEY uq_quarantined_rows_fingerprint (fingerprint),
    KEY idx_quarantined_rows_run (run_id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
