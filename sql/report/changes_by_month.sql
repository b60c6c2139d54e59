-- The picture of `changes`: the same rows of [@from, @to), by the month (UTC) in which the label was given
-- and the label after.
SELECT SUBSTR(CAST(h.changed_at AS CHAR), 1, 7) AS month, h.new_classification AS label, COUNT(*) AS changes
FROM workout_classification_history h
WHERE (@from IS NULL OR h.changed_at >= @from)
  AND (@to IS NULL OR h.changed_at < @to)
  AND (h.previous_classification IS NULL OR h.previous_classification <> h.new_classification)
GROUP BY SUBSTR(CAST(h.changed_at AS CHAR), 1, 7), h.new_classification
ORDER BY SUBSTR(CAST(h.changed_at AS CHAR), 1, 7), h.new_classification
