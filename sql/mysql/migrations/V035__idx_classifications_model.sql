-- The index idx_classifications_model served no query: which models stand is counted over the whole table. A night
-- that retrains refreshes model_id in every row, and moving each row in this index was two fifths of what that cost
-- the server. MySQL 8 has no DROP INDEX IF EXISTS, so whether it is there is asked first.
DROP INDEX idx_classifications_model ON workout_ml_classifications;
