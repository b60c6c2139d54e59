-- It is what a changed row is held against.
CREATE TRIGGER audit_leaves_no_update BEFORE UPDATE ON audit_leaves FOR EACH ROW
    SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'audit_leaves is append-only: UPDATE refused';
