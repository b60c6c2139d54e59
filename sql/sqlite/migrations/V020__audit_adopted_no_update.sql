-- What was adopted stays in the segment that sealed it.
CREATE TRIGGER IF NOT EXISTS audit_adopted_no_update BEFORE UPDATE ON audit_adopted
BEGIN
    SELECT RAISE(ABORT, 'audit_adopted is append-only: UPDATE refused');
END;
