-- It is sealed.
CREATE TRIGGER audit_snapshot_no_update BEFORE UPDATE ON audit_snapshot FOR EACH ROW
    SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'audit_snapshot is append-only: UPDATE refused';
