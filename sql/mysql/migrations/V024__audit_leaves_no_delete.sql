-- As above.
CREATE TRIGGER audit_leaves_no_delete BEFORE DELETE ON audit_leaves FOR EACH ROW
    SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'audit_leaves is append-only: DELETE refused';
