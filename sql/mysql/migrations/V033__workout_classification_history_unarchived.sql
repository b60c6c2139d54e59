-- History that no file holds cannot be deleted: a row may go only while an archive of its segment is being made,
-- which is sealed, and whose file has been read back. The segment of a row of others is the one that adopted it.
-- Takes the place of the trigger that refused every DELETE (and is there before that one goes).
CREATE TRIGGER workout_classification_history_unarchived BEFORE DELETE ON workout_classification_history FOR EACH ROW
    IF NOT EXISTS (
        SELECT 1
        FROM archive_status s
        JOIN audit_archives a ON a.archive_id = s.archive_id
        WHERE s.status = 'archiving'
          AND COALESCE(OLD.segment_id,
              (SELECT CASE WHEN r.last_history_id >= OLD.history_id THEN r.segment_id END
               FROM audit_adopted r WHERE r.first_history_id <= OLD.history_id
               ORDER BY r.first_history_id DESC LIMIT 1)) BETWEEN a.first_segment AND a.last_segment
    ) THEN
        SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'workout_classification_history is append-only: DELETE refused';
    END IF;
