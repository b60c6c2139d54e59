-- Evidence that can be rewritten is none.
CREATE TRIGGER model_evaluations_no_update BEFORE UPDATE ON model_evaluations FOR EACH ROW
    SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'model_evaluations is append-only: UPDATE refused';
