-- Without it nobody would know where the rows are.
CREATE TRIGGER audit_archives_no_delete BEFORE DELETE ON audit_archives FOR EACH ROW
    SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'audit_archives is append-only: DELETE refused';
