-- A row that is let go again could be sealed twice.
CREATE TRIGGER IF NOT EXISTS audit_adopted_no_delete BEFORE DELETE ON audit_adopted
BEGIN
    SELECT RAISE(ABORT, 'audit_adopted is append-only: DELETE refused');
END;
