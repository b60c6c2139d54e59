-- Refused input, kept whole. fingerprint (SHA-256 of source and row) makes a second import of the same
-- file add nothing. No foreign key on run_id: an import quarantines rows without a run.
CREATE TABLE IF NOT EXISTS quarantined_rows (
    quarantine_id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    fingerprint TEXT NOT NULL CHECK (length(fingerprint) <= 64),
    run_id TEXT NULL CHECK (length(run_id) <= 64),
    source TEXT NOT NULL CHECK (length(source) <= 500),
    line INTEGER NULL,
    reason TEXT NOT NULL,
    raw TEXT NOT NULL,
    quarantined_at TEXT NOT NULL
) STRICT;

CREATE UNIQUE INDEX IF NOT EXISTS uq_quarantined_rows_fingerprint ON quarantined_rows (fingerprint);
CREATE INDEX IF NOT EXISTS idx_quarantined_rows_run ON quarantined_rows (run_id);
