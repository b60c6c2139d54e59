-- What each segment's root was computed over: its leaf hashes in order with the workout of each, as JSON
-- [["hash", "workout_id"], ..], at most 1,000 a row. The root alone says that a row was changed; with
-- this list verify says which. It proves nothing by itself: a list that does not hash to the root is
-- reported and not used.
CREATE TABLE IF NOT EXISTS audit_leaves (
    segment_id INTEGER NOT NULL,
    part_no INTEGER NOT NULL,
    leaves TEXT NOT NULL,
    PRIMARY KEY (segment_id, part_no),
    CONSTRAINT chk_audit_leaves_json CHECK (json_valid(leaves))
) STRICT, WITHOUT ROWID;
