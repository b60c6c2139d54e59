-- Which segment seals the history rows that others wrote (segment_id NULL in the history, which refuses
-- UPDATE): ranges of history_id without a hole, first and last inclusive. A row that others commit
-- later has a number outside every range, and so is never taken for one of these.
CREATE TABLE IF NOT EXISTS audit_adopted (
    first_history_id INTEGER NOT NULL,
    last_history_id INTEGER NOT NULL,
    segment_id INTEGER NOT NULL,
    PRIMARY KEY (first_history_id),
    CONSTRAINT chk_audit_adopted_range CHECK (last_history_id >= first_history_id)
) STRICT;

CREATE INDEX IF NOT EXISTS idx_audit_adopted_segment ON audit_adopted (segment_id);
