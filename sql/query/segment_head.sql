-- The head of one segment: whether a COMMIT whose answer was lost took effect.
SELECT head
FROM audit_segments
WHERE segment_id = :segment_id
ORDER BY segment_id
