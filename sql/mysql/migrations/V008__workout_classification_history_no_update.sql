-- The history is what replay folds; a row that can change is no record of what happened.
CREATE TRIGGER workout_classification_history_no_update BEFORE UPDATE ON workout_classification_history FOR EACH ROW
    SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'workout_classification_history is append-only: UPDATE refused';
