-- A chain that can lose its end proves nothing. REPLACE deletes, and is refused too where
-- recursive_triggers is on, as it is on Paceline's connections.
CREATE TRIGGER IF NOT EXISTS audit_segments_no_delete BEFORE DELETE ON audit_segments
BEGIN
    SELECT RAISE(ABORT, 'audit_segments is append-only: DELETE refused');
END;
