-- A seal that can be rewritten proves nothing.
CREATE TRIGGER audit_segments_no_update BEFORE UPDATE ON audit_segments FOR EACH ROW
    SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'audit_segments is append-only: UPDATE refused';
