-- A row that is let go again could be sealed twice.
CREATE TRIGGER audit_adopted_no_delete BEFORE DELETE ON audit_adopted FOR EACH ROW
    SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'audit_adopted is append-only: DELETE refused';
