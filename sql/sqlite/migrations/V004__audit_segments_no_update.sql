-- A seal that can be rewritten proves nothing.
CREATE TRIGGER IF NOT EXISTS audit_segments_no_update BEFORE UPDATE ON audit_segments
BEGIN
    SELECT RAISE(ABORT, 'audit_segments is append-only: UPDATE refused');
END;
