-- The trigger workout_classification_history_no_delete refused every DELETE. The one that was made just before
-- refuses every DELETE but those of archived rows.
DROP TRIGGER IF EXISTS workout_classification_history_no_delete;
