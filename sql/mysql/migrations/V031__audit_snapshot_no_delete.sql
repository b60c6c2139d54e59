-- Only what a killed attempt left behind goes: rows of an archive that was never sealed.
CREATE TRIGGER audit_snapshot_no_delete BEFORE DELETE ON audit_snapshot FOR EACH ROW
    IF EXISTS (SELECT 1 FROM audit_archives a WHERE a.archive_id = OLD.archive_id) THEN
        SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'audit_snapshot is append-only: DELETE refused';
    END IF;
