-- Only what a killed attempt left behind goes: rows of an archive that was never sealed.
CREATE TRIGGER IF NOT EXISTS audit_snapshot_no_delete BEFORE DELETE ON audit_snapshot
WHEN EXISTS (SELECT 1 FROM audit_archives a WHERE a.archive_id = OLD.archive_id)
BEGIN
    SELECT RAISE(ABORT, 'audit_snapshot is append-only: DELETE refused');
END;
