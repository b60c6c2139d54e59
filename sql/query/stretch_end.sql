-- Where a stretch of :rows workouts ends that begins at key :from_id of date :from (NULL: at its beginning): the
-- first workout that is not in it, in the order of date and key, dated before :to. An index on the date has that
-- order and both columns. Two dozen more, should its key be one that cannot be read.
SELECT workout_date, workout_id
FROM workout_summary
WHERE workout_date >= :from AND workout_date < :to
  AND (workout_date > :from OR :from_id IS NULL OR workout_id >= :from_id)
ORDER BY workout_date, workout_id
LIMIT 24 OFFSET :rows
