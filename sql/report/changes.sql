-- What changed in [@from, @to), by label before and after and by where the new label came from. New
-- verdicts have no label before; confirmations of the same label are no changes. NULL (or a variable
-- that was never set) leaves that end open.
SELECT h.previous_classification AS from_label, h.new_classification AS to_label, h.classification_source AS source,
       COUNT(*) AS changes, COUNT(DISTINCT h.workout_id) AS workouts, COUNT(DISTINCT h.run_id) AS runs,
       AVG(h.classification_confidence) AS mean_confidence,
       MIN(h.changed_at) AS first_at, MAX(h.changed_at) AS last_at
FROM workout_classification_history h
WHERE (@from IS NULL OR h.changed_at >= @from)
  AND (@to IS NULL OR h.changed_at < @to)
  AND (h.previous_classification IS NULL OR h.previous_classification <> h.new_classification)
GROUP BY h.previous_classification, h.new_classification, h.classification_source
ORDER BY h.previous_classification, h.new_classification, CAST(h.classification_source AS CHAR)
