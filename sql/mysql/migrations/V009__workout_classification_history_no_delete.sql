-- As above; REPLACE deletes, and is refused too.
CREATE TRIGGER workout_classification_history_no_delete BEFORE DELETE ON workout_classification_history FOR EACH ROW
    SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'workout_classification_history is append-only: DELETE refused';
