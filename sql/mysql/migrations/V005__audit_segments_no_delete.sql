-- A chain that can lose its end proves nothing. (REPLACE deletes, and is refused too.)
CREATE TRIGGER audit_segments_no_delete BEFORE DELETE ON audit_segments FOR EACH ROW
    SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'audit_segments is append-only: DELETE refused';
