-- It is sealed.
CREATE TRIGGER audit_archives_no_update BEFORE UPDATE ON audit_archives FOR EACH ROW
    SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'audit_archives is append-only: UPDATE refused';
