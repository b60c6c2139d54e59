-- The picture of `stats`: the same rows since @from, by label and by twentieth of the confidence (0 is below
-- 0.05, 20 is exactly 1). Rows without a confidence have no twentieth. The whole part is written so that it
-- does not matter which way a server rounds a half.
SELECT h.new_classification AS label,
       ROUND(h.classification_confidence * 20)
       - CASE WHEN ROUND(h.classification_confidence * 20) > h.classification_confidence * 20 THEN 1 ELSE 0 END
       AS twentieth,
       COUNT(*) AS changes
FROM workout_classification_history h
WHERE @from IS NULL OR h.changed_at >= @from
GROUP BY h.new_classification,
         ROUND(h.classification_confidence * 20)
         - CASE WHEN ROUND(h.classification_confidence * 20) > h.classification_confidence * 20 THEN 1 ELSE 0 END
ORDER BY h.new_classification, twentieth
