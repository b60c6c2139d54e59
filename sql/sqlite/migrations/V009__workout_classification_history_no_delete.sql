-- As above; REPLACE deletes, and is refused too where recursive_triggers is on, as it is on
-- Paceline's connections.
CREATE TRIGGER IF NOT EXISTS workout_classification_history_no_delete BEFORE DELETE ON workout_classification_history
BEGIN
    SELECT RAISE(ABORT, 'workout_classification_history is append-only: DELETE refused');
END;
