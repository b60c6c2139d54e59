-- What was adopted stays in the segment that sealed it.
CREATE TRIGGER audit_adopted_no_update BEFORE UPDATE ON audit_adopted FOR EACH ROW
    SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'audit_adopted is append-only: UPDATE refused';
