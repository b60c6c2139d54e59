-- The history is what replay folds; a row that can change is no record of what happened.
CREATE TRIGGER IF NOT EXISTS workout_classification_history_no_update BEFORE UPDATE ON workout_classification_history
BEGIN
    SELECT RAISE(ABORT, 'workout_classification_history is append-only: UPDATE refused');
END;
