-- Evidence that can be rewritten is none.
CREATE TRIGGER IF NOT EXISTS model_evaluations_no_delete BEFORE DELETE ON model_evaluations
BEGIN
    SELECT RAISE(ABORT, 'model_evaluations is append-only: DELETE refused');
END;
