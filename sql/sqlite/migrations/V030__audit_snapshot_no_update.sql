-- It is sealed.
CREATE TRIGGER IF NOT EXISTS audit_snapshot_no_update BEFORE UPDATE ON audit_snapshot
BEGIN
    SELECT RAISE(ABORT, 'audit_snapshot is append-only: UPDATE refused');
END;
