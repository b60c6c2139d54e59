-- What the archived history folds to: of each workout with a row in the archive its state after the archive's last
-- segment, in the order in which audit_archives.snapshot_root was computed (row_no, from 0). Replay goes on from
-- here; label is NULL where the workout had no current row. testimony: the last word was a row of others.
-- A workout with archived history cannot be deleted, as one with history in the table cannot: RESTRICT.
CREATE TABLE IF NOT EXISTS audit_snapshot (
    archive_id INTEGER NOT NULL,
    row_no INTEGER NOT NULL,
    workout_id TEXT NOT NULL CHECK (length(workout_id) <= 20),
    label TEXT NULL CHECK (length(label) <= 50),
    is_user_override INTEGER NOT NULL,
    change_count INTEGER NOT NULL,
    label_model_id TEXT NULL CHECK (length(label_model_id) <= 100),
    run_id TEXT NULL CHECK (length(run_id) <= 64),
    testimony INTEGER NOT NULL,
    PRIMARY KEY (archive_id, row_no),
    CONSTRAINT fk_audit_snapshot_workout FOREIGN KEY (workout_id)
        REFERENCES workout_summary (workout_id) ON DELETE RESTRICT ON UPDATE RESTRICT
) STRICT, WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS idx_audit_snapshot_workout ON audit_snapshot (workout_id);
