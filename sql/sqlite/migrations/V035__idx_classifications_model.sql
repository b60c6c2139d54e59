-- The index idx_classifications_model served no query: which models stand is counted over the whole table. A night
-- that retrains refreshes model_id in every row, and would move each row in this index.
DROP INDEX IF EXISTS idx_classifications_model;
