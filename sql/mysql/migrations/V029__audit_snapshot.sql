-- What the archived history folds to: of each workout with a row in the archive its state after the archive's last
-- segment, in the order in which audit_archives.snapshot_root was computed (row_no, from 0). Replay goes on from
-- here; label is NULL where the workout had no current row. testimony: the last word was a row of others.
-- A workout with archived history cannot be deleted, as one with history in the table cannot: RESTRICT.
CREATE TABLE IF NOT EXISTS audit_snapshot (
    archive_id BIGINT NOT NULL,
    row_no BIGINT NOT NULL,
    workout_id VARCHAR(20) CHARACTER SET {{workout_id_charset}} COLLATE {{workout_id_collation}} NOT NULL,
    label VARCHAR(50) NULL,
    is_user_override TINYINT NOT NULL,
    change_count BIGINT NOT NULL,
    label_model_id VARCHAR(100) NULL,
    run_id VARCHAR(64) NULL,
    testimony TINYINT NOT NULL,
    PRIMARY KEY (archive_id, row_no),
    KEY idx_audit_snapshot_workout (workout_id),
    CONSTRAINT fk_audit_snapshot_workout FOREIGN KEY (workout_id)
        REFERENCES workout_summary (workout_id) ON DELETE RESTRICT ON UPDATE RESTRICT
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
